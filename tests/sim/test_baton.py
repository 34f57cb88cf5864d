#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The whole server, seed by seed, on fibers and on the baton: the same events, whoever compiled it.

    test_baton.py [--count N] PROGRAM...

Each PROGRAM is a test-universes. It compares its two backends itself, here the programs are compared with each other,
over N seeds (50 when nothing is said) with and without switching between calls."""

import argparse
import os
import re
import subprocess
import sys

MODES = (("switches at calls", [], 1), ("switches in loops", ["--plain"], 1), ("tickets", ["--tickets"], 5))


def main():
    parser = argparse.ArgumentParser(description="compare the simulator's backends, and builds of it")
    parser.add_argument("--count", type=int, default=50, metavar="N", help="seeds in each mode")
    parser.add_argument("programs", nargs="+", metavar="PROGRAM")
    arguments = parser.parse_args()
    if arguments.count < 1:
        parser.error("--count must be at least 1")

    # Handing the baton to a thread on another processor takes several times as long.
    processors = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {processors[os.getpid() % len(processors)]})

    differ = False
    for name, options, part in MODES:
        seeds = f"1..{max(arguments.count // part, 1)}"
        hashes = {}
        for program in arguments.programs:
            run = subprocess.run([program, "--seeds", seeds, "--backend", "both", *options], capture_output=True, text=True)
            found = re.search(r"hash of all: ([0-9a-f]{16})", run.stdout)
            if run.returncode != 0 or found is None:
                sys.exit(f"{program}, {name}:\n{run.stdout}{run.stderr}")
            hashes[program] = found[1]
            print(f"{found[1]}  seeds {seeds}, {name}: {program}", flush=True)
        differ |= len(set(hashes.values())) > 1
    if differ:
        sys.exit("the hashes differ")


if __name__ == "__main__":
    main()
