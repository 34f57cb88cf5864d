#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A token gives the same universe, whoever compiled the simulator: builds tests/sim/tokens.c with every compiler that is
here, with and without optimisation, and compares what it prints: hashes, failures, numbers of decisions."""

import itertools
import pathlib
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
COMPILERS = ("gcc", "clang")
OPTIONS = ("-O0", "-O2")


def sources():
    yield from sorted((ROOT / "sim").glob("*.c"))
    yield from sorted((ROOT / "server" / "base").glob("*.c"))
    yield from sorted((ROOT / "server" / "core").glob("*.c"))
    yield from (ROOT / "sim" / "explore" / f"{name}.c" for name in ("plan", "play", "replay"))
    yield ROOT / "sim" / "workload" / "planted.c"
    yield ROOT / "tests" / "sim" / "tokens.c"


def main():
    flags = subprocess.run(["pkg-config", "--cflags", "spice-protocol"], check=True, capture_output=True,
                           text=True).stdout.split()
    includes = [f"-I{ROOT}", f"-I{ROOT}/server", f"-I{ROOT}/server/include/spice-server"]
    found = [compiler for compiler in COMPILERS if shutil.which(compiler)]
    if not found:
        sys.exit("no compiler found")
    outputs = {}
    with tempfile.TemporaryDirectory() as folder:
        for compiler, option in itertools.product(found, OPTIONS):
            program = pathlib.Path(folder) / "tokens"
            subprocess.run([compiler, "-std=gnu17", option, *includes, *flags, *map(str, sources()), "-o",
                            str(program)], check=True)
            run = subprocess.run([str(program)], capture_output=True, text=True)
            if run.returncode != 0:
                sys.exit(f"{compiler} {option}: a record does not repeat its universe:\n{run.stdout}{run.stderr}")
            outputs[f"{compiler} {option}"] = run.stdout.splitlines()
    first, *others = outputs
    failures = sum(len(line.split(" ", 4)[4]) > 0 for line in outputs[first])
    print(f"{len(outputs[first])} tokens, of which {failures} fail, in {len(outputs)} builds")
    if failures < 20:
        sys.exit("too few of them fail: this proves little")
    for name in others:
        for ours, theirs in zip(outputs[first], outputs[name], strict=True):
            if ours != theirs:
                sys.exit(f"{first}: {ours}\n{name}: {theirs}")


if __name__ == "__main__":
    main()
