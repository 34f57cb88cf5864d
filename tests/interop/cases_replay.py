# SPDX-License-Identifier: LGPL-2.1-or-later
"""Recordings of real drivers, played by this library and by Debian's: a client must see the same at the end. And recordings
that this library makes: both play them to the picture that was there when they were made."""
import collections
import gzip
import os
import re
import shutil
import signal
import subprocess
import time

import harness
from cases_desktop import client_picture, guest_picture
from cases_qemu import Qemu
from cases_xspice import SCROLLING, XServer
from harness import check, check_equal, wait_until
from picture import compare, lit_pixels, png_write

RECORDINGS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "recordings")


def player(test, library, path, *args, env=None):
    """fake-replay, on Debian's library or ours."""
    argv = [test.options.host, *args, path]
    env = {**({"LD_LIBRARY_PATH": harness.STOCK_LIBRARY} if library == "debian" else test.library_env()), **(env or {})}
    return test.start(f"{library}-host", argv, env)


def last_pictures(test, name, library, path, surfaces=None, may_be_cut=False):
    """What a client shows that was there (nearly) from the start, and one that came when all was drawn. Into `surfaces`: lines
    of what each of the others showed at last. `may_be_cut`: the recording, in its last event."""
    port = harness.free_port()
    host = player(test, library, path, "--port", port, "--surfaces")
    host.wait_line("^ready$", 20)
    early, late = test.temporary(f"{library}-early.ppm"), test.temporary(f"{library}-late.ppm")
    client = test.start_client("--port", port, "--wait-primary", "--hold", 90, "--screenshot", early, name="early")
    host.wait_line(r"^done: [1-9]", 60)
    if surfaces is not None:
        surfaces += [line for line in host.lines if line.startswith("surface: ")]
    client.wait_line("^up ", 20)
    time.sleep(1)
    client.signal(signal.SIGTERM)  # takes its screenshot and leaves
    check_equal(client.wait(20), 0, "the early client's exit code")
    test.run_client("--port", port, "--wait-primary", "--hold", 1, "--screenshot", late, name="late")
    check(host.alive(), f"the host ended: {host.tail()}")
    host.signal(signal.SIGTERM)
    code = host.wait(15)
    is_cut = may_be_cut and any("the recording is damaged" in line for line in host.lines)
    check_equal(code, int(is_cut), f"the exit code of fake-replay on {library} library")
    counts = [re.search(pattern, "\n".join(host.lines), re.M) for pattern in (r"^done: (\d+)", r"^bye: released (\d+)")]
    check(all(counts) and counts[0][1] == counts[1][1], f"not every command came back: {host.tail()}")
    return [client_picture(test, path, f"{name}-{library}-{which}") for path, which in ((early, "early"), (late, "late"))]


def compare_libraries(test, name, path, **how):
    """Both play it: the primary as clients see it, and the other surfaces byte by byte. Returns lines of those."""
    theirs, ours = [], []
    _, wanted = last_pictures(test, name, "debian", path, theirs, **how)
    check(lit_pixels(wanted) > 1000, f"{name}: Debian's library shows nothing: the test would prove nothing")
    for picture, who in zip(last_pictures(test, name, "our", path, ours, **how), ("a client that was there", "one that came late")):
        compare(picture, wanted, f"{name}: the last picture of {who}")
    check(theirs, f"{name}: no surface but the primary")
    check_equal(ours, theirs, f"{name}: the other surfaces at last")
    return ours


def drawn_by_x(path):
    """Drawings by type, from the first cursor that is shown: a console has none."""
    drawn = collections.Counter()
    has_cursor, areas = False, 0
    with open(path, "rb") as f:
        for line in f:
            has_cursor = has_cursor or line == b"u.set.visible 1\n"
            areas = 0 if line == b"drawable\n" else areas + line.startswith(b"rect surfaces_rects ")
            if areas == 3 and line.startswith(b"type "):  # the clip's comes before
                drawn[int(line.split()[1])] += has_cursor
                areas = 0
    return drawn


FILL, COPY, COPY_BITS = 1, 3, 4


def replay_linux_guest(test):
    """From the console to Xorg's drawing: the recording is cut, but not before."""
    path = os.path.join(RECORDINGS, "linux-guest.rec")
    drawn = drawn_by_x(path)
    for kind, name in ((FILL, "fills"), (COPY, "pictures"), (COPY_BITS, "pixels that move")):
        check(drawn[kind] >= 20, f"Xorg draws {drawn[kind]} {name} in the recording: {drawn}")
    compare_libraries(test, "linux-guest", path)


def replay_xspice(test):
    compare_libraries(test, "xspice", os.path.join(RECORDINGS, "xspice.rec"))


def replay_whole(test):
    """Recordings that are too long to be kept here: all files of the folder INTEROP_RECORDINGS."""
    folder = os.environ.get("INTEROP_RECORDINGS")
    check(folder, "INTEROP_RECORDINGS names no folder")
    names = [name for name in sorted(os.listdir(folder)) if name.endswith((".rec", ".rec.zst"))]
    check(names, f"no *.rec or *.rec.zst in {folder}")
    for name in names:
        path = os.path.join(folder, name)
        if name.endswith(".zst"):
            path = test.temporary("whole.rec")
            subprocess.run(["zstd", "-q", "-d", "-f", "--long=27", os.path.join(folder, name), "-o", path], check=True,
                           timeout=120)
        surfaces = compare_libraries(test, name.partition(".")[0], path, may_be_cut=True)
        lit = [line for line in surfaces if " lit 0 " not in line]
        check(lit, f"{name}: nothing is drawn on any surface but the primary")
        print(f"      {name}: {len(surfaces)} surfaces and the primary are the same, {len(lit)} of them drawn on", flush=True)


