#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""spice-sim as its users meet it: commands, exit codes, files, and the page in a browser.

    test_cli.py PROGRAM [unittest options]
"""

import json
import os
import pathlib
import pty
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest
import unittest.mock
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
                          ["explore", "--seeds", "18446744073709551616"], ["explore", "--trace"], ["explore", "--html", "x"],
                          ["run", "universe", "--junit", "x"], ["run", "universe", "--shard", "0/2"], ["list", "--seeds", "1"],
                          ["run", "universe", "--ignore", "progress"], ["replay", "--schedulers", "pct3", "S1:universe:1:L1:random:0"],
                          ["run", "universe", "--trace=1"], ["run", "universe", "teardown", "--html", "x"],
                          ["replay", "S1:universe:1:L1:random:0:clients=2:clients=3"], ["replay", "/dev/zero"],
                          ["shrink", "S1:planted-access:1:L1:random:0"], ["mutants", ".", "--rows"],
                          ["run"], ["replay"], ["replay", "S1:nobody:1:L1:random:0"], ["replay", "no-such-file"], []):
            done = self.run_cli(*arguments, code=2)
            self.assertNotEqual(done.stderr, "")
            self.assertEqual(done.stdout, "")

    def test_what_may_have_been_meant_is_said(self):
        for arguments, meant in ((["explroe"], "explore"), (["explore", "--sedes", "1"], "--seeds"),
                                 (["explore", "--schedulers", "sticky,pct"], "pct2"), (["run", "universse"], "universe"),
                                 (["explore", "--ignore", "progres"], "progress"), (["explore", "--without", "F4.writ"], "F4.write")):
            self.assertIn(f"did you mean '{meant}'?", self.run_cli(*arguments, code=2).stderr)
        self.assertIn("'S2' is no version", self.run_cli("replay", "S2:universe:1:L1:random:0", code=2).stderr)
        self.assertIn("followed by its file, hello.scn", self.run_cli("replay", "S1:hello:1:L1:random:0", code=2).stderr)

    def test_values_may_follow_an_equals_sign(self):
        self.assertIn("2 universes", self.run_cli("explore", "planted-access", "--seeds=1..2").stdout)

    def test_an_empty_folder_is_no_subject(self):
        for command in ("explore", "run"):
            self.assertIn("no scenario in this folder", self.run_cli(command, self.folder, code=2).stderr)

    def test_a_recording_is_a_subject(self):
        whole = ROOT / "tests" / "interop" / "recordings" / "xspice.rec"
        self.assertIn("passed S1:xspice:", self.run_cli("run", whole).stdout)
        for name, text, message in (("cut.rec", whole.read_bytes()[:300000], "the recording is damaged"),
                                    ("other.rec", b"SPICE", "this is no recording")):
            (self.folder / name).write_bytes(text)
            self.assertIn(message, self.run_cli("run", self.folder / name, code=1).stdout)
        (self.folder / "empty.rec").touch()
        self.assertIn("it is empty", self.run_cli("run", self.folder / "empty.rec", code=2).stderr)
        self.assertIn("neither a file", self.run_cli("run", self.folder / "missing.rec", code=2).stderr)

    def test_paths_are_tried_first(self):
        nowhere = self.folder / "nowhere" / "file"
        for arguments in (["explore", "--junit"], ["explore", "--jsonl"], ["explore", "--out"], ["run", "--html"], ["run", "--perfetto"]):
            done = self.run_cli(arguments[0], "planted-update", "--seeds", "1", arguments[1], nowhere, code=2)
            self.assertEqual(done.stdout, "")
        token = self.token_of("planted-update")
        self.assertEqual(self.run_cli("shrink", token, "--out", nowhere, code=2).stdout, "")
        self.assertIn("not all of it", self.run_cli("run", "universe", "--html", "/dev/full", code=3).stderr)

    def test_closed_descriptors_lose_nothing(self):
        for closed in ("<&- 2>&-", ">&- 2>&-", "<&- >&- 2>&-", ">&-"):
            done = subprocess.run(["sh", "-c", f'"$@" {closed}', "sh", PROGRAM, "explore", "planted-update", "--seeds", "1..3",
                                   "--jsonl", "j.jsonl", "--junit", "j.xml"], cwd=self.folder, timeout=60, capture_output=True)
            self.assertEqual(done.returncode, 1, closed)
            lines = [json.loads(line) for line in (self.folder / "j.jsonl").read_text(encoding="utf-8").splitlines()]
            self.assertEqual(len(lines), 3)
            self.assertEqual(len(list(xml.etree.ElementTree.parse(self.folder / "j.xml").iter("failure"))), 1)
        with open("/dev/full", "w", encoding="utf-8") as full:
            self.assertEqual(subprocess.run([PROGRAM, "list"], stdout=full, stderr=subprocess.PIPE, check=False).returncode, 3)

    def explore_for_ever(self, *arguments):
        process = subprocess.Popen([PROGRAM, "explore", "--seeds", "1..", "--jobs", "2", *map(str, arguments)], cwd=self.folder,
                                   stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.addCleanup(process.kill)
        self.addCleanup(process.stdout.close)
        workers = self.children(process.pid, 2)
        return process, workers

    @staticmethod
    def children(pid, wanted):
        for _ in range(100):
            found = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="utf-8").split()
            if len(found) >= wanted:
                return [int(child) for child in found]
            time.sleep(0.05)
        raise AssertionError("there are no workers")

    @staticmethod
    def is_running(pid):
        try:
            return pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()[0] != "Z"
        except FileNotFoundError:
            return False

    def test_glib_has_no_pools(self):
        """It looks at its environment before main(): what /proc shows is what it saw."""
        for given, seen in ((None, b"always-malloc"), ("debug-blocks", b"debug-blocks")):
            environment = {name: value for name, value in os.environ.items() if name != "G_SLICE"}
            with unittest.mock.patch.dict(os.environ, environment | ({"G_SLICE": given} if given else {}), clear=True):
                process, _ = self.explore_for_ever("planted-access", "--max", "0")
            variables = pathlib.Path(f"/proc/{process.pid}/environ").read_bytes().split(b"\0")
            process.kill()
            process.wait(timeout=20)
            self.assertIn(b"G_SLICE=" + seen, variables)

    def test_workers_end_with_their_parent(self):
        for subject in (["universe"], ["teardown", "--schedulers", "exhaustive3"], ["planted-access", "--max", "0"]):
            process, workers = self.explore_for_ever(*subject)
            process.kill()
            process.wait(timeout=20)
            for _ in range(100):
                if not any(map(self.is_running, workers)):
                    break
                time.sleep(0.05)
            self.assertFalse(any(map(self.is_running, workers)), subject)

    def test_a_signal_ends_a_sweep_in_order(self):
        for number, subject, code in ((signal.SIGINT, "planted-access", 130), (signal.SIGTERM, "planted-access", 143),
                                      (signal.SIGTERM, "planted-update", 1)):
            process, _ = self.explore_for_ever(subject, "--max", "0", "--jsonl", "j.jsonl", "--junit", "j.xml")
            time.sleep(0.5)
            process.send_signal(number)
            text, _ = process.communicate(timeout=60)
            self.assertEqual(process.returncode, code, text)
            self.assertRegex(text, "universes in .*; interrupted: ")
            lines = (self.folder / "j.jsonl").read_text(encoding="utf-8").splitlines()
            self.assertEqual(len(list(map(json.loads, lines))), int(re.search(r"^(\d+) universes in", text, re.M)[1]))
            self.assertEqual(xml.etree.ElementTree.parse(self.folder / "j.xml").getroot().get("tests"), "1")

    def test_a_killed_worker_is_called_that(self):
        process, workers = self.explore_for_ever("planted-access", "--max", "1")
        os.kill(workers[0], signal.SIGKILL)
        text, _ = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 3)
        self.assertIn("ended from outside: Killed", text)

    def test_universes_that_crash_have_their_line(self):
        path = self.folder / "j.jsonl"
        done = self.run_cli("explore", "planted-crash", "--seeds", "1..20", "--jsonl", path, code=1)
        self.assertRegex(done.stdout, r"(?m)^20 universes in (?!.*remain)")
        lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        self.assertEqual(len({line["token"] for line in lines}), 20)
        self.assertGreater(sum(line["sig"].startswith("died: ") for line in lines), 0)

    def test_names_of_files_are_no_json(self):
        name = self.folder / 'a"b\\c.scn'
        shutil.copy(ROOT / "scenarios" / "hello.scn", name)
        for include in (ROOT / "scenarios").glob("_*.scn"):
            shutil.copy(include, self.folder)
        path = self.folder / "j.jsonl"
        self.run_cli("explore", name, "--seeds", "1", "--jsonl", path)
        self.assertIn('a"b\\c', json.loads(path.read_text(encoding="utf-8"))["token"])

    def test_replays_of_earlier_nights_stay(self):
        for _ in range(2):
            self.run_cli("explore", "planted-update", "--seeds", "1..20", "--out", "found", code=1)
        names = sorted(path.name for path in (self.folder / "found").iterdir())
        self.assertEqual(names, ["planted-update-1.replay", "planted-update-2.replay"])

    def test_max_holds_for_all_processes(self):
        done = self.run_cli("explore", "planted-update", "planted-order", "planted-window", "--max", "1", "--jobs", "3", code=1)
        self.assertEqual(len(re.findall("^found ", done.stdout, re.M)), 1)

    def test_few_universes_in_which_nothing_happens_are_no_failure(self):
        self.run_cli("explore", "universe", "--seeds", "7")

    def test_a_level_that_is_not_built_in_is_said(self):
        text = self.run_cli("run", "planted-access", "--level", "2").stderr
        built = "no level 2" not in text
        flags = re.search(r"CMAKE_C_FLAGS:STRING=(.*)", (pathlib.Path(PROGRAM).parents[1] / "CMakeCache.txt").read_text(encoding="utf-8"))[1]
        self.assertEqual(built, "trace-loads" in flags)
        self.assertEqual("no level 2" in self.run_cli("replay", "S1:planted-access:1:L2:random:0").stderr, not built)

    def test_placed_faults_are_left_to_no_seed(self):
        path = ROOT / "scenarios" / "out-of-handles.scn"
        listed = re.findall(r"^fault +(\S+)", self.run_cli("list").stdout, re.M)
        placed = 1 << listed.index("F9.alloc") | 1 << listed.index("F9.handles")
        for options, wanted in (((), {placed}), (("--without", "F9"), {0})):
            self.run_cli("explore", path, "--seeds", "1..20", "--jsonl", "j.jsonl", *options)
            lines = (self.folder / "j.jsonl").read_text(encoding="utf-8").splitlines()
            self.assertEqual({int(json.loads(line)["token"].split(":")[5], 16) & placed for line in lines}, wanted)

    def test_shards_of_the_manual_are_what_the_program_takes(self):
        """Each way that docs/sweeps.md shows, with a few seeds and the placeholders of its scheduler filled in."""
        text = (ROOT / "docs" / "sweeps.md").read_text(encoding="utf-8")
        text = re.sub(r"(\\?\n) +--", " --", text)
        commands = re.findall(r"spice-sim (explore [^'\n]*--shard [^'\n]*)", text)
        self.assertEqual(len(commands), 3)
        for command in commands:
            for placeholder, value in (("{}", "1"), ("1..1000000", "1..50"), ("1.. ", "1..50 ")):
                command = command.replace(placeholder, value)
            command = command.replace("$SLURM_ARRAY_TASK_COUNT", "3")
            command = re.sub(r"\$[A-Z_]+", "2", command)
            (self.folder / "results").mkdir(exist_ok=True)
            command = command.replace("/results/", "results/")
            done = self.run_cli(*[word.strip('"') for word in command.split()])
            self.assertIn(" universes in ", done.stdout, command)

    def test_a_terminal_sees_how_far_it_is(self):
        ours, theirs = pty.openpty()
        done = subprocess.run([PROGRAM, "explore", "universe", "--seeds", "1..300"], stdout=subprocess.PIPE, stderr=theirs,
                              timeout=300, check=True)
        os.close(theirs)
        said = b""
        try:
            while part := os.read(ours, 65536):
                said += part
        except OSError:  # nobody holds the other end any more
            pass
        os.close(ours)
        self.assertIn(b" universes in ", done.stdout)
        shown = re.findall(rb"\[(#*)(\.*)\] (\d+) universes, \d+/s, 0 found \(0 different\), (\d+) remain", said)
        self.assertTrue(shown, said)
        for full, empty, played, remain in shown:
            self.assertEqual(len(full) + len(empty), 20)
            self.assertEqual(len(full), 20 * int(played) // 300)
            self.assertEqual(int(played) + int(remain), 300)

    def test_mutants_that_cannot_run_did_not_survive(self):
        folder = self.folder / "mutants" / "broken"
        folder.mkdir(parents=True)
        (folder / "row").write_text("R01\n", encoding="utf-8")
        (folder / "spice-sim").write_text("#!/bin/sh\nexit 127\n", encoding="utf-8")
        (folder / "spice-sim").chmod(0o755)
        done = self.run_cli("mutants", "mutants", "planted-access", "--time", "1", code=3)
        self.assertRegex(done.stdout, r"(?m)^broken +R01 +NOT RUN")
        self.assertIn("broken did not run", done.stderr)

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

    def test_files_that_cannot_be_are_refused(self):
        text = self.shrunk("planted-update").read_text(encoding="utf-8")
        path = self.folder / "wrong.replay"
        for pattern, wrong in ((r"(?m)^scripted.*$", "scripted sched"), (r"(?m)^scripted.*$", "scripted schedule foo"),
                               (r"(?m)^scripted.*$", ""), (r"(?m)^d .*$", "f F99.write main 1 1"), (r"(?m)^(plan .*)$", r"\1\n\1"),
                               (r"(?m)^scripted.*$", "scripted faults"), (r"(?m)^hash .*$", "hash x")):
            path.write_text(re.sub(pattern, wrong, text), encoding="utf-8")
            self.assertRegex(self.run_cli("replay", path, code=2).stderr, r"wrong.replay: line \d+: ")

    def test_a_file_of_another_program_says_so(self):
        text = self.shrunk("planted-update").read_text(encoding="utf-8")
        path = self.folder / "other.replay"
        path.write_text(re.sub(r"(?m)^hash .*$", "hash 1234567812345678", text), encoding="utf-8")
        self.assertIn("not the same events", self.run_cli("replay", path, code=1).stdout)
        path.write_text(re.sub(r"(?m)^d \S+", "d nobody", text), encoding="utf-8")
        decisions = len(re.findall("^[dfv] ", text, re.M))
        self.assertIn(f"of {decisions} decisions of the file {decisions} never came up", self.run_cli("replay", path).stdout)

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
        self.assertEqual(suite.find(".//failure").get("type"), "expected")

    def test_reports_name_oracle_invariants_and_faults(self):
        """Everywhere: what is printed when something is found and when it is replayed, and both kinds of files."""
        lines, junit = self.folder / "j.jsonl", self.folder / "j.xml"
        done = self.run_cli("explore", "planted-deadlock", "planted-fault", "--seeds", "1..200", "--jsonl", lines, "--junit", junit,
                            code=1)
        self.assertRegex(done.stdout, r"\n  oracle progress: I14 I15; faults that happened: none\n")
        self.assertRegex(done.stdout, r"\n  oracle expected; faults that happened: F1.close F11.lies\n")
        told = [json.loads(line) for line in lines.read_text(encoding="utf-8").splitlines()]
        self.assertTrue(all("oracle" not in one and "invariants" not in one for one in told if one["verdict"] == "passed"))
        self.assertIn({"F1.close"}, [set(one["faults"]) for one in told if one["verdict"] == "passed"])
        failed = {one["oracle"]: one for one in told if one["verdict"] == "failed"}
        self.assertEqual((failed["progress"]["invariants"], failed["progress"]["faults"]), (["I14", "I15"], []))
        self.assertEqual((failed["expected"]["invariants"], failed["expected"]["faults"]), ([], ["F1.close", "F11.lies"]))
        suite = xml.etree.ElementTree.parse(junit).getroot()
        failures = {one.get("type"): one.text for one in suite.iter("failure")}
        self.assertEqual(set(failures), {"progress I14 I15", "expected"})
        self.assertTrue(failures["expected"].endswith("\nfaults that happened: F1.close F11.lies"))
        for one, line in ((failed["progress"], "oracle progress: I14 I15; faults that happened: none"),
                          (failed["expected"], "oracle expected; faults that happened: F1.close F11.lies")):
            self.assertIn("\n  " + line + "\n", self.run_cli("replay", one["token"], code=1).stdout)
        page = self.page("replay", failed["progress"]["token"], code=1).read_text(encoding="utf-8")
        self.assertIn('"oracle":"progress",\n"invariants":"I14 I15",\n"faults":"",', page)

    def test_the_dead_tell_which_faults_happened(self):
        path = self.folder / "j.jsonl"
        self.run_cli("explore", "planted-crash", "--seeds", "1..300", "--jsonl", path, code=1)
        dead = [one for one in map(json.loads, path.read_text(encoding="utf-8").splitlines()) if one["verdict"] == "failed"]
        self.assertEqual({"memory"}, {one["oracle"] for one in dead})
        met = [("F1.close" in one["faults"], int(one["token"].split(":")[5], 16) & 1) for one in dead]
        self.assertEqual({(True, 1), (False, 0)}, set(met))

    def test_the_list_names_invariants(self):
        text = self.run_cli("list").stdout
        oracles = dict(re.findall(r"^oracle +(\S+) +[^:\n]*(?:: ([I0-9 ]+))?$", text, re.M))
        self.assertGreater(len(oracles), 14)
        self.assertEqual({name for name, watched in oracles.items() if not watched}, {"expected", "harness"})
        self.assertIn("I24 I29 I41 I52 I55", oracles["progress"])
        manual = (ROOT / "docs/man/spice-sim.1").read_text(encoding="utf-8")
        for name, watched in oracles.items():
            self.assertRegex(manual, rf"(?m)^{name};[^;]+;{watched or '(those of its rows|none)'}$")
        kinds = {name.split(".")[0] for name in re.findall(r"^fault +(\S+)", text, re.M)}
        self.assertLessEqual(kinds, {f"F{n}" for n in range(1, 13)} | {"client", "socket", "worker"})

    def test_every_kind_of_fault_happens(self):
        """But for one: no part of the server looks at the wall clock."""
        listed = set(re.findall(r"^fault +(\S+)", self.run_cli("list").stdout, re.M))
        self.run_cli("explore", "universe", "universe-scarce", "machine", "--seeds", "1..120", "--jobs", "2", "--quiet", "--jsonl", "j.jsonl")
        told = [json.loads(line) for line in (self.folder / "j.jsonl").read_text(encoding="utf-8").splitlines()]
        self.assertEqual(len(told), 360)
        self.assertEqual({name for one in told for name in one["faults"]}, listed - {"F8.wall"})

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
            self.assertRegex(dom, r'<span id="oracle">' + (r"oracle \w+" if code == 1 else "<"))
            self.assertRegex(dom, r'<span id="faults">faults that happened: \S')
            self.assertRegex(dom, r'<pre id="decisions">\S')


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    PROGRAM = os.path.abspath(sys.argv.pop(1))
    unittest.main()
