#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Failures that were seen once: do they stay away, and would they be seen again?

regressions.py FOLDER PROGRAM            each replay passes, all that it decides comes up, and scenarios/regressions/README.md
                                         has a line for it
regressions.py FOLDER PROGRAM --plant BUILD
                                         each fails as it says once its bug is planted (ci/plant) in BUILD's
                                         objects

A replay's comment names its bug: "# mutant NAME" is tests/mutants/NAME.patch, "# patch NAME.patch" lies beside the replay.
Exit code 0 only if there are replays, and nothing is wrong with any.
"""
import argparse
import glob
import os
import re
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def replayed(program, path):
    done = subprocess.run([program, "replay", path], cwd=ROOT, capture_output=True, text=True, timeout=120)
    return done.returncode, done.stdout + done.stderr


def patch_of(path):
    """Of the bug that this replay found; None: it does not say."""
    with open(path, encoding="utf-8") as file:
        named = re.search(r"^# (mutant|patch) (\S+)$", file.read(), re.M)
    if named is None:
        return None
    if named.group(1) == "mutant":
        return os.path.join(ROOT, "tests/mutants", named.group(2) + ".patch")
    return os.path.join(os.path.dirname(path), named.group(2))


def stays_away(path, program, table):
    status, said = replayed(program, path)
    if status != 0 or not said.startswith("passed "):
        yield f"exit code {status}: {said.strip()}"
    if "never came up" in said:
        yield "it decides what no longer comes up: find it anew on its mutant, and shrink it"
    if patch_of(path) is None or not os.path.isfile(patch_of(path)):
        yield "it names no bug that can be planted"
    if f"`{os.path.splitext(os.path.basename(path))[0]}`" not in table:
        yield "README.md has no line for it"


def is_seen_again(path, build):
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run([os.path.join(ROOT, "ci/plant"), patch_of(path), build, folder], capture_output=True, text=True)
        if done.returncode != 0:
            yield f"its bug cannot be planted: {(done.stdout + done.stderr).strip()}"
            return
        status, said = replayed(os.path.join(folder, "spice-sim"), path)
    if status != 1 or not said.startswith("failed ") or "not as the file says" in said:
        yield f"its bug is not seen again, exit code {status}: {said.strip()}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder")
    parser.add_argument("program")
    parser.add_argument("--plant", metavar="BUILD")
    args = parser.parse_args()

    replays = sorted(glob.glob(os.path.join(os.path.abspath(args.folder), "*.replay")))
    wrong = 0
    table = ""
    if replays:
        with open(os.path.join(args.folder, "README.md"), encoding="utf-8") as file:
            table = file.read()
    for path in replays:
        for fault in is_seen_again(path, args.plant) if args.plant else stays_away(path, args.program, table):
            print(f"{os.path.basename(path)}: {fault}")
            wrong += 1
    print(f"{len(replays)} regressions, {wrong} faults")
    return 0 if replays and wrong == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
