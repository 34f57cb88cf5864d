#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Judges the interop tests: on Debian's library every case passes, and fails once what it judges is broken.

The breaking is done outside the tests: by wrappers around the host, the client, QEMU or the decoder that change their
arguments, their output or their end, and by damaged captures. Exit code 0: every sabotage was noticed, each by the
complaint it was to provoke.
"""
import argparse
import os
import re
import shutil
import stat
import subprocess
import sys
import tempfile
import types

import capture
import cases_qemu
import cases_tshark
import harness
import run

# A filter program around another: arguments are rewritten by `rewrite`, output lines by `line`; it passes signals on and
# leaves with the other's exit code.
WRAPPER = '''#!{python}
import os, signal, subprocess, sys
args = sys.argv[1:]
{rewrite}
child = subprocess.Popen([{program!r}] + args, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
for number in (signal.SIGTERM, signal.SIGINT):
    signal.signal(number, lambda n, frame: child.send_signal(n))
for raw in child.stdout:
    line = raw.decode().rstrip("\\n")
    {line}
    if line is not None:
        print(line, flush=True)
sys.exit(child.wait())
'''

DROP = '''
def drop(name, values=1):
    while name in args:
        at = args.index(name)
        del args[at:at + 1 + values]
'''


class Wrappers:
    def __init__(self, folder, preload):
        self.folder = folder
        self.preload = preload
        self.count = 0

    def make(self, program, rewrite="", line="pass"):
        self.count += 1
        path = os.path.join(self.folder, f"wrapper-{self.count}")
        with open(path, "w", encoding="utf-8") as f:
            f.write(WRAPPER.format(python=sys.executable, program=program, rewrite=DROP + rewrite, line=line))
        os.chmod(path, os.stat(path).st_mode | stat.S_IXUSR)
        return path

    def broken(self, program, sabotage):
        """The program with the preloaded sabotage.c."""
        return self.exec(program, f"os.environ.update(LD_PRELOAD={self.preload!r}, SABOTAGE={sabotage!r})")

    def exec(self, program, rewrite):
        """A wrapper that becomes the program: it keeps the process id, as /proc/PID/maps and signals need it."""
        self.count += 1
        path = os.path.join(self.folder, f"wrapper-{self.count}")
        with open(path, "w", encoding="utf-8") as f:
            f.write(f"#!{sys.executable}\nimport os, subprocess, sys\nargs = sys.argv[1:]\n{DROP}\n{rewrite}\n"
                    f"os.execv({program!r}, [{program!r}] + args)\n")
        os.chmod(path, os.stat(path).st_mode | stat.S_IXUSR)
        return path


# Servers broken by sabotage.c: (case, program, what, pattern of the complaint).
BROKEN = [
    ("desktop-keys", "host", "no-keys", "scan codes: 254 expected, 0 came"),
    ("desktop-ticket-expired", "host", "ticket-forever", "too-late: expected exit code 3"),
    ("desktop-ticket-expired-tls", "host", "ticket-forever", "too-late: expected exit code 3"),
    ("qemu-key", "qemu", "no-keys", "boot menu after ESC"),
    ("qemu-boot-qxl", "qemu", "no-wakeup", "the client's picture, drawn step by step: .* pixels differ"),
    ("qemu-boot-std", "qemu", "no-wakeup", "the client's picture, drawn step by step: .* pixels differ"),
    ("qemu-boot-sandbox", "qemu", "forbidden-call", "from-power-on ended without|gone|QEMU died"),
    ("qemu-query", "qemu", "event-id", "one non-zero connection-id expected"),
    ("qemu-query", "qemu", "event-tls", "query-spice: tls of channel type"),
    ("qemu-query", "qemu", "event-address", "query-spice: the client's ports"),
    ("qemu-query", "qemu", "event-no-end", "channels leave query-spice|QEMU is gone"),
    ("qemu-query", "qemu", "event-twice", "surplus SPICE events"),
    ("qemu-password", "qemu", "ticket-frozen", "set: expected exit code 0, got 3"),
    ("qemu-password", "qemu", "ticket-forever", "expired: expected exit code 3, got 0"),
    ("qemu-password", "qemu", "ticket-no-fail", "connected=fail succeeded"),
    ("qemu-password", "qemu", "ticket-no-drop", "still runs after 10 s"),
    ("qemu-password", "qemu", "ticket-always-drop", "connected=keep disturbed"),
    ("qemu-add-client", "qemu", "add-never-skips", "skipauth-True: expected exit code 0, got 3"),
    ("qemu-add-client", "qemu", "add-always-skips", "skipauth-False: expected exit code 3, got 0"),
    ("qemu-add-client-tls", "qemu", "add-plain", "no TLS handshake with QEMU"),
    ("qemu-add-client-tls", "qemu", "add-always-skips", "the link's result"),
    ("qemu-uuid", "qemu", "no-uuid", "uuid 00112233445566778899aabbccddeeff did not reach"),
    ("qemu-quit-connected", "qemu", "exit-code", "QEMU's exit code after quit: expected 0, got 3"),
    ("qemu-quit-connected", "qemu", "exit-slow", "quitting took"),
    ("qemu-reconnect-std", "qemu", "die-later", "QEMU died after session|exit code 0, got"),
    ("qemu-reconnect-std", "qemu", "leak-files", "as few open files as after the first client"),
    ("qemu-reconnect-std", "qemu", "event-no-end", "no channel left|QEMU is gone"),
]


def sabotages(w, host, client, qemu):
    """(case, options that differ, pattern of the complaint)"""
    drop_password = w.exec(host, "drop('--password')")
    other_password = w.exec(host, "args[args.index('--password') + 1] = 'something else'")
    spice_option = "at = args.index('-spice') + 1\nargs[at] = args[at]"
    no_picture = w.exec(client, "drop('--wait-primary', 0)")
    # glib-client's words, with something wrong in them: for what a server that misbehaves would make it say.
    no_cursor = w.make(client, line="line = None if line == 'opened cursor 0' else line")
    return [
        ("desktop-plain", {"host": other_password_always(w, host)}, "exit code 0, got 3"),
        ("desktop-plain", {"client": no_cursor}, "channels opened"),
        ("desktop-plain", {"client": no_picture}, "no marked picture|channels opened"),
        ("desktop-plain", {"library": w.folder}, "is to use libspice-server from"),
        ("desktop-hurry", {}, CRASHED),  # nothing is broken here but Debian's library
        ("desktop-tls", {"host": w.exec(host, "drop('--tls-port'); drop('--tls-cert-dir')")}, "exit code 0, got 6"),
        ("desktop-tls", {"host": w.exec(host, "t = args.index('--tls-port'); p = args.index('--port');"
                                              "args[t + 1], args[p + 1] = args[p + 1], args[t + 1]")}, "exit code 0, got"),
        ("desktop-tls", {"host": drop_password}, "tls-wrong: expected exit code 3"),
        ("desktop-tls-key-password", {"host": w.exec(host, "args[args.index('--key-password') + 1] = 'no'")},
         "no line like '\\^ready|ended without a line"),
        ("desktop-ticket", {"host": drop_password}, "wrong: expected exit code 3, got 0"),
        ("desktop-ticket", {"host": other_password}, "right: expected exit code 0, got 3"),
        ("desktop-ticket-expired", {"host": w.exec(host, "drop('--ticket-seconds')")}, "too-late: expected exit code 3"),
        ("desktop-ticket-expired", {"host": w.exec(host, "args[args.index('--ticket-seconds') + 1] = '-1'")}, "in-time"),
        ("desktop-keys", {"client": w.exec(client, "at = args.index('--keys') + 1; args[at] = args[at].replace("
                                                   "'10,11', '11,10')")}, "scan codes: "),
        ("desktop-keys", {"client": w.exec(client, "at = args.index('--keys') + 1; args[at] = args[at].replace("
                                                   "'e01d', '1d')")}, "scan codes: "),
        ("desktop-keys", {"client": w.exec(client, "at = args.index('--keys') + 1; args[at] = '1e' if args[at] == '+1e'"
                                                   " else args[at] + ',1e'")}, "scan codes: "),
        ("desktop-mouse", {"host": w.exec(host, "args.append('--no-tablet')")}, "exit code 0, got 5"),
        ("desktop-mouse", {"client": w.exec(client, "at = args.index('--mouse') + 1; args[at] = args[at].replace("
                                                    "'33,44', '44,33')")}, "no line 'tablet: 33 44 1'"),
        ("desktop-mouse", {"client": w.exec(client, "at = args.index('--mouse') + 1; args[at] = args[at].replace("
                                                    "'-700', '700')")}, "relative motion"),
        ("desktop-unix", {"host": w.exec(host, "drop('--unix'); args += ['--port', '0']")}, "exit code|no line|ended"),
        ("desktop-spicy-stats", {"host": other_password}, "four connections|ended by itself"),
        ("html5-plain", {"host": other_password_always(w, host)}, "a canvas: not within"),
        ("html5-ticket", {"host": drop_password}, "ask for another password: not within"),
        ("qemu-boot-qxl", {"client": w.exec(client, "drop('--wait-primary', 0)\nif '--screenshot' in args and "
                                            "'6' in args[args.index('--hold') + 1]: args[args.index('--hold') + 1] = '0.1'"
                                            )}, "exit code|pixels differ|no marked picture|no primary"),
        ("qemu-boot-std", {"qemu": w.exec(qemu, "args[args.index('-vga') + 1] = 'none'")}, "exit code|no line like"),
        ("qemu-boot-sandbox", {"qemu": w.exec(qemu, "drop('-sandbox')")}, "without its sandbox"),
        ("qemu-key", {"client": w.exec(client, "args[args.index('--keys') + 1] = '1e'")}, "boot menu after ESC"),
        ("qemu-query", {"qemu": w.exec(qemu, f"{spice_option}.replace('disable-ticketing=on', 'password-secret=x')\n"
                                             "args += ['-object', 'secret,id=x,data=y']")}, "query-spice before any client"),
        ("qemu-password", {"qemu": w.exec(qemu, f"{spice_option}.replace('password-secret=ticket', "
                                                "'disable-ticketing=on')")}, "query-spice: auth"),
        ("qemu-mixed-tls", {"qemu": w.exec(qemu, f"{spice_option}.replace(',tls-channel=inputs', '')")},
         "tls of channel type 3"),
        ("qemu-mixed-tls", {"qemu": w.exec(qemu, f"{spice_option}.replace(',tls-channel=main', '')")},
         "tls of channel type 1|policy forbids"),
        ("qemu-reset-std", {"qemu": w.exec(qemu, "args.append('-no-reboot')")}, "RESET|gone|the client"),
    ] + [(case, {program: w.broken({"host": host, "qemu": qemu}[program], sabotage)}, pattern)
         for case, program, sabotage, pattern in BROKEN]


def other_password_always(w, host):
    return w.exec(host, "args += ['--password', 'nobody knows']")


# Debian's library crashes by itself now and then when clients leave early (case desktop-hurry makes sure of it). That is no
# verdict on a test: once more, then.
TRIES = 5
CRASHED = "died by signal 11"


LEFT_OUT = "|".join((
    # debian-host draws nothing of its own, has one display, and neither records nor plays recordings.
    "desktop-(picture|paint|stalled|lossy|two-displays).*", "html5-compressions", "tshark-paint", "record-.*", "replay-.*",
    # They need programs that are not given here, as it is our codecs that they judge, and guests that they look into.
    "codec-.*", "guest-.*", "html5-(codecs|paint)", "html5-qemu-.*", "tshark-guest",
    # Debian's library dies: of clients that leave early, of fifty that come and go, of drawings.
    "desktop-hurry", "kill-(xspice|paint)", "qemu-reconnect-std",
    # It answers browsers in SPICE, sends a first picture by LZ where GLZ is asked for, and what went as JPEG not again
    # without loss.
    "html5-requests", "xspice-setting-(auto_|zlib-)?glz", "xspice-jpeg", "xspice-lossy",
))
# It tells no name; the capture is wanted all the same.
COMPLAINTS = {"tshark-desktop": "no NAME in the capture"}


def run_stock(case, options):
    """None if the case passes on Debian's library, or complains of what is known."""
    for _ in range(TRIES):
        why = run.run_case(case, options)
        if not why or CRASHED not in why:
            break
    if case in COMPLAINTS:
        return None if COMPLAINTS[case] in (why or "") else f"not {COMPLAINTS[case]!r}, but {why}"
    return why


