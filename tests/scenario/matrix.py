#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A client stalls inside each message, and the guest makes each call: matrix.py RUN-SCENARIOS FOLDER [EVERY [SEEDS]].

Plays scenarios of the folder once for each pair of their parameters `message` and `call`; in each the client must have been
inside such a message, or the scenario itself fails. EVERY 8 plays every eighth pair.
"""
import os
import subprocess
import sys

# What can be waited for in which story.
MESSAGES = {
    "stalled-inside": "mark copy-bits inval-list inval-palettes draw-fill draw-opaque draw-copy draw-blend draw-blackness "
                      "draw-whiteness draw-invers draw-rop3 draw-stroke draw-text draw-transparent draw-alpha-blend "
                      "surface-create surface-destroy monitors-config draw-composite cursor-init cursor-reset cursor-set "
                      "cursor-move cursor-hide cursor-trail cursor-inval-all any-message",
    "stalled-inside-greeting": "set-ack ping cursor-init any-message",
    "stalled-inside-eviction": "inval-palette cursor-inval-one",
}
CALLS = ("stop-and-start destroy-primary destroy-primary-async destroy-surfaces destroy-surfaces-async "
         "destroy-surface-wait destroy-surface-async reset-memslots del-memslot oom reset-image-cache reset-cursor "
         "update-area update-area-async flush-surfaces-async loadvm-commands driver-unload remove-interface").split()


def main():
    program, folder = sys.argv[1:3]
    every = int(sys.argv[3]) if len(sys.argv) > 3 else 1
    seeds = sys.argv[4] if len(sys.argv) > 4 else "1..1"
    pairs = [(name, message, call) for name, messages in MESSAGES.items() for message in messages.split() for call in CALLS]
    failed = played = 0
    for name, message, call in pairs[::every]:
        done = subprocess.run([program, "--seeds", seeds, "--param", f"message={message}", "--param", f"call={call}",
                               os.path.join(folder, name + ".scn")], capture_output=True, text=True)
        played += 1
        if done.returncode != 0:
            failed += 1
            print(f"{name}, {message}, {call}:\n{done.stdout}{done.stderr}", flush=True)
    print(f"{played} of {len(pairs)} pairs of a message and a call, {failed} failed")
    sys.exit(1 if failed else 0)


main()
