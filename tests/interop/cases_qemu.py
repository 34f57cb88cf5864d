# SPDX-License-Identifier: LGPL-2.1-or-later
"""Debian's QEMU with the library under test, and spice-gtk's client library as its client. TCG, no disk, firmware only."""
import contextlib
import os
import random
import re
import signal
import socket
import ssl
import struct
import subprocess
import threading
import time

import picture
from cases_desktop import AUTH, check_session, client_picture, established, opened, spicy_screenshot
from harness import Failure, check, check_equal, free_port, make_certificates, wait_until
from qmp import Qmp, QmpError

# What libvirt passes.
SANDBOX = ("-sandbox", "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny")
PERMISSION_DENIED = 7  # a link's result
CHANNEL_TYPES = {"main": 1, "display": 2, "inputs": 3, "cursor": 4}


class Qemu:
    """One QEMU: .process, .qmp, .port, .tls_port, and what its firmware says on the debug console."""

    def __init__(self, test, vga, *args, spice="disable-ticketing=on", plain=True, tls=False, serial="none",
                 env=None):
        self.test = test
        self.fw_path = test.artifact("firmware.log")
        qmp_path = test.temporary("qmp.sock")  # QEMU removes it when it ends in order
        self.port = free_port() if plain else None
        self.tls_port = free_port() if tls else None
        listen = "addr=127.0.0.1"
        listen += f",port={self.port}" if plain else ""
        listen += f",tls-port={self.tls_port}" if tls else ""
        argv = [test.options.qemu, "-name", "interop", "-accel", "tcg", "-m", "64", "-nodefaults", "-vga", vga,
                "-display", "none", "-monitor", "none", "-serial", serial, "-parallel", "none",
                "-chardev", f"file,id=fw,path={self.fw_path}", "-device", "isa-debugcon,iobase=0x402,chardev=fw",
                "-qmp", f"unix:{qmp_path},server=on,wait=off", *args, "-spice", f"{listen},{spice}"]
        self.process = test.start("qemu", argv, {**test.library_env(), **(env or {})})
        wait_until(lambda: os.path.exists(qmp_path) or not self.process.alive(), 15, "QEMU's QMP socket")
        check(self.process.alive(), f"QEMU ended at once: {self.process.tail()}")
        self.qmp = Qmp(qmp_path, test.artifact("qmp.log"))
        test.check_library(self.process)

    def firmware(self):
        with open(self.fw_path, encoding="utf-8", errors="replace") as f:
            return f.read()

    def wait_firmware(self, text="No bootable device", times=1):
        wait_until(lambda: self.firmware().count(text) >= times, 30, f"the firmware's {text!r}, {times} times")

    def wait_settled(self):
        """The firmware has given up booting and says nothing more, and clients had time to see its last words."""
        end = time.monotonic() + 30
        last = ""
        while True:
            time.sleep(1.0)
            now = self.firmware()
            if now == last and now.rstrip().endswith("No bootable device."):
                return
            check(time.monotonic() < end, f"the firmware does not settle: {now[-200:]!r}")
            last = now

    def check_alive(self):
        check(self.process.alive(), f"QEMU died with code {self.process.popen.returncode}: {self.process.tail()}")
        check_equal(self.qmp.command("query-status")["status"], "running", "query-status")

    def channels(self):
        return self.qmp.command("query-spice").get("channels", [])

    def screendump(self, name):
        path = self.test.artifact(f"{name}.ppm")
        self.qmp.command("screendump", filename=path)
        shot = picture.ppm_read(path)
        picture.png_write(self.test.artifact(f"{name}.png"), shot)
        os.unlink(path)
        return shot

    def quit(self):
        self.qmp.command("quit")
        code = self.process.wait(15)
        check_equal(code, 0, "QEMU's exit code after quit")
        for line in self.process.lines:
            check(not re.search(r"assert|CRITICAL|Sanitizer|core dumped", line), f"QEMU said: {line}")

    def client_args(self):
        return ("--port", self.port, "--wait-primary")


