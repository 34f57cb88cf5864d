#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The same seed gives the same events, whoever compiled the simulator: builds tests/core/hash.c with every compiler
that is here, with and without optimisation and with both ways to switch stacks, and compares what it prints."""

import itertools
import pathlib
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
COMPILERS = ("gcc", "clang")
OPTIONS = (("-O0",), ("-O2",), ("-O2", "-DSUMAC_SIM_UCONTEXT"))

TESTS = ("hash", "on_sim", "rig", "timers", "watches", "tasks", "threads", "streams", "listeners", "services")


def sources():
    yield from sorted((ROOT / "sim").glob("*.c"))
    yield from sorted((ROOT / "server" / "base").glob("*.c"))
    yield from sorted((ROOT / "server" / "core").glob("*.c"))
    yield from (ROOT / "tests" / "core" / f"{name}.c" for name in TESTS)


def main():
    flags = subprocess.run(["pkg-config", "--cflags", "spice-protocol"], check=True, capture_output=True,
                           text=True).stdout.split()
    includes = [f"-I{ROOT}", f"-I{ROOT}/server", f"-I{ROOT}/server/include/spice-server"]
    found = [compiler for compiler in COMPILERS if shutil.which(compiler)]
    if not found:
        sys.exit("no compiler found")
    hashes = {}
    with tempfile.TemporaryDirectory() as folder:
        for compiler, options in itertools.product(found, OPTIONS):
            name = " ".join((compiler,) + options)
            program = pathlib.Path(folder) / "hash"
            subprocess.run([compiler, "-std=gnu17", *options, *includes, *flags, *map(str, sources()), "-o", str(program)],
                           check=True)
            hashes[name] = subprocess.run([str(program)], check=True, capture_output=True, text=True).stdout.strip()
            print(hashes[name], name)
    if len(set(hashes.values())) != 1:
        sys.exit("the hashes differ")


if __name__ == "__main__":
    main()
