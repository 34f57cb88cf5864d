# SPDX-License-Identifier: LGPL-2.1-or-later
"""spice-gtk's client library against a host without a VM: fake-desktop, or debian-host (same command line)."""
import os
import random
import re
import signal
import time

import picture
from harness import Failure, check, check_equal, make_certificates, wait_until

# Exit codes of glib-client.
AUTH, TLS, CONNECT, LET_IN = 3, 4, 6, 8

ALL_CHANNELS = ["cursor 0", "display 0", "inputs 0", "main 0"]


def opened(client):
    return sorted(line[len("opened "):] for line in client.lines if line.startswith("opened "))


def check_session(client, sessions=1):
    """All four channels, picture and mark, in each session; the client's own word for it."""
    check_equal(opened(client), sorted(ALL_CHANNELS * sessions), f"{client.name}: channels opened")
    ups = [line for line in client.lines if line.startswith("up ")]
    check_equal(len(ups), sessions, f"{client.name}: sessions that came up")
    for line in ups:
        size = re.search(r"primary=(\d+)x(\d+) mark=1", line)
        check(size and int(size[1]) > 0 and int(size[2]) > 0, f"{client.name}: no marked picture: {line}")


# Keys need a hold after them where they are counted: when the main channel closes, a server may drop the session with input
# still unread in another socket.
def host_keys(host, wanted, seconds=5):
    """The bytes the keyboard got, once there are as many as wanted; a further one would be seen a moment later."""

    def got():
        return [int(line.split()[1], 16) for line in host.lines if line.startswith("key: ")]

    end = time.monotonic() + seconds
    while len(got()) < len(wanted) and time.monotonic() < end:
        time.sleep(0.02)
    time.sleep(0.1)
    return got()


def plain(test):
    host = test.start_host()
    client = test.run_client("--port", host.port, "--wait-primary", "--hold", 0.5)
    check_session(client)
    client = test.run_client("--port", host.port, "--wait-primary", "--reconnect", 5)
    check_session(client, sessions=5)
    check(host.alive(), f"the host ended: {host.tail()}")


def hurry(test):
    """Clients that leave the moment they are in, or are killed while they connect. Debian's library does not survive
    this for long: its worker meets clients that the main thread has freed."""
    host = test.start_host()
    client = test.run_client("--port", host.port, "--reconnect", 60, name="leaves-at-once")
    check_equal(len(opened(client)), 240, "channels opened in 60 sessions")
    dice = random.Random(7)
    for _ in range(40):
        client = test.start_client("--port", host.port, "--hold", 30, "--keys", "+1e", name="killed")
        time.sleep(dice.uniform(0.015, 0.12))
        client.signal(signal.SIGKILL)
        client.wait(10)
        check(host.alive(), f"the host died with code {host.popen.returncode}: {host.tail()}")
    wait_until(lambda: not established(host.port), 10, "no connection left at the host")
    check_session(test.run_client("--port", host.port, "--wait-primary", name="last"))
    check(host.alive(), f"the host died with code {host.popen.returncode}: {host.tail()}")


def tls(test):
    certs = make_certificates(test, test.temporary("pki"))
    host = test.start_host("--tls-cert-dir", certs, "--password", "tls secret", tls=True)
    ca = os.path.join(certs, "ca-cert.pem")
    args = ("--tls-port", host.tls_port, "--password", "tls secret", "--wait-primary")
    client = test.run_client(*args, "--ca-file", ca, "--keys", "1e,e01d", "--hold", 0.3, "--reconnect", 2, name="tls")
    check_session(client, sessions=2)
    keys = [0x1e, 0x9e, 0xe0, 0x1d, 0xe0, 0x9d] * 2
    check_equal(host_keys(host, keys), keys, "keys over TLS")
    client = test.run_client(*args, "--ca-file", ca, "--cert-subject", "O=interop,CN=127.0.0.1", name="subject")
    check_session(client)
    check_session(test.run_client("--port", host.port, "--password", "tls secret", "--wait-primary", name="plain"))
    # The client's checks are real, and so is the wire: a foreign CA fails, plain SPICE on the TLS port gets nowhere.
    foreign = make_certificates(test, test.temporary("foreign"))
    test.run_client(*args, "--ca-file", os.path.join(foreign, "ca-cert.pem"), expect=TLS, name="foreign-ca")
    test.run_client("--tls-port", host.tls_port, "--ca-file", ca, "--password", "no", expect=AUTH, name="tls-wrong")
    wrong = test.start_client("--port", host.tls_port, "--password", "tls secret", "--timeout", 3, name="plain-to-tls")
    check(wrong.wait(20) != 0, "plain SPICE was served on the TLS port")
    check_session(test.run_client(*args, "--ca-file", ca, name="after-errors"))


