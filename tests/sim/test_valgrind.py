#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Helgrind and drd on the baton backend: they must see a race between simulated threads, and must not see one where
a join, a gate, a post or a socket gives an order.

    test_valgrind.py RACE_PROGRAM SIM_LIBRARY
    test_valgrind.py --universes TEST_UNIVERSES --seeds A..B SIM_LIBRARY [CORE_LIBRARY]

The second form runs whole universes. There both tools need tests/sim/atomics.supp, as they do not understand the
server's atomics: what they say beyond it is worth reading. It is the way to try a fix against a third judge, or to
look at lock orders; the tests proper rely on TSan."""

import argparse
import pathlib
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
TOOLS = ("drd", "helgrind")
RACE_FOUND = 99


def kernel_functions(libraries):
    """The simulator's own: its state is touched by all threads, ordered by the baton, which nobody is told of."""
    for library in libraries:
        names = subprocess.run(["nm", library], check=True, capture_output=True, text=True).stdout
        member = ""
        for line in names.splitlines():
            fields = line.split()
            if line.endswith(".o:"):
                member = line
            elif len(fields) == 3 and fields[1] in "tT" and ("sim" in library or member == "deadlines.c.o:"):
                yield fields[2]


def suppressions(libraries):
    """For helgrind; drd is told by the simulator when it has to look away."""
    yield "{\n naming\n Helgrind:Race\n fun:*\n fun:pthread_setname_np*\n}"
    for name in sorted(set(kernel_functions(libraries))):
        yield f"{{\n {name}\n Helgrind:Race\n fun:{name}\n}}"
        yield f"{{\n libc in {name}\n Helgrind:Race\n fun:*mem*\n fun:{name}\n}}"
        yield f"{{\n libc in {name}\n Helgrind:Race\n fun:str*\n fun:{name}\n}}"


def run(tool, files, command):
    return subprocess.run(["valgrind", f"--tool={tool}", "--quiet", f"--error-exitcode={RACE_FOUND}",
                           "--read-inline-info=no", *(f"--suppressions={file}" for file in files), *command],
                          capture_output=True, text=True)


def main():
    parser = argparse.ArgumentParser(description="helgrind and drd on the baton backend")
    parser.add_argument("--universes", metavar="PROGRAM")
    parser.add_argument("--seeds", default="1..3")
    parser.add_argument("files", nargs="+")
    arguments = parser.parse_args()
    if not arguments.universes and len(arguments.files) < 2:
        parser.error("a program and the simulator's library are needed")
    if shutil.which("valgrind") is None:
        sys.exit("valgrind is not here")

    wrong = 0
    with tempfile.TemporaryDirectory() as folder:
        supp = pathlib.Path(folder) / "kernel.supp"
        libraries = arguments.files if arguments.universes else arguments.files[1:]
        supp.write_text("\n".join(suppressions(libraries)) + "\n", encoding="ascii")
        for tool in TOOLS:
            if arguments.universes:
                cases = [(["--seeds", arguments.seeds, "--backend", "baton"], 0)]
                program, files = arguments.universes, [supp, HERE / "atomics.supp"]
            else:
                cases = [(["racy", "baton"], RACE_FOUND)]
                cases += [([order, "baton"], 0) for order in ("join", "gate", "post", "socket")]
                program, files = arguments.files[0], [supp]
            for options, expected in cases:
                result = run(tool, files, [program, *options])
                good = result.returncode == expected
                if expected == RACE_FOUND:
                    good = good and (" first " in result.stderr or " second " in result.stderr)
                print(f"{'ok' if good else 'NOT OK'}: {tool} {' '.join(options)}", flush=True)
                if not good:
                    print(f"status {result.returncode}\n{result.stdout}{result.stderr}")
                wrong += not good
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
