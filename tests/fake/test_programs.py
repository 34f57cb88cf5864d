#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""fake-desktop, fake-client and fake-replay as somebody meets them who makes mistakes.

    test_programs.py FOLDER-OF-PROGRAMS [unittest options]
"""
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import time
import unittest

RECORDING = pathlib.Path(__file__).resolve().parents[1] / "interop" / "recordings" / "xspice.rec"
PROGRAMS = ""


class Programs(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="sumac-fake-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def program(self, name, *arguments, code, stdout=subprocess.PIPE, shell=""):
        argv = [os.path.join(PROGRAMS, name), *map(str, arguments)]
        done = subprocess.run(["sh", "-c", f'"$@" {shell}', "sh", *argv] if shell else argv, stdout=stdout, stderr=subprocess.PIPE,
                              text=True, errors="replace", cwd=self.folder, timeout=60, check=False)
        self.assertEqual(done.returncode, code, f"{argv}:\n{done.stdout}{done.stderr}")
        return done

    def test_wrong_options_have_a_reason(self):
        for name, arguments, reason in (
                ("fake-client", ["extra", "--port", "5930"], "extra: this belongs to no option"),
                ("fake-client", ["--unix", "here", "--port", "5930"], "not both"),
                ("fake-client", ["--port", "5930", "--password", "x" * 61], "at most 60 bytes"),
                ("fake-client", ["--port", "5930", "--motion", "99999999999,1"], "--motion 99999999999,1"),
                ("fake-client", ["--port", "5930", "--motion", "1,2,3"], "--motion 1,2,3"),
                ("fake-desktop", ["extra", "--unix", "here"], "extra: this belongs to no option"),
                ("fake-desktop", ["--unix", "here", "--ticket-seconds", "5"], "goes with --password"),
                ("fake-desktop", ["--unix", "here", "--key-password", "x"], "--key-password with --tls-port"),
                ("fake-replay", ["--unix"], "--unix: needs a value"),
                ("fake-replay", ["--horses", "1", "file"], "--horses: there is no such option"),
                ("fake-replay", ["one", "two"], "one recording"),
                ("fake-replay", ["--commands", "-1", "file"], "--commands: "),
                ("fake-replay", ["--port", "70000", "file"], "--port: "),
                ("fake-replay", [], "RECORDING: which?")):
            self.assertIn(reason, self.program(name, *arguments, code=2).stderr)

    def test_only_a_whole_recording_is_good(self):
        whole = RECORDING.read_bytes()
        for name, content, code in (("whole", whole, 0), ("cut", whole[:400000], 1),
                                    ("damaged", whole[:300000] + b"xxxx\n" + whole[-300000:], 1), ("empty", b"", 1)):
            (self.folder / name).write_bytes(content)
            self.program("fake-replay", "--quit", "--unix", "socket", name, code=code)

    def test_closed_descriptors_harm_nobody(self):
        for shell in ("<&- >&- 2>&-", ">&-", "<&-"):
            self.program("fake-desktop", "--unix", "socket", "--seconds", 1, code=0, shell=shell)
            self.program("fake-replay", "--quit", "--unix", "socket", RECORDING, code=0, shell=shell)

    def test_what_cannot_be_said_is_an_error(self):
        with open("/dev/full", "w", encoding="utf-8") as full:
            self.program("fake-desktop", "--unix", "socket", "--seconds", 1, stdout=full, code=1)

    def test_a_server_outlives_a_picture_that_cannot_be_written(self):
        desktop = subprocess.Popen([os.path.join(PROGRAMS, "fake-desktop"), "--unix", "socket", "--dump", "nowhere/picture"],
                                   cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(desktop.kill)
        while not desktop.stdout.readline().startswith("ready"):
            self.assertIsNone(desktop.poll())
        desktop.send_signal(signal.SIGUSR1)
        self.assertIn("nowhere/picture cannot be written", desktop.stderr.readline())
        time.sleep(0.2)
        self.assertIsNone(desktop.poll())
        desktop.send_signal(signal.SIGTERM)
        desktop.communicate(timeout=20)
        self.assertEqual(desktop.returncode, 1)

    def test_every_message_is_dumped_whichever_way_it_goes(self):
        desktop = subprocess.Popen([os.path.join(PROGRAMS, "fake-desktop"), "--unix", "socket", "--still"], cwd=self.folder,
                                   stdout=subprocess.PIPE, text=True)
        self.addCleanup(desktop.stdout.close)
        self.addCleanup(desktop.wait)
        self.addCleanup(desktop.kill)
        while not desktop.stdout.readline().startswith("ready"):
            self.assertIsNone(desktop.poll())
        said = self.program("fake-client", "--unix", "socket", "--dump", "--keys", "0x1e,0x9e", "--seconds", 2, code=0).stdout
        counts = dict(re.findall(r"^(\w+/0): open, (\d+) messages", said, re.M))
        self.assertEqual(sorted(counts), ["cursor/0", "display/0", "inputs/0", "main/0"])
        for channel, count in counts.items():
            theirs = re.findall(rf"^{channel} < #(\d+) ", said, re.M)
            self.assertEqual([int(n) for n in theirs], list(range(1, int(count) + 1)), channel)
            ours = re.findall(rf"^{channel} > #(\d+) ", said, re.M)
            self.assertEqual([int(n) for n in ours], list(range(1, len(ours) + 1)), channel)
        for line in ("main/0 > #1 MSGC_MAIN_ATTACH_CHANNELS", "inputs/0 > #1 MSGC_INPUTS_KEY_DOWN", "inputs/0 > #2 MSGC_INPUTS_KEY_UP",
                     "cursor/0 > #1 MSGC_ACK_SYNC", "main/0 < #1 MSG_MAIN_INIT"):
            self.assertIn("\n" + line, "\n" + said)

    def test_a_tls_port_is_guessed(self):
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "server-key.pem", "-out",
                        "server-cert.pem", "-days", "1", "-subj", "/CN=localhost"], cwd=self.folder, check=True,
                       stderr=subprocess.DEVNULL)
        os.link(self.folder / "server-cert.pem", self.folder / "ca-cert.pem")
        for port in range(45930, 45990):
            desktop = subprocess.Popen([os.path.join(PROGRAMS, "fake-desktop"), "--tls-port", str(port), "--tls-cert-dir", "."],
                                       cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
            self.addCleanup(desktop.stdout.close)
            self.addCleanup(desktop.wait)
            self.addCleanup(desktop.kill)
            if any(line.startswith("ready") for line in iter(desktop.stdout.readline, "")):
                break
        self.assertIn("is it a TLS port?", self.program("fake-client", "--port", port, code=1).stdout)

    def test_what_was_meant_is_guessed(self):
        desktop = subprocess.Popen([os.path.join(PROGRAMS, "fake-desktop"), "--unix", "socket", "--still"], cwd=self.folder,
                                   stdout=subprocess.PIPE, text=True)
        self.addCleanup(desktop.stdout.close)
        self.addCleanup(desktop.wait)
        self.addCleanup(desktop.kill)
        while not desktop.stdout.readline().startswith("ready"):
            self.assertIsNone(desktop.poll())
        said = self.program("fake-client", "--unix", "socket", "--channels", "main,playback", "--seconds", 1, code=1).stdout
        self.assertIn("does it offer that channel?", said)
        said = self.program("fake-client", "--unix", "socket", "--channels", "display:x", code=2).stderr
        self.assertIn("display:x", said)
        said = self.program("fake-client", "--unix", "socket", "--prefer", "foo", code=2).stderr
        self.assertIn("--help", said)

    def test_a_replay_that_nobody_could_see_is_refused(self):
        self.assertIn("--quit", self.program("fake-replay", RECORDING, code=2).stderr)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    PROGRAMS = os.path.abspath(sys.argv.pop(1))
    unittest.main()