def tls_key_password(test):
    certs = make_certificates(test, test.temporary("pki"), key_password="key secret")
    with open(os.path.join(certs, "server-key.pem"), encoding="ascii") as key:
        check("ENCRYPTED" in key.read(), "openssl wrote an unencrypted key: the test would prove nothing")
    host = test.start_host("--tls-cert-dir", certs, "--key-password", "key secret", plain=False, tls=True)
    ca = os.path.join(certs, "ca-cert.pem")
    check_session(test.run_client("--tls-port", host.tls_port, "--ca-file", ca, "--wait-primary"))
    try:
        test.start_host("--tls-cert-dir", certs, "--key-password", "wrong", plain=False, tls=True)
    except Failure:
        pass
    else:
        raise Failure("the host came up with the wrong password for its key")


def ticket(test):
    host = test.start_host("--password", "right ticket")
    check_session(test.run_client("--port", host.port, "--password", "right ticket", "--wait-primary", name="right"))
    for name, password in (("wrong", "wrong ticket"), ("prefix", "right"), ("longer", "right ticket2"),
                           ("long", "x" * 59)):
        test.run_client("--port", host.port, "--password", password, expect=AUTH, name=name)
    test.run_client("--port", host.port, expect=AUTH, name="none")
    test.run_client("--port", host.port, "--password", "wrong ticket", "--expect-auth-failure", name="expected")
    # A refused login does not disturb a session.
    holder = test.start_client("--port", host.port, "--password", "right ticket", "--wait-primary", "--hold", 2,
                               name="holder")
    holder.wait_line("^up ", 20)
    test.run_client("--port", host.port, "--password", "wrong ticket", expect=AUTH, name="intruder")
    check_equal(holder.wait(20), 0, "the holder's exit code while another client's login was refused")


def ticket_expired(test, tls=False):
    certs = make_certificates(test, test.temporary("pki")) if tls else None
    host = test.start_host("--password", "short lived", "--ticket-seconds", 3,
                           *(("--tls-cert-dir", certs) if tls else ()), plain=not tls, tls=tls)
    args = ("--tls-port", host.tls_port, "--ca-file", os.path.join(certs, "ca-cert.pem")) if tls else ("--port", host.port)
    begin = time.monotonic()
    holder = test.start_client(*args, "--password", "short lived", "--wait-primary", "--hold", 6, name="in-time")
    holder.wait_line("^up ", 3)
    check(time.monotonic() - begin < 2.9, "the machine is too slow for this test: the first login took 3 s")
    time.sleep(max(0.0, begin + 4.2 - time.monotonic()))
    test.run_client(*args, "--password", "short lived", expect=AUTH, name="too-late")
    check_equal(holder.wait(20), 0, "the exit code of the session that began before the ticket expired")
    check_session(holder)