def boot(test, vga, *args, check_sandbox=False, compression=None):
    """From power on to the firmware's screen, with a client that sees what QEMU itself says is on the screen."""
    spice = "disable-ticketing=on"
    qemu = Qemu(test, vga, *args, spice=spice if compression is None else f"{spice},{compression}")
    if check_sandbox:
        with open(f"/proc/{qemu.process.pid}/status", encoding="ascii") as status:
            check(re.search(r"^Seccomp:\s+2$", status.read(), re.M), "QEMU runs without its sandbox")
    first = test.temporary("first.ppm")
    client = test.start_client(*qemu.client_args(), "--hold", 60, "--screenshot", first, name="from-power-on")
    client.wait_line("^up ", 20)
    qemu.wait_settled()
    qemu.qmp.command("stop")  # the text cursor blinks in virtual time
    time.sleep(1.0)
    client.signal(signal.SIGTERM)  # takes its screenshot and leaves
    check_equal(client.wait(10), 0, "the client's exit code")
    check_session(client, sessions=1)
    wanted = qemu.screendump("qemu-screen")
    check(picture.lit_pixels(wanted) > 500, "QEMU's own picture is (nearly) black: the test would prove nothing")
    shot = client_picture(test, first, "client-from-power-on")
    picture.compare(shot, wanted, "the client's picture, drawn step by step")
    late = test.temporary("late.ppm")
    test.run_client(*qemu.client_args(), "--hold", 0.5, "--screenshot", late, name="late")
    picture.compare(client_picture(test, late, "client-late"), wanted, "the picture of a client that came late")
    picture.compare(spicy_screenshot(test, qemu.port, "spicy-screenshot"), wanted, "spicy-screenshot's picture")
    qemu.qmp.command("cont")
    test.run_client(*qemu.client_args(), "--keys", "1e", name="after-cont")
    qemu.check_alive()
    qemu.quit()


def boot_qxl(test):
    boot(test, "qxl")


COMPRESSIONS = {
    **{name: f"image-compression={name}" for name in ("off", "auto_lz", "quic", "glz", "lz")},
    "lossy": "image-compression=auto_glz,jpeg-wan-compression=always,zlib-glz-wan-compression=always",
}


def boot_with(compression):
    return lambda test: boot(test, "qxl", compression=compression)


def boot_std(test):
    boot(test, "std")


def boot_sandbox(test):
    boot(test, "qxl", *SANDBOX, check_sandbox=True)


CODERS_MAX = 4  # for a display


def resources(process):
    """(open files, threads), without the server's threads that code large pictures, which come with the first of those and stay,
    and the two files of each of their loops. There is one display."""
    tasks = os.listdir(f"/proc/{process.pid}/task")
    coders = 0
    for task in tasks:
        with contextlib.suppress(OSError), open(f"/proc/{process.pid}/task/{task}/comm", encoding="ascii") as name:
            coders += name.read() == "spice-coder\n"
    check(coders <= CODERS_MAX, f"{coders} threads code pictures, and {CODERS_MAX} are allowed")
    return (len(os.listdir(f"/proc/{process.pid}/fd")) - 2 * coders, len(tasks) - coders)


def open_files(process):
    """What they are, as far as they stay open for as long as it takes to look."""
    found = []
    for name in sorted(os.listdir(f"/proc/{process.pid}/fd"), key=int):
        with contextlib.suppress(OSError):
            found.append(f"{name}:{os.readlink(f'/proc/{process.pid}/fd/{name}')}")
    return found


