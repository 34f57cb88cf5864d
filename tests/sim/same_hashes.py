#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A token gives the same universe in every build: plays all there is in each, and compares the hashes of all events.

    same_hashes.py [--seeds A..B] PROGRAM...

Each PROGRAM is a spice-sim; they may come from several compilers, with and without optimisation and sanitizers."""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
SUBJECTS = ("universe", "universe-tickets", "machine", "crowd", "order", "teardown", "teardown-open", "scenarios")


def hashes(program, seeds):
    with tempfile.TemporaryDirectory() as folder:
        lines = pathlib.Path(folder) / "universes.jsonl"
        done = subprocess.run(["setarch", "-R", os.path.abspath(program), "explore", "--seeds", seeds, "--jobs", "2", "--quiet",
                               "--jsonl", lines, *SUBJECTS], cwd=ROOT, capture_output=True, text=True)
        if done.returncode != 0:
            sys.exit(f"{program}:\n{done.stdout}{done.stderr}")
        played = [json.loads(line) for line in lines.read_text(encoding="utf-8").splitlines()]
        return {universe["token"]: universe["hash"] for universe in played}


def main():
    parser = argparse.ArgumentParser(description="compare builds of the simulator")
    parser.add_argument("--seeds", default="1..3", metavar="A..B")
    parser.add_argument("programs", nargs="+", metavar="PROGRAM")
    arguments = parser.parse_args()
    first, *others = arguments.programs
    expected = hashes(first, arguments.seeds)
    differ = 0
    for program in others:
        for token, found in hashes(program, arguments.seeds).items():
            if expected.get(token) != found:
                print(f"{token}: {expected.get(token)} in {first}, {found} in {program}")
                differ += 1
    print(f"{len(expected)} tokens in {len(arguments.programs)} builds, {differ} differ")
    if len(expected) < 50:
        sys.exit("too few to prove anything")
    return 1 if differ else 0


if __name__ == "__main__":
    sys.exit(main())
