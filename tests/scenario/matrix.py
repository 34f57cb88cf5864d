#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A client stalls inside each message of the display, and the guest makes each call: matrix.py RUN-SCENARIOS SCENARIO [SEEDS].

Plays the scenario once for each pair of its parameters `message` and `call`; in each the client must have been inside
such a message, or the scenario itself fails.
"""
import subprocess
import sys

MESSAGES = ("mark copy-bits inval-list inval-palettes draw-fill draw-opaque draw-copy draw-blend draw-blackness "
            "draw-whiteness draw-invers draw-rop3 draw-stroke draw-text draw-transparent draw-alpha-blend surface-create "
            "surface-destroy monitors-config draw-composite any-message").split()
CALLS = ("stop-and-start destroy-primary destroy-primary-async destroy-surfaces destroy-surfaces-async "
         "destroy-surface-wait destroy-surface-async reset-memslots del-memslot oom reset-image-cache reset-cursor "
         "update-area update-area-async flush-surfaces-async loadvm-commands driver-unload remove-interface").split()


def main():
    program, scenario = sys.argv[1:3]
    seeds = sys.argv[3] if len(sys.argv) > 3 else "1..1"
    failed = 0
    for message in MESSAGES:
        for call in CALLS:
            done = subprocess.run([program, "--seeds", seeds, "--param", f"message={message}", "--param", f"call={call}",
                                   scenario], capture_output=True, text=True)
            if done.returncode != 0:
                failed += 1
                print(f"{message}, {call}:\n{done.stdout}{done.stderr}", flush=True)
    print(f"{len(MESSAGES)} messages, {len(CALLS)} calls: {failed} of {len(MESSAGES) * len(CALLS)} failed")
    sys.exit(1 if failed else 0)


main()
