#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The whole server, seed by seed, on fibers and on the baton: the same events, whoever compiled it.

    test_baton.py [--count N] PROGRAM...

Each PROGRAM is a test-universes. It compares its two backends itself, here the programs are compared with each other,
over N seeds (50 when nothing is said) with and without switching between calls, and with passwords. Other schedulers and scenarios:
same_hashes.py --backends fiber,baton."""

import argparse
import concurrent.futures
import os
import queue
import re
import subprocess
import sys

MODES = (("switches at calls", []), ("switches in loops", ["--plain"]), ("tickets", ["--tickets"]))


def play(program, seeds, options, free):
    """Exit code and output, on a processor of its own: handing the baton to another one takes several times as long."""
    processor = free.get()
    try:
        with subprocess.Popen([program, "--seeds", seeds, "--backend", "both", *options], stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True) as run:
            os.sched_setaffinity(run.pid, {processor})
            output = run.communicate()[0]
        return run.returncode, output
    finally:
        free.put(processor)


def main():
    parser = argparse.ArgumentParser(description="compare the simulator's backends, and builds of it")
    parser.add_argument("--count", type=int, default=50, metavar="N", help="seeds in each mode")
    parser.add_argument("programs", nargs="+", metavar="PROGRAM")
    arguments = parser.parse_args()
    if arguments.count < 1:
        parser.error("--count must be at least 1")

    free = queue.Queue()
    processors = sorted(os.sched_getaffinity(0))
    for i in range(len(processors)):
        free.put(processors[(os.getpid() + i) % len(processors)])
    pool = concurrent.futures.ThreadPoolExecutor(len(processors))

    differ = False
    for name, options in MODES:
        seeds = f"1..{arguments.count}"
        hashes = {}
        runs = pool.map(lambda program: play(program, seeds, options, free), arguments.programs)
        for program, (status, output) in zip(arguments.programs, runs):
            found = re.search(r"hash of all: ([0-9a-f]{16})", output)
            if status != 0 or found is None:
                sys.exit(f"{program}, {name}:\n{output}")
            hashes[program] = found[1]
            print(f"{found[1]}  seeds {seeds}, {name}: {program}", flush=True)
        differ |= len(set(hashes.values())) > 1
    if differ:
        sys.exit("the hashes differ")


if __name__ == "__main__":
    main()
