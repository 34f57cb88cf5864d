#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Does the table of scenarios/README.md say what scenarios, mutants and placed faults themselves say?

table.py SCENARIOS MUTANTS: prints each difference, and exits 0 only if there is none, and at least 60 rows of the parts
A to E, L and N of the catalogue have a mutant of theirs or a fault that their scenario places.
"""
import glob
import os
import re
import sys

ROWS_MIN = 60


def lines_of(path):
    """(rows, scenarios, mutants, faults) of each line of the table."""
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            found = re.match(r"\| ((?:[RH]\d+ ?)+)\| (.*?) \| (.*?) \| (.*?) \|$", line)
            if found:
                rows, scenarios, third, _ = found.groups()
                yield rows.split(), *(re.findall(r"`([\w-]+)`", cell) for cell in (scenarios, third)), re.findall(r"\bF\d+", third)


def read_scenarios(folder):
    """Pairs of row and scenario; the faults that each scenario places."""
    told, faults = set(), {}
    for path in glob.glob(os.path.join(folder, "*.scn")):
        name = os.path.splitext(os.path.basename(path))[0]
        with open(path, encoding="utf-8") as file:
            text = file.read()
        for line in re.findall(r"^row (.*)$", text, re.M):
            told |= {(row, name) for row in re.findall(r"[RH]\d+", line.partition("#")[0])}
        faults[name] = set(re.findall(r"^\s*fault (F\d+)", text, re.M))
    return told, faults


def read_mutants(folder):
    """Name to row."""
    mutants = {}
    for path in glob.glob(os.path.join(folder, "*.patch")):
        with open(path, encoding="utf-8") as file:
            mutants[os.path.basename(path)[:-len(".patch")]] = re.search(r"^Row: (R\d+)$", file.read(), re.M).group(1)
    return mutants


def is_of_these_parts(row):
    """A to E, L, N: the rows that are asked for."""
    number = int(row[1:])
    return row[0] == "R" and (number <= 88 or 174 <= number <= 180 or 186 <= number <= 190)


def main():
    table = list(lines_of(os.path.join(sys.argv[1], "README.md")))
    told, faults = read_scenarios(sys.argv[1])
    mutants = read_mutants(sys.argv[2])
    wrong = []
    in_table = {(row, name) for rows, names, _, _ in table for row in rows for name in names}
    wrong += [f"{name}.scn does not name {row}, the table does" for row, name in sorted(in_table - told)]
    wrong += [f"the table does not know that {name}.scn is for {row}" for row, name in sorted(told - in_table)]
    counted, listed = set(), set()
    for rows, names, planted, placed in table:
        listed |= set(planted)
        for name in planted:
            if mutants.get(name) not in rows:
                wrong.append(f"{name} is no mutant of {' '.join(rows)}")
        for fault in placed:
            if not any(fault in faults.get(name, ()) for name in names):
                wrong.append(f"{' '.join(rows)}: none of its scenarios places {fault}")
        counted |= {mutants[name] for name in planted if name in mutants} | (set(rows) if placed else set())
    wrong += [f"the table does not know the mutant {name}" for name in sorted(set(mutants) - listed)]
    counted = {row for row in counted if is_of_these_parts(row)}
    if len(counted) < ROWS_MIN:
        wrong.append(f"only {len(counted)} rows have a mutant or a placed fault; {ROWS_MIN} must")
    for line in wrong:
        print(line)
    print(f"{len(told)} entries, {len(mutants)} mutants; {len(counted)} rows have a mutant or a placed fault")
    sys.exit(1 if wrong else 0)


main()