def keys(test):
    host = test.start_host()
    # Every set-1 code that a keyboard has, both sets; then one held key; then the one-message form.
    plain_codes = list(range(0x01, 0x59))
    extended = [0x1c, 0x1d, 0x35, 0x38, 0x47, 0x48, 0x49, 0x4b, 0x4d, 0x4f, 0x50, 0x51, 0x52, 0x53, 0x5b, 0x5c, 0x5d]
    words = [f"{c:02x}" for c in plain_codes] + [f"e0{c:02x}" for c in extended]
    wanted = [b for c in plain_codes for b in (c, c | 0x80)]
    wanted += [b for c in extended for b in (0xe0, c, 0xe0, c | 0x80)]
    words += ["+2a", "1e", "-2a", "=30", "=e04b"]
    wanted += [0x2a, 0x1e, 0x9e, 0xaa, 0x30, 0xb0, 0xe0, 0x4b, 0xe0, 0xcb]
    client = test.run_client("--port", host.port, "--keys", ",".join(words), "--hold", 0.3)
    check_equal(opened(client), ALL_CHANNELS, "channels opened")
    got = host_keys(host, wanted)
    first = next((i for i, (g, w) in enumerate(zip(got, wanted)) if g != w), min(len(got), len(wanted)))
    check(got == wanted, f"scan codes: {len(wanted)} expected, {len(got)} came; from number {first} on expected "
          f"{bytes(wanted[first:first + 8]).hex(' ')}, got {bytes(got[first:first + 8]).hex(' ')}")
    # A client that dies with a key held: the server releases it. On a new host, because the lock keys above left a
    # state that the next client's KEY_MODIFIERS would correct with further scan codes.
    host = test.start_host()
    holder = test.start_client("--port", host.port, "--keys", "+1e", "--hold", 30, name="holder")
    holder.wait_line("^up ", 20)
    check_equal(host_keys(host, [0x1e]), [0x1e], "the held key")
    holder.signal(signal.SIGKILL)
    check_equal(host_keys(host, [0x1e, 0x9e]), [0x1e, 0x9e], "keys after the client that held one was killed")


def mouse(test):
    host = test.start_host()
    client = test.run_client("--port", host.port, "--wait-primary", "--mouse-mode", "client", "--hold", 0.3,
                             "--mouse", "position:10,20;press:1,1;position:33,44,1;release:1;position:50,60",
                             name="tablet")
    check(any("mouse-mode=client" in line for line in client.lines), "the client never got to client mouse mode")
    wait_until(lambda: any(re.match(r"tablet: 50 60 0$", line) for line in host.lines), 5, "the last tablet position")
    positions = [line for line in host.lines if re.match(r"tablet: ", line)]
    for wanted in ("tablet: 10 20 0", "tablet: 33 44 1"):
        check(wanted in positions, f"no line {wanted!r}: {positions}")
    before = len(host.lines)
    client = test.run_client("--port", host.port, "--wait-primary", "--mouse-mode", "server", "--hold", 0.3,
                             "--mouse", "motion:5,-3;motion:-700,2,1", name="mouse")
    check(any("mouse-mode=server" in line for line in client.lines), "the client never got to server mouse mode")

    def moved():
        rows = [line.split()[1:] for line in host.lines[before:] if re.match(r"mouse: ", line)]
        return sum(int(r[0]) for r in rows), sum(int(r[1]) for r in rows)

    wait_until(lambda: moved() == (-695, -1), 5, f"relative motion (-695, -1); came {moved()}")


def unix_socket(test):
    path = test.temporary("spice.sock")
    host = test.start_host("--unix", path, "--password", "unix", plain=False)
    client = test.run_client("--unix", path, "--password", "unix", "--wait-primary", "--keys", "1e", "--hold", 0.3,
                             "--reconnect", 3)
    check_session(client, sessions=3)
    check_equal(host_keys(host, [0x1e, 0x9e] * 3), [0x1e, 0x9e] * 3, "keys over the unix socket")
    test.run_client("--unix", path, "--password", "wrong", expect=AUTH, name="wrong")