def run_sabotaged(case, base, changes, pattern):
    """None if the case failed with a complaint that matches, otherwise what went wrong with the sabotage."""
    for _ in range(TRIES):
        complaint, why = try_sabotaged(case, base, changes, pattern)
        # A client that takes its picture too early may be too late for that on a busy machine.
        early = "client" in changes and case == "qemu-boot-qxl" and why is None
        if not complaint or (not early and CRASHED not in (why or "") and pattern != CRASHED):
            break
    return complaint


def try_sabotaged(case, base, changes, pattern):
    """(what went wrong with the sabotage or None, what the test complained of or None)"""
    options = types.SimpleNamespace(**{**vars(base), **changes})
    options.artifacts = os.path.join(base.artifacts, "sabotaged")
    why = run.run_case(case, options)
    if why is None:
        return "it passed although what it judges was broken", why
    if "Traceback" in why:
        return "it failed by an error of its own", why
    if not re.search(pattern, why):
        return f"it failed, but not with {pattern!r}", why
    return None, why


def reset_without_effect(options):
    """A lost picture is noticed: the comparison itself, on pictures made here."""
    import picture
    good = (4, 2, bytes(range(24)))
    try:
        picture.compare((4, 2, bytes(range(23)) + b"\xff"), good, "picture")
    except harness.Failure as failure:
        return None if "1 pixels differ, the first at 3,1" in str(failure) else f"wrong complaint: {failure}"
    del options
    return "one wrong pixel was not noticed"


