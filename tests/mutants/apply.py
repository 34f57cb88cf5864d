#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Does every mutant still apply, name its catalogue row and keep to ten changed lines? Changes nothing.

A patch that no longer applies tests nothing any more: plant its bug anew in what replaced the code, or delete it.
"""
import glob
import os
import re
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
LINES_MAX = 10


def faults(path, tree):
    text = open(path, encoding="utf-8").read()
    head, _, _ = text.partition("\n--- ")
    changed = [line for line in text.split("\n") if line[:1] in ("+", "-") and line[:4] not in ("+++ ", "--- ")]
    if "SPDX-License-Identifier: LGPL-2.1-or-later" not in head:
        yield "no licence"
    if not re.search(r"^Row: R\d+$", head, re.M) or not re.search(r"^Row: .*\n[A-Z].{20}", head, re.M):
        yield "its head names no row of the catalogue, or not what the bug was"
    if not 1 <= len(changed) <= LINES_MAX:
        yield f"{len(changed)} changed lines; 1 to {LINES_MAX} are allowed"
    for name in re.findall(r"^--- a/(\S+)$", text, re.M):
        if not name.startswith("server/"):
            yield f"it changes {name}: bugs are planted in the server"
        elif os.path.isfile(os.path.join(ROOT, name)):
            os.makedirs(os.path.dirname(os.path.join(tree, name)), exist_ok=True)
            shutil.copyfile(os.path.join(ROOT, name), os.path.join(tree, name))
    done = subprocess.run(["patch", "-p1", "--dry-run", "--force", "-d", tree, "-i", path], capture_output=True, text=True)
    if done.returncode != 0:
        yield "it does not apply: " + " ".join(done.stdout.split())


def main():
    paths = sorted(glob.glob(os.path.join(HERE, "*.patch")))
    bad = 0
    with tempfile.TemporaryDirectory() as tree:
        for path in paths:
            for fault in faults(path, tree):
                print(f"{os.path.basename(path)}: {fault}")
                bad += 1
        # That this check can fail at all: a patch whose context is nowhere, and one that says nothing of itself.
        if paths:
            stale = os.path.join(tree, "stale.patch")
            text = open(paths[0], encoding="utf-8").read()
            with open(stale, "w", encoding="utf-8") as file:
                file.write(re.sub(r"^([ -])(?!-- )(.*\S.*)$", r"\1not here: \2", text[text.index("--- a/"):], flags=re.M))
            said = list(faults(stale, tree))
            if len(said) < 3 or not any("does not apply" in fault for fault in said):
                print(f"a patch that is broken in three ways is not refused for them: {said}")
                bad += 1
    print(f"{len(paths)} mutants, {bad} faults")
    return 0 if paths and bad == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