def spicy_stats(test):
    """Debian's own little client. It stays until SIGINT, then prints the bytes it read from each channel."""
    host = test.start_host("--password", "stats")
    stats = test.start("spicy-stats", ["spicy-stats", "--uri", f"spice://127.0.0.1:{host.port}", "-w", "stats"])
    # It says nothing while it runs: the host's listing of its connections is the sign that all four stand.
    wait_until(lambda: not stats.alive() or len(established(host.port)) >= 4, 15, "four connections of spicy-stats")
    time.sleep(1.0)
    check(stats.alive(), f"spicy-stats ended by itself: {stats.tail()}")
    stats.signal(signal.SIGINT)
    code = stats.wait(10)
    check_equal(code, 0, "spicy-stats' exit code")
    read = {m[1]: int(m[2]) for m in (re.match(r"(\w+): (\d+)$", line) for line in stats.lines) if m}
    for channel, least in (("main", 200), ("inputs", 100), ("cursor", 100), ("display", 100)):
        check(read.get(channel, 0) >= least, f"spicy-stats read {read.get(channel, 0)} bytes from {channel}: {read}")
    check(host.alive(), f"the host ended: {host.tail()}")


def established(port):
    """Connections accepted on a local IPv4 or IPv6 port, as the kernel lists them: remote port numbers."""
    found = []
    for path in ("/proc/net/tcp", "/proc/net/tcp6"):
        with open(path, encoding="ascii") as table:
            for row in list(table)[1:]:
                _, local, remote, state = row.split()[:4]
                if state == "01" and int(local.split(":")[1], 16) == port:
                    found.append(int(remote.split(":")[1], 16))
    return found


def client_picture(test, path, name):
    shot = picture.ppm_read(path)
    picture.png_write(test.artifact(f"{name}.png"), shot)
    os.unlink(path)
    return shot


def spicy_screenshot(test, port, name):
    """What Debian's own little program takes for the screen: the primary surface at the first change that it hears of."""
    path = test.temporary(f"{name}.ppm")
    program = test.start("spicy-screenshot", ["spicy-screenshot", "--uri", f"spice://127.0.0.1:{port}", "-o", path])
    check_equal(program.wait(20), 0, f"{name}: spicy-screenshot's exit code")
    check(os.path.exists(path), f"{name}: spicy-screenshot wrote nothing; it said: {program.tail()}")
    return client_picture(test, path, name)


def guest_picture(test, host, dump, seconds=0.0):
    """What lies in the guest's memory of a host that was started with --dump; `seconds` later clients should show it."""
    host.signal(signal.SIGUSR1)
    host.wait_line("^dumped$", 10)
    time.sleep(seconds)
    wanted = picture.ppm_read(dump)
    picture.png_write(test.artifact("guest.png"), wanted)
    check(picture.lit_pixels(wanted) > 100000, "the guest's picture is (nearly) black: the test would prove nothing")
    return wanted


def check_pictures(test, host, dump, clients):
    """Each client {name: (client, path of its screenshot)} shows in the end what lies in the guest's memory."""
    check_clients(test, clients, guest_picture(test, host, dump, seconds=2.0))


def check_clients(test, clients, wanted):
    for name, (client, path) in clients.items():
        client.signal(signal.SIGTERM)  # takes its screenshot and leaves
        check_equal(client.wait(15), 0, f"{name}: the client's exit code")
        picture.compare(client_picture(test, path, name), wanted, f"the picture of the client {name!r}")


def start_watcher(test, port, name, display=0):
    """(a client that stays, path of the screenshot that it takes in the end), for check_pictures()."""
    path = test.temporary(f"{name}.ppm")
    client = test.start_client("--port", port, "--display", display, "--wait-primary", "--hold", 600, "--screenshot", path,
                               name=name)
    client.wait_line("^up ", 20)
    return client, path


# By QXL_DRAW_*; and how many of each there are after two seconds and a half, at least.
DRAWINGS = ("nothing", "fill", "opaque", "copy", "copy-bits", "blend", "blackness", "whiteness", "invers", "rop3", "stroke", "text",
            "transparent", "alpha-blend", "composite")
PAINTED_MIN = 5


