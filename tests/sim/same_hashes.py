#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A token gives the same universe in every build, and on fibers as on the baton: plays all there is in each, and compares the
hashes of all events.

    same_hashes.py [--seeds A..B] [--schedulers LIST] [--backends LIST] [--subjects LIST] PROGRAM...

Each PROGRAM is a spice-sim; they may come from several compilers, with and without optimisation and sanitizers. The first one
on the first backend says what the others must do."""

import argparse
import concurrent.futures
import json
import os
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
SUBJECTS = "universe,universe-tickets,universe-scarce,machine,crowd,order,order-windows,teardown,teardown-open,teardown-dies,scenarios"


def play(program, backend, arguments, shard, processors):
    """A part of all universes, on a processor of its own: handing the baton to another one takes several times as long."""
    with tempfile.TemporaryDirectory() as folder:
        lines = pathlib.Path(folder) / "universes.jsonl"
        schedulers = ["--schedulers", arguments.schedulers] if arguments.schedulers else []
        command = ["setarch", "-R", os.path.abspath(program), "explore", "--seeds", arguments.seeds, "--quiet", "--backend", backend,
                   "--shard", f"{shard}/{len(processors)}", "--jsonl", str(lines), *schedulers, *arguments.subjects.split(",")]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as run:
            os.sched_setaffinity(run.pid, {processors[shard]})
            output = run.communicate()[0]
        if run.returncode != 0:
            raise SystemExit(f"{program} on {backend}:\n{output}")
        return [json.loads(line) for line in lines.read_text(encoding="utf-8").splitlines()]


def hashes(program, backend, arguments):
    processors = sorted(os.sched_getaffinity(0))
    with concurrent.futures.ThreadPoolExecutor(len(processors)) as pool:
        parts = pool.map(lambda shard: play(program, backend, arguments, shard, processors), range(len(processors)))
        return {universe["token"]: universe["hash"] for part in parts for universe in part}


def main():
    parser = argparse.ArgumentParser(description="compare builds and backends of the simulator")
    parser.add_argument("--seeds", default="1..3", metavar="A..B")
    parser.add_argument("--schedulers", metavar="LIST", help="each of them with each seed; if not given, one by the seed")
    parser.add_argument("--backends", default="fiber", metavar="LIST", help="fiber,baton")
    parser.add_argument("--subjects", default=SUBJECTS, metavar="LIST")
    parser.add_argument("programs", nargs="+", metavar="PROGRAM")
    arguments = parser.parse_args()
    first, *others = [(program, backend) for program in arguments.programs for backend in arguments.backends.split(",")]
    expected = hashes(*first, arguments)
    differ = 0
    for other in others:
        found = hashes(*other, arguments)
        if len(found) != len(expected):
            sys.exit(f"{len(found)} tokens of {' on '.join(other)}, {len(expected)} of {' on '.join(first)}")
        for token, its in found.items():
            if expected.get(token) != its:
                print(f"{token}: {expected.get(token)} in {' on '.join(first)}, {its} in {' on '.join(other)}")
                differ += 1
    print(f"{len(expected)} tokens in {len(others) + 1} builds and backends, {differ} differ")
    if len(expected) < 50 or not others:
        sys.exit("too few to prove anything")
    return 1 if differ else 0


if __name__ == "__main__":
    sys.exit(main())
