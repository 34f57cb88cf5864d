#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""spice-sim as its users meet it: commands, exit codes, files, and the page in a browser.

    test_cli.py PROGRAM [unittest options]
"""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = ""


class Cli(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="sumac-cli-"))
        self.addCleanup(shutil.rmtree, self.folder)

    def run_cli(self, *arguments, code=0):
        done = subprocess.run([PROGRAM, *map(str, arguments)], capture_output=True, text=True, cwd=self.folder, timeout=300)
        self.assertEqual(done.returncode, code, f"{arguments}:\n{done.stdout}{done.stderr}")
        return done

    def token_of(self, subject, *options):
        done = self.run_cli("explore", subject, "--seeds", "1..300", "--max", "1", "--quiet", *options, code=1)
        return re.search(r"^found (\S+)$", done.stdout, re.M)[1]

    def shrunk(self, subject):
        path = self.folder / "small.replay"
        self.run_cli("shrink", self.token_of(subject), "--out", path, "--quiet", code=1)
        return path

    def test_help_names_every_option_that_exists(self):
        text = self.run_cli("--help").stdout
        source = (ROOT / "sim" / "cli" / "main.c").read_text(encoding="utf-8")
        options = set(re.findall(r'"(--[a-z]+)"', source)) - {"--help", "--seed", "--scheduler"}
        self.assertGreater(len(options), 15)
        manual = (ROOT / "docs" / "man" / "spice-sim.1").read_text(encoding="utf-8").replace("\\-", "-")
        for option in sorted(options):
            self.assertIn(option + " ", text.replace("\n", " "))
            self.assertIn(option, manual)

    def test_wrong_options_are_told_apart(self):
        for arguments in (["explode"], ["explore", "nobody"], ["explore", "--seeds", "9..1"], ["explore", "--horses", "1"],
                          ["explore", "--jobs", "0"], ["explore", "--shard", "3/3"], ["explore", "--schedulers", "fair"],
                          ["explore", "--without", "F99"], ["explore", "--time", "1d"], ["explore", "--seeds"],
                          ["run"], ["replay"], ["replay", "S1:nobody:1:L1:random:0"], ["replay", "no-such-file"], []):
            done = self.run_cli(*arguments, code=2)
            self.assertNotEqual(done.stderr, "")
            self.assertEqual(done.stdout, "")

    def test_list_names_what_there_is(self):
        text = self.run_cli("list").stdout
        for word in ("universe", "planted-order", "pct3", "exhaustive1", "F4.write", "clients=1..4"):
            self.assertIn(word, text)

    def test_nothing_found(self):
        done = self.run_cli("explore", "planted-access", "--seeds", "1..200")
        self.assertRegex(done.stdout, r"200 universes in [0-9.]+ s, [0-9]+/s; .* 0 found, 0 different")

    def test_what_was_found_is_repeated(self):
        token = self.token_of("planted-update")
        first = self.run_cli("replay", token, code=1).stdout
        self.assertIn("planted: an update is lost", first)
        self.assertEqual(self.run_cli("replay", token, code=1).stdout, first)

    def test_crashes_are_found_and_repeated(self):
        token = self.token_of("planted-crash")
        self.assertIn("died: ", self.run_cli("replay", token, code=1).stdout)

    def test_shrunk_file_fails_in_the_same_way(self):
        path = self.shrunk("planted-update")
        lines = [line for line in path.read_text(encoding="utf-8").splitlines() if line[:2] in ("d ", "f ", "v ")]
        self.assertIn(len(lines), (1, 2, 3))
        text = self.run_cli("replay", path, code=1).stdout
        self.assertIn("planted: an update is lost", text)
        self.assertNotIn("not ", text.replace("another", ""))

    def test_a_file_that_no_longer_fails_says_so(self):
        path = self.shrunk("planted-update")
        kept = [line for line in path.read_text(encoding="utf-8").splitlines() if line[:2] != "d "]
        path.write_text("\n".join(kept) + "\n", encoding="utf-8")
        self.assertIn("not as the file says", self.run_cli("replay", path).stdout)

    def test_faults_can_be_left_out(self):
        token = self.token_of("planted-fault")
        self.run_cli("replay", token, "--without", "F11.lies")
        self.run_cli("replay", token, "--without", "F1")
        self.run_cli("replay", token, "--without", "F4", code=1)

    def test_exhaustive_search_says_when_it_is_complete(self):
        done = self.run_cli("explore", "planted-access", "--seeds", "1", "--schedulers", "exhaustive1")
        self.assertIn("1 search complete", done.stdout)
        token = re.search(r"^found (\S+)$", self.run_cli("explore", "planted-deadlock", "--seeds", "1", "--schedulers",
                                                         "exhaustive1", code=1).stdout, re.M)[1]
        self.assertIn("deadlock", self.run_cli("replay", token, code=1).stdout)

    def universes(self, *options):
        path = self.folder / "universes.jsonl"
        self.run_cli("explore", "planted-access", "--seeds", "1..60", "--jsonl", path, *options)
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]

    def test_shards_and_jobs_share_the_work(self):
        whole = {one["token"]: one["hash"] for one in self.universes()}
        self.assertEqual(len(whole), 60)
        self.assertEqual({one["token"]: one["hash"] for one in self.universes("--jobs", "3")}, whole)
        shards = {}
        for shard in range(4):
            part = self.universes("--shard", f"{shard}/4")
            self.assertEqual(len(part), 15)
            for one in part:
                self.assertNotIn(one["token"], shards)
                shards[one["token"]] = one["hash"]
        self.assertEqual(shards, whole)

    def test_junit(self):
        path = self.folder / "junit.xml"
        self.run_cli("explore", "planted-order", "planted-access", "--seeds", "1..200", "--junit", path, code=1)
        suite = xml.etree.ElementTree.parse(path).getroot()
        self.assertEqual(suite.get("tests"), "2")
        failed = {case.get("name"): len(case.findall("failure")) for case in suite.findall("testcase")}
        self.assertEqual(failed, {"planted-order": 1, "planted-access": 0})
        self.assertRegex(suite.find(".//failure").text, "^spice-sim replay S1:planted-order:")

    def test_findings_are_kept_and_shrunk(self):
        self.run_cli("explore", "planted-update", "--seeds", "1..20", "--shrink", "--out", self.folder / "found", "--quiet",
                     code=1)
        (path,) = (self.folder / "found").glob("*.replay")
        self.assertIn("an update is lost", self.run_cli("replay", path, code=1).stdout)

    def test_scenarios_are_subjects(self):
        name = sorted(path for path in (ROOT / "scenarios").glob("h*.scn"))[0]
        done = self.run_cli("run", name, "--seed", "3")
        token = re.search(r"passed (\S+)", done.stdout)[1]
        self.assertIn(f":{name.stem}:", token)
        self.assertIn("passed", self.run_cli("replay", token, name).stdout)

    def test_backends_agree(self):
        hashes = {re.search(r"hash (\w+)", self.run_cli("run", "universe", "--seed", "5", "--backend", backend).stdout)[1]
                  for backend in ("fiber", "baton")}
        self.assertEqual(len(hashes), 1)

    def test_trace_for_perfetto(self):
        path = self.folder / "trace.json"
        self.run_cli("run", "universe", "--seed", "3", "--perfetto", path)
        events = json.loads(path.read_text(encoding="utf-8"))["traceEvents"]
        phases = {event["ph"] for event in events}
        self.assertEqual(phases, {"M", "X", "s", "f", "C"})
        processes = {event["args"]["name"] for event in events if event["name"] == "process_name"}
        self.assertLessEqual({"server", "host", "client1"}, processes)
        for phase in "sf":
            self.assertEqual(sorted(event["id"] for event in events if event["ph"] == phase),
                             sorted({event["id"] for event in events if event["ph"] == "s"}))
        begun = {event["id"]: event["ts"] for event in events if event["ph"] == "s"}
        for event in events:
            if event["ph"] == "f":
                self.assertLess(begun[event["id"]], event["ts"])

    def test_trace_as_text(self):
        text = self.run_cli("run", "universe", "--seed", "3", "--trace").stdout
        self.assertGreater(len(re.findall(r"^\d+\.\d{9} spice-worker +\S+ +\d+ \d+$", text, re.M)), 20)

    def page(self, *arguments, code):
        path = self.folder / "page.html"
        self.run_cli(*arguments, "--html", path, code=code)
        return path

    def test_page_needs_no_network(self):
        text = self.page("replay", self.token_of("planted-update"), code=1).read_text(encoding="utf-8")
        self.assertNotRegex(text.replace("http://www.w3.org/2000/svg", ""), r"https?://|src=|href=|@import|url\((?!#)")
        self.assertIn("planted: an update is lost", text)

    def test_page_draws_its_diagram_in_a_browser(self):
        for arguments, code, columns in ((("replay", self.shrunk("planted-update")), 1, 7),
                                         (("replay", self.token_of("planted-crash")), 1, 4),
                                         (("run", "universe", "--seed", "5"), 0, 8)):
            path = self.page(*arguments, code=code)
            dom = subprocess.run(["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
                                  f"--user-data-dir={self.folder}/profile", "--virtual-time-budget=10000", "--dump-dom",
                                  path.as_uri()], capture_output=True, text=True, timeout=120, check=True,
                                 env=dict(os.environ, HOME=str(self.folder))).stdout
            drawn = re.search(r'<svg id="diagram"[^>]*data-turns="(\d+)" data-columns="(\d+)"', dom)
            self.assertIsNotNone(drawn, dom[:2000])
            turns = len(re.findall(r'<rect class="turn', dom))
            self.assertEqual(turns, int(drawn[1]))
            self.assertGreater(turns, 4)
            self.assertGreaterEqual(int(drawn[2]), columns)
            self.assertGreater(len(re.findall(r'<path class="arrow', dom)), 0)
            self.assertRegex(dom, r'<div id="failure"[^>]*>\S')
            self.assertRegex(dom, r'<pre id="decisions">\S')


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    PROGRAM = os.path.abspath(sys.argv.pop(1))
    unittest.main()