def drawn(test, *args, stall=0.0):
    """A client that saw all of it being drawn, one that came late, and perhaps one that did not read for a while, show what
    lies in the guest's memory in the end."""
    dump = test.temporary("dump.ppm")
    host = test.start_host(*args, "--dump", dump, "--size", "800x600", "--multi-client")
    clients = {"first": start_watcher(test, host.port, "first")}
    if stall:
        stalled, _ = clients["stalled"] = start_watcher(test, host.port, "stalled")
        time.sleep(0.5)
        stalled.signal(signal.SIGSTOP)
        time.sleep(stall)
        stalled.signal(signal.SIGCONT)
    time.sleep(1.5)
    clients["late"] = start_watcher(test, host.port, "late")
    time.sleep(1.0)
    check_pictures(test, host, dump, clients)
    host.signal(signal.SIGTERM)
    check_equal(host.wait(10), 0, "the host's exit code: its devices' books balance")
    if "--paint" in args:
        check_painted(host)


def check_painted(host):
    """Every type was drawn, and what a client shows of it was judged."""
    lines = [line.split() for line in host.lines if line.startswith("painted: ")]
    painted = {int(words[2]): int(words[4]) for words in lines}
    rare = sorted(name for number, name in enumerate(DRAWINGS) if painted.get(number, 0) < PAINTED_MIN)
    check(not rare, f"hardly any {rare} among what was painted: {painted}")


def picture_desktop(test):
    drawn(test)


def picture_paint(test):
    drawn(test, "--paint")


def picture_stalled(test):
    drawn(test, "--paint", stall=6.0)


COMPRESSIONS = ("off", "auto_glz", "auto_lz", "quic", "glz", "lz", "lz4")


def compression(name, what, *more):
    """A desktop or drawings of all kinds, with one compression: nothing else is in the pictures."""
    return lambda test: drawn(test, *(("--paint",) if what == "paint" else ()), "--compression", name, *more)


def lossy(test):
    """Photographs as JPEG, and right in the end: drawn() waits longer than the server before it sends them again."""
    drawn(test, "--paint", "--jpeg", "always", "--zlib-glz", "always", "--compression", "auto_glz")


def two_displays(test):
    """Both displays of a client; its one GLZ window is the first's, and the second's once the first is closed."""
    dump = test.temporary("dump.ppm")
    host = test.start_host("--devices", 2, "--compression", "glz", "--dump", dump, "--size", "640x480", "--multi-client")
    first = start_watcher(test, host.port, "first")
    second = start_watcher(test, host.port, "second", display=1)
    alone = start_watcher(test, host.port, "alone", display=1)
    time.sleep(1.0)
    for client, _ in (first, second, alone):
        check_equal(sum(line.startswith("opened display") for line in client.lines), 2, "displays opened")
    alone[0].signal(signal.SIGUSR1)
    alone[0].wait_line("^closed display 0", 10)
    time.sleep(1.0)
    wanted = guest_picture(test, host, dump, seconds=2.0)
    check_clients(test, {"first": first}, wanted)
    check_clients(test, {"second": second, "alone": alone}, picture.ppm_read(f"{dump}.1"))


CASES = {
    "desktop-plain": plain,
    "desktop-hurry": hurry,
    "desktop-tls": tls,
    "desktop-tls-key-password": tls_key_password,
    "desktop-ticket": ticket,
    "desktop-ticket-expired": ticket_expired,
    "desktop-ticket-expired-tls": lambda test: ticket_expired(test, tls=True),
    "desktop-keys": keys,
    "desktop-mouse": mouse,
    "desktop-unix": unix_socket,
    "desktop-spicy-stats": spicy_stats,
    "desktop-picture": picture_desktop,
    "desktop-paint": picture_paint,
    "desktop-stalled": picture_stalled,
    "desktop-lossy": lossy,
    "desktop-two-displays": two_displays,
    "desktop-paint-zlib": compression("glz", "paint", "--zlib-glz", "always"),
    **{f"desktop-picture-{name}": compression(name, "desktop") for name in COMPRESSIONS},
    **{f"desktop-paint-{name}": compression(name, "paint") for name in COMPRESSIONS},
}
