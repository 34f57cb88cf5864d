#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""fake-desktop draws; what fake-client shows in the end is what fake-desktop has.

    screenshot.py FAKE-DESKTOP FAKE-CLIENT [option of fake-desktop...]

The end is when fake-desktop has stopped drawing, and for QUIET_S nothing has come any more; then fake-desktop ends, and the
client with it.
"""
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

DRAW_S = 1.5
QUIET_S = 3.0  # a sanitizer, on a machine that does other things
PATIENCE_S = 40


def wait_for(path, seconds):
    end = time.monotonic() + seconds
    while not os.path.exists(path):
        if time.monotonic() > end:
            raise SystemExit(f"{os.path.basename(path)} never came")
        time.sleep(0.02)


def wait_for_listener(path):
    end = time.monotonic() + PATIENCE_S
    while True:
        with socket.socket(socket.AF_UNIX) as probe:
            if probe.connect_ex(path) == 0:
                return
        if time.monotonic() > end:
            raise SystemExit("nobody listens")
        time.sleep(0.02)


class Lines:
    """What a program says, and when it last said something."""

    def __init__(self, stream):
        self.stream, self.tail, self.last = stream, [], time.monotonic()
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        for line in self.stream:
            self.last = time.monotonic()
            self.tail = self.tail[-20:] + [line]

    def wait_quiet(self):
        end = time.monotonic() + PATIENCE_S
        while time.monotonic() - self.last < QUIET_S:
            if time.monotonic() > end:
                raise SystemExit("it does not become quiet")
            time.sleep(0.05)


def read(path):
    with open(path, "rb") as file:
        return file.read()


def main():
    desktop_program, client_program, options = sys.argv[1], sys.argv[2], sys.argv[3:]
    with tempfile.TemporaryDirectory() as folder:
        path, theirs, ours = (os.path.join(folder, name) for name in ("socket", "server.ppm", "client.ppm"))
        desktop = subprocess.Popen([desktop_program, "--unix", path, "--dump", theirs, *options],
                                   stdout=subprocess.DEVNULL)
        try:
            wait_for_listener(path)
            client = subprocess.Popen([client_program, "--unix", path, "--channels", "main,display", "--dump",
                                       "--screenshot", ours, "--seconds", "600"], stdout=subprocess.PIPE, text=True)
            lines = Lines(client.stdout)
            time.sleep(DRAW_S)
            desktop.send_signal(signal.SIGUSR1)
            wait_for(theirs, PATIENCE_S)
            lines.wait_quiet()
        finally:
            desktop.send_signal(signal.SIGTERM)
            desktop.wait()
        client.wait(PATIENCE_S)
        lines.thread.join()
        if not any(line == "0 violations\n" for line in lines.tail):
            raise SystemExit("fake-client: " + "".join(lines.tail))
        server, seen = read(theirs), read(ours)
        if len(set(server[15:])) < 8:
            raise SystemExit("nothing was drawn")
        if server != seen:
            wrong = sum(a != b for a, b in zip(server, seen))
            raise SystemExit(f"{wrong} bytes of the pictures differ")
        print(f"{len(seen)} bytes of picture are the same")


main()