def damaged_query(options):
    """Answers of query-spice with one thing wrong each."""
    del options
    good = [{"channel-type": t, "channel-id": 0, "connection-id": 77, "tls": t == 3, "host": "127.0.0.1",
             "family": "ipv4", "port": str(1000 + t)} for t in (1, 2, 3, 4)]
    ports = [1001, 1002, 1003, 1004]
    cases_qemu.check_channels(good, ["inputs"], ports)
    for key, value in (("channel-type", 5), ("channel-id", 1), ("connection-id", 78), ("connection-id", 0), ("tls", False),
                       ("host", "127.0.0.2"), ("family", "ipv6"), ("port", "1")):
        bad = [dict(c) for c in good]
        bad[2][key] = value
        try:
            cases_qemu.check_channels(bad, ["inputs"], ports)
        except harness.Failure:
            continue
        return f"{key}={value} was not noticed"
    return None


def damaged_capture(options):
    """The capture of a good session with some message bodies, headers or channels destroyed: tshark's verdict must turn."""
    source = os.path.join(options.artifacts, "stock-tshark-desktop", "session.pcapng")
    if not os.path.exists(source):
        return "no capture of tshark-desktop to damage"
    test = harness.Test("tshark-desktop-damaged", types.SimpleNamespace(**{**vars(options), "library": None}))
    try:
        with open(source, "rb") as f:
            data = f.read()
        port = max(set(int(r["tcp.srcport"]) for r in capture.frames(source, 0) if r["tcp.srcport"]),
                   key=lambda p: sum(1 for r in capture.frames(source, 0) if r["tcp.srcport"] == str(p)))
        cases_tshark.judge(test, source, port, sessions=2)

        def head(kind, size):
            return kind.to_bytes(2, "little") + size.to_bytes(4, "little")

        damages = {
            # MARK claims to have a body of 0x10000 bytes: framing is lost.
            "size": data.replace(head(102, 0), head(102, 0x10000)),
            # SURFACE_CREATE becomes a type that does not exist.
            "type": data.replace(head(314, 20), head(399, 20)),
            # The inputs channel's KEY_UPs are gone.
            "missing": data.replace(head(102, 4), head(101, 4)),
            # DRAW_FILL with an impossible clip type and count.
            "body": re.sub(re.escape(head(302, 41)) + b"(.{20}).", lambda m: m[0][:-1] + b"\x01", data, flags=re.S),
        }
        for name, damaged in damages.items():
            if damaged == data:
                return f"damage {name!r} changes nothing: the sabotage is out of date"
            path = test.artifact(f"damaged-{name}.pcapng")
            with open(path, "wb") as f:
                f.write(damaged)
            try:
                cases_tshark.judge(test, path, port, sessions=2)
            except harness.Failure as failure:
                print(f"      {name}: {failure}")
                continue
            return f"damage {name!r} was not noticed"
    finally:
        test.close()
    return None


