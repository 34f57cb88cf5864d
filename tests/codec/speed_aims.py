#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Do ci/codec-speed and ci/bench notice a codec or bands that became slow? Their verdicts of made-up figures; nothing is measured."""

import importlib.machinery
import importlib.util
import pathlib
import sys
import unittest

sys.dont_write_bytecode = True  # next to the programs it would look like one of them

CI = pathlib.Path(__file__).resolve().parents[2] / "ci"


def program(name):
    loader = importlib.machinery.SourceFileLoader(name.replace("-", "_"), str(CI / name))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(loader.name, loader))
    loader.exec_module(module)
    return module


SPEED, BENCH = program("codec-speed"), program("bench")
GOOD_SPEED, GOOD_SIZE, GOOD_LIBRARY = 20.0, 1.0, 1.0


def figures(changed=None, speed=GOOD_SPEED, size=GOOD_SIZE, library=GOOD_LIBRARY):
    """All that is measured, good but for one row."""
    keys = [(codec, kind) for codec in SPEED.CODECS for kind in SPEED.CLASSES]
    results = {key: [100, 100, 0.5, 0.5, GOOD_SPEED] for key in keys}
    alone = {key: [100, 100, GOOD_LIBRARY] for key in keys if key[0] in SPEED.LIBRARIES}
    if changed:
        results[changed] = [100, 100, 0.5, 0.5 * size, speed]
        if changed in alone:
            alone[changed][2] = library
    return results, alone


def verdicts(*arguments, **values):
    return [lost for _, lost in SPEED.missed(*figures(*arguments, **values))]


class CodecSpeed(unittest.TestCase):
    def test_good_figures_pass(self):
        self.assertEqual(verdicts(), [])

    def test_what_the_issue_asks_for(self):
        for codec, kind, least in (("quic", "photo", 1.5), ("lz", "photo", 1.5), ("lz", "text-run", 2), ("glz", "photo", 10),
                                   ("glz", "text-page", 1.5)):
            self.assertEqual(verdicts((codec, kind), speed=least), [], (codec, kind))
            self.assertEqual(verdicts((codec, kind), speed=least - 0.01), [True], (codec, kind))
        for kind in SPEED.CLASSES:
            self.assertEqual(verdicts(("glz", kind), size=1.02), [True])
            self.assertEqual(verdicts(("lz4", kind), library=1.11), [True])

    def test_no_row_of_an_aim_is_forgotten(self):
        for codec in SPEED.SPEEDS:
            for kind in SPEED.CLASSES:
                self.assertIn(True, verdicts((codec, kind), speed=0.5), (codec, kind))
        for codec in SPEED.LIBRARIES:
            for kind in SPEED.CLASSES:
                self.assertIn(True, verdicts((codec, kind), library=2.0), (codec, kind))

    def test_an_aim_without_margin_is_held(self):
        for (what, codec, kind), hold in SPEED.HELD.items():
            aim = dict(SPEED.aims(codec, kind))[what]
            self.assertEqual(verdicts((codec, kind), **{what: (aim + hold) / 2}), [False], (codec, kind))
            self.assertEqual(verdicts((codec, kind), **{what: hold * (0.98 if what == "speed" else 1.02)}), [True], (codec, kind))

    def test_a_measurement_that_is_missing_is_a_miss(self):
        results, _ = figures()
        self.assertIn(True, [lost for _, lost in SPEED.missed(results, {})])


class Bands(unittest.TestCase):
    def case(self, part):
        case = next(case for case in BENCH.make_cases() if case.name == "bands")
        results = BENCH.Results(case)
        results.runs[BENCH.OURS] = [{"part": part, "threads_ms": 100 * part, "alone_ms": 100}]
        return results

    def test_the_aim_is_that_of_the_issue(self):
        self.assertEqual(self.case(0.6).missed(), [])
        self.assertNotEqual(self.case(0.61).missed(), [])

    def test_less_than_is_held_is_lost(self):
        self.assertEqual(self.case(BENCH.BANDS_HELD).lost(), [])
        self.assertNotEqual(self.case(BENCH.BANDS_HELD + 0.01).lost(), [])


if __name__ == "__main__":
    unittest.main()