def reconnect(test, vga, sessions):
    """Clients come and go, every second one killed: some once they are up, some in the middle of connecting."""
    qemu = Qemu(test, vga)
    test.run_client(*qemu.client_args(), name="first")
    wait_until(lambda: not qemu.channels(), 10, "no channel left after the first client")
    files, threads = resources(qemu.process)
    dice = random.Random(20)
    killed = 0
    for n in range(sessions):
        if n % 2 == 0:
            test.run_client(*qemu.client_args(), "--keys", "1e", name="polite")
        else:
            client = test.start_client(*qemu.client_args(), "--hold", 30, "--keys", "+2a", name="killed")
            if n % 4 == 1:
                client.wait_line("^up ", 20)
            else:
                time.sleep(dice.uniform(0.01, 0.15))
            check(client.alive(), f"the client that was to be killed ended before: {client.tail()}")
            client.signal(signal.SIGKILL)
            check_equal(client.wait(10), -signal.SIGKILL, "the killed client's exit code")
            killed += 1
        check(qemu.process.alive(), f"QEMU died after session {n + 1}: {qemu.process.tail()}")
        if n % 10 == 9:
            qemu.check_alive()
    check_equal(killed, sessions // 2, "clients killed")
    wait_until(lambda: not qemu.channels(), 15, "no channel left in query-spice")
    wait_until(lambda: resources(qemu.process)[0] <= files, 15,
               lambda: f"as few open files as after the first client ({files}), now {' '.join(open_files(qemu.process))}")
    check(resources(qemu.process)[1] <= threads + 1,  # one of QEMU's own pool threads may have come
          f"{threads} threads became {resources(qemu.process)[1]}")
    client = test.run_client(*qemu.client_args(), "--hold", 0.2, name="last")
    check_session(client)
    qemu.check_alive()
    qemu.quit()


def reconnect_qxl(test):
    reconnect(test, "qxl", 50)


def reconnect_std(test):
    reconnect(test, "std", 50)


def check_channels(channels, secure, client_ports):
    """What query-spice says of one client's channels. secure: names of the channels on TLS; client_ports: by the kernel."""
    check_equal(sorted((c["channel-type"], c["channel-id"]) for c in channels),
                sorted((t, 0) for t in CHANNEL_TYPES.values()), "query-spice: channels (type, id)")
    ids = {c["connection-id"] for c in channels}
    check(len(ids) == 1 and 0 not in ids, f"query-spice: one non-zero connection-id expected, got {sorted(ids)}")
    for c in channels:
        wanted = c["channel-type"] in [CHANNEL_TYPES[name] for name in secure]
        check_equal(c["tls"], wanted, f"query-spice: tls of channel type {c['channel-type']}")
        check_equal((c["host"], c["family"]), ("127.0.0.1", "ipv4"), "query-spice: the client's host and family")
    check_equal(sorted(int(c["port"]) for c in channels), sorted(client_ports), "query-spice: the client's ports")
    return ids.pop()


def query(test):
    qemu = Qemu(test, "qxl")
    info = qemu.qmp.command("query-spice")
    check_equal((info["enabled"], info["auth"], info["mouse-mode"], info["host"], info["port"], info.get("channels", [])),
                (True, "none", "server", "127.0.0.1", qemu.port, []), "query-spice before any client")
    check("tls-port" not in info, "query-spice names a TLS port that nobody asked for")
    seen = []
    for n in range(2):
        client = test.start_client(*qemu.client_args(), "--hold", 1.5)
        client.wait_line("^up ", 20)
        info = qemu.qmp.command("query-spice")
        check_equal(info["mouse-mode"], "server", "query-spice: mouse-mode (there is no tablet)")
        seen.append(check_channels(info["channels"], [], established(qemu.port)))
        check_equal(client.wait(20), 0, "the client's exit code")
        wait_until(lambda: not qemu.channels(), 10, "channels leave query-spice with their client")
        # The events tell the same story, one of each kind for each connection.
        for kind, full in (("SPICE_CONNECTED", False), ("SPICE_INITIALIZED", True), ("SPICE_DISCONNECTED", False)):
            events = [qemu.qmp.wait_event(kind, 5) for _ in CHANNEL_TYPES]
            if full:
                check_equal({e["data"]["client"]["connection-id"] for e in events}, {seen[n]},
                            "SPICE_INITIALIZED: connection ids")
                check_equal(sorted(e["data"]["client"]["channel-type"] for e in events), [1, 2, 3, 4],
                            "SPICE_INITIALIZED: channel types")
                check(not any(e["data"]["client"]["tls"] for e in events), "SPICE_INITIALIZED: tls on plain channels")
                check_equal({e["data"]["server"].get("auth") for e in events}, {"none"}, "SPICE_INITIALIZED: auth")
    check_equal([e["event"] for e in qemu.qmp.events if e["event"].startswith("SPICE_")], [], "surplus SPICE events")
    check(seen[0] != seen[1], "two sessions had the same connection id")
    qemu.check_alive()
    qemu.quit()


def mixed_tls(test):
    """Plain and TLS port, a key with a password, and a policy: inputs and main on TLS only. The client finds out by itself."""
    certs = make_certificates(test, test.temporary("pki"), key_password="key secret")
    ca = os.path.join(certs, "ca-cert.pem")
    qemu = Qemu(test, "qxl", "-object", "secret,id=ticket,data=over-tls", tls=True,
                spice=f"password-secret=ticket,x509-dir={certs},x509-key-password=key secret,tls-channel=inputs,"
                      "tls-channel=main")
    info = qemu.qmp.command("query-spice")
    check_equal((info["auth"], info["port"], info["tls-port"]), ("spice", qemu.port, qemu.tls_port), "query-spice")
    tls_args = ("--tls-port", qemu.tls_port, "--ca-file", ca, "--password", "over-tls", "--wait-primary", "--hold", 1)

    client = test.start_client("--port", qemu.port, *tls_args, name="both-ports")
    client.wait_line("^up ", 20)
    ports = established(qemu.port) + established(qemu.tls_port)
    check_channels(qemu.channels(), ["main", "inputs"], ports)
    check_equal(client.wait(20), 0, "the exit code of the client with both ports")

    wait_until(lambda: not qemu.channels(), 10, "no channel left")
    client = test.start_client(*tls_args, name="tls-only")
    client.wait_line("^up ", 20)
    check_channels(qemu.channels(), list(CHANNEL_TYPES), established(qemu.tls_port))
    check_equal(client.wait(20), 0, "the exit code of the client on TLS only")

    refused = test.start_client("--port", qemu.port, "--password", "over-tls", "--timeout", 5, name="plain-only")
    check(refused.wait(20) != 0, "main was served in the clear although the policy forbids it")
    check("opened main 0" not in refused.lines, "main was opened in the clear although the policy forbids it")
    qemu.check_alive()
    qemu.quit()


def password(test):
    qemu = Qemu(test, "qxl", "-object", "secret,id=ticket,data=alpha", spice="password-secret=ticket")
    check_equal(qemu.qmp.command("query-spice")["auth"], "spice", "query-spice: auth")

    def let_in(text, name):
        check_session(test.run_client(*qemu.client_args(), "--password", text, name=name))

    def refused(text, name):
        test.run_client(*qemu.client_args(), "--password", text, expect=AUTH, name=name)

    def set_password(text, connected=None):
        more = {"connected": connected} if connected else {}
        qemu.qmp.command("set_password", protocol="spice", password=text, **more)

    let_in("alpha", "start")
    refused("beta", "start-wrong")
    refused("", "start-empty")

    set_password("beta")
    let_in("beta", "set")
    refused("alpha", "set-old")

    def holder_start(text, name):
        holder = test.start_client(*qemu.client_args(), "--password", text, "--hold", 30, name=name)
        holder.wait_line("^up ", 20)
        return holder

    holder = holder_start("beta", "holder")
    set_password("gamma", "keep")
    time.sleep(0.3)
    check(holder.alive() and len(qemu.channels()) == 4, "connected=keep disturbed the client")
    try:
        set_password("delta", "fail")
    except QmpError:
        pass
    else:
        check(False, "set_password connected=fail succeeded although a client is connected")
    check(holder.alive() and len(qemu.channels()) == 4, "connected=fail disturbed the client")
    refused("delta", "after-fail-new")
    refused("beta", "after-fail-old")
    check(holder.alive() and len(qemu.channels()) == 4, "a refused login disturbed the client")
    set_password("epsilon", "disconnect")
    check_equal(holder.wait(10), 7, "the exit code of the client that connected=disconnect was to drop")
    wait_until(lambda: not qemu.channels(), 10, "no channel left after connected=disconnect")
    let_in("epsilon", "after-disconnect")
    refused("gamma", "after-disconnect-old")
    wait_until(lambda: not qemu.channels(), 10, "no channel left")
    set_password("zeta", "fail")  # nobody is connected: it does not fail
    let_in("zeta", "fail-alone")

    def expire(when):
        qemu.qmp.command("expire_password", protocol="spice", time=when)

    expire("now")
    refused("zeta", "expired-now")
    expire("never")
    let_in("zeta", "expires-never")
    expire(str(int(time.time()) + 3600))
    let_in("zeta", "expires-absolute")
    expire("+3")
    begin = time.monotonic()
    holder = holder_start("zeta", "expires-soon")
    time.sleep(max(0.0, begin + 4.3 - time.monotonic()))
    refused("zeta", "expired")
    check(holder.alive() and len(qemu.channels()) == 4, "the ticket's expiry disturbed the client that was in")
    expire("never")
    holder.signal(signal.SIGTERM)
    let_in("zeta", "revived")
    qemu.check_alive()
    qemu.quit()


def reset(test, vga):
    qemu = Qemu(test, vga)
    path = test.temporary("after.ppm")
    client = test.start_client(*qemu.client_args(), "--hold", 80, "--screenshot", path)
    client.wait_line("^up ", 20)
    qemu.wait_firmware()
    for n in (2, 3):
        qemu.qmp.command("system_reset")
        qemu.qmp.wait_event("RESET", 10)
        qemu.wait_firmware(times=n)
        check(client.alive(), f"the client left at reset {n - 1}: {client.tail()}")
        check_equal(len(qemu.channels()), 4, "channels after the reset")
    # Resets at bad moments: in the middle of the firmware's mode switches.
    for delay in (0.0, 0.05, 0.1, 0.2, 0.3):
        qemu.qmp.command("system_reset")
        qemu.qmp.wait_event("RESET", 10)
        time.sleep(delay)
    qemu.wait_settled()
    qemu.qmp.command("stop")
    time.sleep(1.0)
    client.signal(signal.SIGTERM)
    check_equal(client.wait(10), 0, f"the client's exit code; it said {client.tail()}")
    check_equal(opened(client), sorted(["main 0", "inputs 0", "cursor 0", "display 0"]), "channels opened, once each")
    # With -vga qxl QEMU 7.2 forgets to draw what its own comparison with the picture before the reset takes for
    # unchanged, on any server: there only the server's picture is a fair judge, as a late client gets it.
    through = client_picture(test, path, "client-screen")
    late = test.temporary("late.ppm")
    test.run_client(*qemu.client_args(), "--hold", 0.5, "--screenshot", late, name="late")
    picture.compare(through, client_picture(test, late, "client-late"),
                    "the picture of the client that went through the resets, compared with a late client's")
    wanted = qemu.screendump("qemu-screen")
    check(picture.lit_pixels(wanted) > 500, "QEMU's own picture is (nearly) black")
    if vga == "std":
        picture.compare(through, wanted, "the client's picture after the resets")
    qemu.qmp.command("cont")
    qemu.check_alive()
    qemu.quit()


def reset_qxl(test):
    reset(test, "qxl")


def reset_std(test):
    reset(test, "std")


def quit_connected(test):
    """quit with clients in every state: up, and another that was just killed. QEMU ends by itself, with code 0, soon."""
    for vga in ("qxl", "std"):
        qemu = Qemu(test, vga)
        doomed = test.start_client(*qemu.client_args(), "--hold", 30, name=f"killed-{vga}")
        doomed.wait_line("^up ", 20)
        doomed.signal(signal.SIGKILL)
        client = test.start_client(*qemu.client_args(), "--hold", 30, name=f"client-{vga}")
        client.wait_line("^up ", 20)
        begin = time.monotonic()
        qemu.quit()
        check(time.monotonic() - begin < 5, f"quitting took {time.monotonic() - begin:.1f} s")
        check_equal(client.wait(10), 7, "the exit code of the client whose server quit")


def key(test):
    """A key goes all the way: the firmware offers its boot menu for ESC and shows it when the client presses it."""
    qemu = Qemu(test, "std", "-boot", "menu=on,splash-time=20000")
    qemu.wait_firmware("Press ESC for boot menu")
    check("Select boot device" not in qemu.firmware(), "the menu came before the key")
    test.run_client(*qemu.client_args(), "--keys", "01", "--hold", 0.5)
    wait_until(lambda: "Select boot device" in qemu.firmware(), 10, "the firmware's boot menu after ESC")
    qemu.check_alive()
    qemu.quit()


def uuid(test):
    """The machine's name and number, as its user gave them to QEMU, reach the client; what was not given does not."""
    for args, wanted in ((("-uuid", "00112233-4455-6677-8899-aabbccddeeff"), "00112233445566778899aabbccddeeff"), ((), "none")):
        qemu = Qemu(test, "std", *args)
        client = test.run_client(*qemu.client_args(), name=f"uuid-{wanted[:4]}")
        check(f"machine name=interop uuid={wanted}" in client.lines, f"uuid {wanted} did not reach the client")
        qemu.check_alive()
        qemu.quit()


class FdPasser(threading.Thread):
    """Hands the sockets that glib-client --fd-socket passes on to QEMU, as libvirt does for virt-manager."""

    def __init__(self, test, qemu, skip_auth):
        super().__init__(daemon=True)
        self.path = test.temporary(f"fds-{skip_auth}.sock")
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.path)
        self.listener.listen(1)
        self.qemu = qemu
        self.skip_auth = skip_auth
        self.passed = 0
        self.failure = None
        self.start()

    def run(self):
        try:
            connection, _ = self.listener.accept()
            while True:
                data, fds, _, _ = socket.recv_fds(connection, 1, 1)
                if not data:
                    return
                name = f"client-{self.passed}"
                self.qemu.qmp.command("getfd", fds=fds, fdname=name)
                os.close(fds[0])
                self.qemu.qmp.command("add_client", protocol="spice", fdname=name, skipauth=self.skip_auth)
                self.passed += 1
        except Exception as error:  # shown by finish(), in the test's own thread
            self.failure = error
        finally:
            self.listener.close()

    def finish(self, wanted):
        self.join(timeout=10)
        check(not self.is_alive() and not self.failure, f"passing sockets to QEMU: {self.failure or 'no end'}")
        check_equal(self.passed, wanted, "sockets passed to QEMU")