def damaged_streams(options):
    """Byte streams of a good session with one thing wrong each: decode-streams must complain."""
    source = os.path.join(options.artifacts, "stock-wire-streams", "streams")
    if not options.decoder or not os.path.exists(os.path.join(source, "manifest")):
        return "no streams of wire-streams, or no decoder"

    def complaint(folder):
        done = subprocess.run([options.decoder, folder], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, timeout=30,
                              check=False)
        bad = [line for line in done.stdout.decode().splitlines() if line.startswith("BAD")]
        return done.returncode, bad[0] if bad else None

    if complaint(source) != (0, None):
        return "the undamaged streams are refused"
    names = sorted(name for name in os.listdir(source) if name != "manifest")
    inputs = next(name for name in names if "inputs" in name and name.endswith(".client"))
    display = next(name for name in names if "display" in name and name.endswith(".server"))
    set_ack, create = b"\x03\0\x08\0\0\0", b"\x3a\x01\x14\0\0\0"
    damages = (
        ("type", inputs, lambda b: b"\xe7\x03" + b[2:]),
        ("truncated", inputs, lambda b: b[:-1]),
        ("short body", display, lambda b: b.replace(create, create[:2] + b"\x13" + create[3:])),
        ("long body", display, lambda b: b.replace(set_ack, set_ack[:2] + b"\x09" + set_ack[3:])),
    )
    for name, victim, damage in damages:
        folder = tempfile.mkdtemp(prefix="interop-streams-")
        try:
            for file in os.listdir(source):
                shutil.copy(os.path.join(source, file), folder)
            with open(os.path.join(source, victim), "rb") as f:
                good = f.read()
            if damage(good) == good:
                return f"damage {name!r} changes nothing: the sabotage is out of date"
            with open(os.path.join(folder, victim), "wb") as f:
                f.write(damage(good))
            code, bad = complaint(folder)
            print(f"      {name}: {code}, {bad}")
            if code != 1 or not bad:
                return f"damage {name!r} was not noticed"
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    return None