# ---- Recordings that are made here ----

def recording_env(path, **more):
    return {"SPICE_WORKER_RECORD_FILENAME": path, **more}


def check_played(test, path, wanted, libraries=("debian", "our")):
    """Whoever plays it: a client sees in the end what was there when it was made."""
    png_write(test.artifact("wanted.png"), wanted)
    check(lit_pixels(wanted) > 1000, "the picture to be recorded is (nearly) black: the test would prove nothing")
    for library in libraries:
        early, late = last_pictures(test, "recorded", library, path)
        compare(early, wanted, f"played by {library} library, the last picture of a client that was there")
        compare(late, wanted, f"played by {library} library, the picture of a client that came late")


def untimed(path):
    """A recording without the times of its events."""
    with open(path, "rb") as f:
        return re.sub(rb"(?m)^(event \d+ \d \d+) \d+$", rb"\1", f.read())


def record_desktop(test, path, *args, env=None, seconds=2.0):
    """Lets fake-desktop draw for a while, recorded; what lay in the guest's memory in the end."""
    dump = test.temporary("dump.ppm")
    program = os.path.join(os.path.dirname(test.options.host), "fake-desktop")
    argv = [program, "--unix", test.temporary("desktop.sock"), "--dump", dump, "--size", "800x600", *args]
    host = test.start("desktop-host", argv, {**test.library_env(), **recording_env(path), **(env or {})})
    host.wait_line("^ready$", 15)
    test.check_library(host)
    time.sleep(seconds)
    wanted = guest_picture(test, host, dump)
    host.signal(signal.SIGTERM)
    check_equal(host.wait(15), 0, "fake-desktop's exit code")
    return wanted


def record_of_desktop(test):
    path = test.temporary("desktop.rec")
    check_played(test, path, record_desktop(test, path, "--cursor-traffic"))


def record_of_paint(test):
    """Everything that can be drawn. Debian's library aborts on some of it (a picture of alpha alone that is copied): it is
    played by ours only; but recorded again when it is played, it is what it was."""
    path = test.temporary("paint.rec")
    wanted = record_desktop(test, path, "--paint")
    check_played(test, path, wanted, libraries=("our",))
    generations = [path]
    for n in (2, 3):
        generations.append(test.temporary(f"paint-{n}.rec"))
        host = player(test, "our", generations[-2], "--quit", env=recording_env(generations[-1]))
        check_equal(host.wait(60), 0, "fake-replay's exit code")
    second, third = (untimed(p) for p in generations[1:])  # surfaces have other numbers than in the first
    check(len(second) > 1000000, "the second recording is (nearly) empty: the test would prove nothing")
    check(second == third, "what was recorded of a recording that was played is something else")


def record_of_xspice(test):
    path = test.temporary("xspice.rec")
    server = XServer(test, env=recording_env(path))
    server.run("xsetroot", "-solid", "#4060a0")
    server.start("xterm", "xterm", "-fn", "fixed", "-geometry", "90x30+20+20", "-e", "sh", "-c", SCROLLING)
    server.run("x11perf", "-repeat", "1", "-reps", "300", "-rect10", "-line100", "-copywinwin100", seconds=60)
    time.sleep(1)
    wanted = server.settle()
    server.process.stop()
    check_played(test, path, wanted)


def record_of_qemu(test):
    """The device of a real machine, from power on to its firmware's last words; and through a filter."""
    path = test.temporary("qemu.rec.gz")
    qemu = Qemu(test, "qxl", env=recording_env(path, SPICE_WORKER_RECORD_FILTER="gzip -1"))
    qemu.wait_settled()
    qemu.qmp.command("stop")
    wanted = qemu.screendump("qemu-screen")
    qemu.quit()
    plain = test.temporary("qemu.rec")
    wait_until(lambda: unzipped(path, plain), 10, "the filter's last bytes")
    check_played(test, plain, wanted)


def unzipped(source, target):
    try:
        with gzip.open(source) as packed, open(target, "wb") as unpacked:
            shutil.copyfileobj(packed, unpacked)
    except EOFError:  # gzip is still at work
        return False
    return True


def record_nowhere(test):
    """A file that cannot be made, or be written any more, is one line, and nothing else."""
    missing = os.path.join(test.temporary("no-such-folder"), "file.rec")
    for path, line in ((missing, "nothing is recorded in .*: No such file"), ("/dev/full", "recording of commands ends")):
        record_desktop(test, path, seconds=0.5)
        lines = test.processes[-1].lines
        check_equal(sum(1 for said in lines if re.search(line, said)), 1, f"lines like {line!r} among {lines}")
        check_equal(sum(1 for said in lines if "WARNING" in said), 1, f"warnings among {lines}")


CASES = {"record-desktop": record_of_desktop, "record-paint": record_of_paint, "record-xspice": record_of_xspice,
         "record-qemu": record_of_qemu, "record-nowhere": record_nowhere, "replay-linux-guest": replay_linux_guest,
         "replay-xspice": replay_xspice, "replay-whole": replay_whole}