def add_client(test):
    """Connections that the host adds by QMP instead of a listener: without authentication, and with it."""
    qemu = Qemu(test, "qxl", "-object", "secret,id=ticket,data=alpha", spice="password-secret=ticket")
    # QMP is the passer's while it runs: nothing else is asked meanwhile.
    for skip_auth, password_args, expect, sockets in ((True, (), 0, 4), (False, ("--password", "alpha"), 0, 4),
                                                      (False, ("--password", "beta"), AUTH, 1)):
        passer = FdPasser(test, qemu, skip_auth)
        client = test.run_client("--fd-socket", passer.path, *password_args, "--wait-primary", "--keys", "1e",
                                 "--hold", 0.3, expect=expect, name=f"skipauth-{skip_auth}")
        passer.finish(sockets)
        os.unlink(passer.path)
        if expect == 0:
            check_session(client)
        wait_until(lambda: not qemu.channels(), 10, "no channel left")
    test.run_client(*qemu.client_args(), "--password", "alpha", name="listener")
    qemu.check_alive()
    qemu.quit()


def read_exactly(stream, count):
    data = b""
    while len(data) < count:
        part = stream.recv(count - len(data))
        check(part, f"the server closed after {len(data)} of {count} bytes")
        data += part
    return data


def add_client_tls(test):
    """The same with TLS. spice-gtk speaks none over sockets that it is given, so the main channel is opened by hand."""
    certs = make_certificates(test, test.temporary("pki"))
    qemu = Qemu(test, "qxl", "-object", "secret,id=ticket,data=alpha", tls=True,
                spice=f"password-secret=ticket,x509-dir={certs},tls-channel=main")
    context = ssl.create_default_context(cafile=os.path.join(certs, "ca-cert.pem"))
    context.check_hostname = False
    key_path = test.temporary("key.der")
    for skip_auth, password_text, wanted in ((True, b"beta", 0), (False, b"alpha", 0), (False, b"beta", PERMISSION_DENIED)):
        theirs, ours = socket.socketpair()
        qemu.qmp.command("getfd", fds=[theirs.fileno()], fdname="tls")
        theirs.close()
        qemu.qmp.command("add_client", protocol="spice", fdname="tls", skipauth=skip_auth, tls=True)
        ours.settimeout(10)
        try:
            stream = context.wrap_socket(ours, server_hostname="localhost")
        except OSError as error:
            raise Failure(f"no TLS handshake with QEMU: {error}") from None
        caps = 1 << 0 | 1 << 3  # AUTH_SELECTION, MINI_HEADER
        body = struct.pack("<IBBIIII", 0, 1, 0, 1, 0, 18, caps)
        stream.sendall(b"REDQ" + struct.pack("<III", 2, 2, len(body)) + body)
        magic, _, _, size = struct.unpack("<4sIII", read_exactly(stream, 16))
        reply = read_exactly(stream, size)
        check_equal((magic, reply[:4]), (b"REDQ", bytes(4)), "the link's reply")
        with open(key_path, "wb") as key_file:
            key_file.write(reply[4:166])
        ticket = subprocess.run(["openssl", "pkeyutl", "-encrypt", "-pubin", "-keyform", "DER", "-inkey", key_path, "-pkeyopt",
                                 "rsa_padding_mode:oaep"], input=password_text + b"\0", capture_output=True, check=True).stdout
        stream.sendall(struct.pack("<I", 1) + ticket)
        check_equal(struct.unpack("<I", read_exactly(stream, 4)), (wanted,), "the link's result")
        if wanted == 0:
            kind, _ = struct.unpack("<HI", read_exactly(stream, 6))
            check_equal(kind, 103, "the type of the first message, MAIN_INIT")
            check_equal([(c["channel-type"], c["tls"]) for c in qemu.channels()], [(1, True)], "query-spice: channels")
        stream.close()
        wait_until(lambda: not qemu.channels(), 10, "no channel left")
    qemu.check_alive()
    qemu.quit()


CASES = {
    **{f"qemu-boot-{name}": boot_with(options) for name, options in COMPRESSIONS.items()},
    "qemu-boot-qxl": boot_qxl,
    "qemu-boot-std": boot_std,
    "qemu-boot-sandbox": boot_sandbox,
    "qemu-key": key,
    "qemu-query": query,
    "qemu-password": password,
    "qemu-mixed-tls": mixed_tls,
    "qemu-uuid": uuid,
    "qemu-add-client": add_client,
    "qemu-add-client-tls": add_client_tls,
    "qemu-reset-qxl": reset_qxl,
    "qemu-reset-std": reset_std,
    "qemu-quit-connected": quit_connected,
    "qemu-reconnect-qxl": reconnect_qxl,
    "qemu-reconnect-std": reconnect_std,
}