def main():
    parser = argparse.ArgumentParser(description="Judges the interop tests")
    parser.add_argument("--client", required=True)
    parser.add_argument("--host", required=True, help="debian-host")
    parser.add_argument("--sabotage", required=True, help="the module made from sabotage.c")
    parser.add_argument("--qemu", default="/usr/bin/qemu-system-x86_64")
    parser.add_argument("--decoder")
    parser.add_argument("--artifacts", default="interop-artifacts")
    parser.add_argument("what", nargs="*", choices=["pass", "sabotage", []], help="default: both")
    options = parser.parse_args()
    options.artifacts = os.path.abspath(options.artifacts)
    options.library = None
    bad = []
    if "pass" in options.what or not options.what:
        cases = [c for c in run.CASES if not re.fullmatch(LEFT_OUT, c) and (options.decoder or c != "wire-streams")]
        bad += [f"{c}: does not pass on Debian's library: {why}" for c in cases
                for why in [run_stock(c, options)] if why]
    if "sabotage" in options.what or not options.what:
        folder = tempfile.mkdtemp(prefix="interop-selfcheck-")
        try:
            w = Wrappers(folder, os.path.abspath(options.sabotage))
            for case, changes, pattern in sabotages(w, options.host, options.client, options.qemu):
                complaint = run_sabotaged(case, options, changes, pattern)
                if complaint:
                    bad.append(f"{case} with {changes}: {complaint}")
            for probe in (reset_without_effect, damaged_query, damaged_capture, damaged_streams):
                complaint = probe(options)
                print(f"{'FAIL' if complaint else 'noticed'}  {probe.__name__}")
                if complaint:
                    bad.append(f"{probe.__name__}: {complaint}")
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    print("\n".join(["", "all sabotages were noticed"] if not bad else ["", "NOT GOOD:"] + bad))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
