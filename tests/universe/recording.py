#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A recording ends with the same picture wherever it is played: before a real client, over a real socket, and in simulated
universes, whose own clients have to show it, too.

    recording.py FAKE-REPLAY FAKE-CLIENT TEST-UNIVERSES SEEDS RECORDING
"""
import hashlib
import os
import re
import signal
import subprocess
import sys
import tempfile

PATIENCE_S = 240


def read_until(host, pattern):
    for line in host.stdout:
        if re.match(pattern, line):
            return
    raise SystemExit(f"fake-replay ended before it said {pattern!r}")


def real_picture(replay, client, recording):
    """What a client shows that comes when all was played."""
    with tempfile.TemporaryDirectory() as folder:
        path, picture = os.path.join(folder, "socket"), os.path.join(folder, "picture.ppm")
        host = subprocess.Popen([replay, "--unix", path, recording], stdout=subprocess.PIPE, text=True)
        try:
            read_until(host, "done: [1-9]")
            subprocess.run([client, "--unix", path, "--channels", "main,display", "--seconds", "3", "--screenshot",
                            picture],
                           check=True, stdout=subprocess.DEVNULL, timeout=PATIENCE_S)
        finally:
            host.send_signal(signal.SIGTERM)
            if host.wait(PATIENCE_S) != 0:
                raise SystemExit("fake-replay failed")
        with open(picture, "rb") as file:
            return file.read()


def main():
    replay, client, universes, seeds, recording = sys.argv[1:]
    magic, size, depth, pixels = real_picture(replay, client, recording).split(b"\n", 3)
    if len(pixels) - pixels.count(0) < 3000:
        raise SystemExit("nothing was drawn")
    wanted = hashlib.sha256(pixels).hexdigest()
    run = subprocess.run([universes, "--recording", recording, "--seeds", seeds], stdout=subprocess.PIPE, text=True)
    print(run.stdout, end="")
    if run.returncode != 0:
        raise SystemExit("universes failed")
    if re.findall("ended with ([0-9a-f]+)", run.stdout) != [wanted]:
        raise SystemExit(f"the real client's picture is {wanted}")
    print(f"{size.decode()} pixels are the same")


main()
