#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Does the table of scenarios/README.md say what the scenarios themselves say with "row"?

table.py FOLDER: prints each difference, and exits 0 only if there is none.
"""
import glob
import os
import re
import sys


def told_by_table(path):
    told = set()
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            found = re.match(r"\| ((?:[RH]\d+ ?)+)\| (.*?) \|", line)
            if found:
                rows, cell = found.groups()
                told |= {(row, name) for row in rows.split() for name in re.findall(r"`([\w-]+)`", cell)}
    return told


def told_by_files(folder):
    told = set()
    for path in glob.glob(os.path.join(folder, "*.scn")):
        name = os.path.splitext(os.path.basename(path))[0]
        with open(path, encoding="utf-8") as lines:
            for line in lines:
                if line.startswith("row "):
                    told |= {(row, name) for row in re.findall(r"[RH]\d+", line.partition("#")[0][4:])}
    return told


def main():
    folder = sys.argv[1]
    table = told_by_table(os.path.join(folder, "README.md"))
    files = told_by_files(folder)
    for row, name in sorted(table - files):
        print(f"{name}.scn does not name {row}, the table does")
    for row, name in sorted(files - table):
        print(f"the table does not know that {name}.scn is for {row}")
    print(f"{len(files)} entries")
    sys.exit(0 if table == files and files else 1)


main()
