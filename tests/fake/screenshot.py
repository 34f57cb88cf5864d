#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""fake-desktop draws; what fake-client shows in the end is what fake-desktop has.

    screenshot.py FAKE-DESKTOP FAKE-CLIENT [option of fake-desktop...]
"""
import os
import signal
import subprocess
import sys
import tempfile
import time

DRAW_S = 1.5
STAY_S = 4


def wait_for(path, seconds):
    end = time.monotonic() + seconds
    while not os.path.exists(path):
        if time.monotonic() > end:
            raise SystemExit(f"{os.path.basename(path)} never came")
        time.sleep(0.02)


def read(path):
    with open(path, "rb") as file:
        return file.read()


def main():
    desktop_program, client_program, options = sys.argv[1], sys.argv[2], sys.argv[3:]
    with tempfile.TemporaryDirectory() as folder:
        socket, theirs, ours = (os.path.join(folder, name) for name in ("socket", "server.ppm", "client.ppm"))
        with open(os.path.join(folder, "log"), "wb") as log:
            desktop = subprocess.Popen([desktop_program, "--unix", socket, "--dump", theirs, *options], stdout=log)
            try:
                wait_for(socket, 10)
                client = subprocess.Popen([client_program, "--unix", socket, "--screenshot", ours,
                                           "--seconds", str(STAY_S)], stdout=subprocess.PIPE, text=True)
                time.sleep(DRAW_S)
                desktop.send_signal(signal.SIGUSR1)
                wait_for(theirs, 10)
                said = client.communicate(timeout=60)[0]
            finally:
                desktop.send_signal(signal.SIGTERM)
                desktop.wait()
        if client.returncode != 0:
            raise SystemExit(f"fake-client: exit code {client.returncode}\n{said}")
        server, seen = read(theirs), read(ours)
        if len(set(server[-3000:])) < 2 and len(set(server)) < 8:
            raise SystemExit("nothing was drawn")
        if server != seen:
            wrong = sum(a != b for a, b in zip(server, seen))
            raise SystemExit(f"{wrong} bytes of the pictures differ")
        print(f"{len(seen)} bytes of picture are the same")


main()
