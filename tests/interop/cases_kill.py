# SPDX-License-Identifier: LGPL-2.1-or-later
"""Clients that are killed at any moment while the screen is busy. The server lives on, and who comes then sees what there is.
Debian's library does not survive this for long."""
import os
import random
import signal
import time

import harness
import picture
from cases_desktop import check_pictures, client_picture, established, start_watcher
from cases_qemu import open_files, resources
from cases_xspice import SCROLLING, XServer
from harness import check, check_equal, wait_until

# Deaths: few of them in each run of the tests, INTEROP_KILLS=150 in the long one.
KILLS = int(os.environ.get("INTEROP_KILLS", "25"))
SEED = int(os.environ.get("INTEROP_SEED", "150"))


def kill_clients(test, port, server, dice):
    """One after another: spice-gtk's library and spicy-stats, at any moment from the connect on; some were stopped first, so
    that everything on the way to them is full."""
    begin = time.monotonic()
    client = test.start_client("--port", port, "--wait-primary", name="measured")
    client.wait_line("^up ", 30)
    whole = time.monotonic() - begin  # what a client needs until it is up, on this machine at this time
    check_equal(client.wait(15), 0, "the exit code of the client that was not killed")
    up = 0
    for n in range(KILLS):
        if n % 3 == 2:
            client = test.start("killed-stats", ["spicy-stats", "--uri", f"spice://127.0.0.1:{port}"])
        else:
            client = test.start_client("--port", port, "--hold", 60, "--keys", "+1e", name="killed")
        time.sleep(dice.uniform(0.01, 2 * whole + 0.1))
        up += any(line.startswith("up ") for line in client.lines)
        if dice.random() < 0.2:
            client.signal(signal.SIGSTOP)
            time.sleep(dice.uniform(0.1, 0.5))
        client.signal(signal.SIGKILL)
        check_equal(client.wait(10), -signal.SIGKILL, f"{client.name}: its end")
        check(server.alive(), f"the server died after {n + 1} clients were killed: "
              f"{server.tail()}")
    check(up >= KILLS // 10, f"only {up} of {KILLS} clients were up before they were killed: the test would prove little")


def cpu_seconds(process):
    with open(f"/proc/{process.pid}/stat", encoding="ascii") as stat:
        fields = stat.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def check_left(server, port, before):
    """Nothing is left of those that were killed."""
    wait_until(lambda: not established(port), 15, "no connection left at the server")
    wait_until(lambda: resources(server)[0] <= before[0], 15,
               lambda: f"as few open files as before ({before[0]}), now {' '.join(open_files(server))}")
    check(resources(server)[1] <= before[1], f"{before[1]} threads became {resources(server)[1]}")


def xspice(test):
    """The screen of a real X server, with programs that draw all the time."""
    server = XServer(test)
    test.run_client("--port", server.port, "--wait-primary", name="first")
    wait_until(lambda: not established(server.port), 10, "the first client's end")
    before = resources(server)
    server.run("xsetroot", "-solid", "#4060a0")
    server.start("xterm", "xterm", "-fn", "fixed", "-geometry", "90x30+20+20", "-e", "sh", "-c",
                 "while :; do seq 1000; done")
    perf = server.start("x11perf", "x11perf", "-repeat", "1000", "-time", "1", "-rect100", "-copywinwin500", "-putimage500",
                        "-ftext", "-line100")
    begin, used = time.monotonic(), cpu_seconds(server)
    kill_clients(test, server.port, server, random.Random(SEED))
    check(server.answers(), f"the X server does not answer after {KILLS} clients were killed: {server.tail()}")
    used, took = cpu_seconds(server) - used, time.monotonic() - begin
    check(perf.alive() and used > took / 10, f"the X server had {used:.1f} s of work in {took:.1f} s: it was not busy")
    server.stop_programs()
    server.start("xterm", "xterm", "-fn", "fixed", "-geometry", "90x30+20+20", "-e", "sh", "-c", SCROLLING)
    time.sleep(1.5)
    wanted = server.settle()
    check(picture.lit_pixels(wanted) > wanted[0] * wanted[1] // 2, "the X screen is (nearly) black")
    fresh = test.temporary("fresh.ppm")
    test.run_client("--port", server.port, "--wait-primary", "--hold", 1, "--screenshot", fresh, name="fresh")
    picture.compare(client_picture(test, fresh, "fresh"), wanted, "what a fresh client shows")
    server.start("eyes", "xeyes", "-geometry", "200x150+700+400")
    again = test.temporary("again.ppm")
    client = test.start_client("--port", server.port, "--wait-primary", "--hold", 60, "--screenshot", again, name="again")
    client.wait_line("^up ", 20)
    server.run("xsetroot", "-solid", "#604020")
    wanted = server.settle()
    time.sleep(0.5)
    client.signal(signal.SIGTERM)
    check_equal(client.wait(15), 0, "the client's exit code")
    picture.compare(client_picture(test, again, "again"), wanted, "what a client shows that saw it drawn afterwards")
    server.stop_programs()
    check_left(server, server.port, before)
    check(server.alive(), f"Xspice ended: {server.tail()}")


def desktop(test, *args):
    """A desktop, or anything (--paint), is drawn all the time; a client that is there from the start sees nothing of the
    others' ends."""
    program = os.path.join(os.path.dirname(test.options.host), "fake-desktop")
    dump = test.temporary("dump.ppm")
    port = harness.free_port()
    host = test.start("desktop-host", [program, "--port", port, "--multi-client", "--cursor-traffic", "--dump",
                                       dump, "--size", "800x600", *args], test.library_env())
    host.wait_line("^ready$", 15)
    test.check_library(host)
    test.run_client("--port", port, "--wait-primary", name="first")
    wait_until(lambda: not established(port), 10, "the first client's end")
    before = resources(host)
    clients = {"survivor": start_watcher(test, port, "survivor")}
    kill_clients(test, port, host, random.Random(SEED))
    clients["fresh"] = start_watcher(test, port, "fresh")
    check_pictures(test, host, dump, clients)
    check_left(host, port, before)
    host.signal(signal.SIGTERM)
    check_equal(host.wait(15), 0, "the host's exit code: its devices' books balance")


CASES = {"kill-xspice": xspice, "kill-desktop": desktop, "kill-paint": lambda test: desktop(test, "--paint")}
