# SPDX-License-Identifier: LGPL-2.1-or-later
"""tshark's SPICE dissector, written from other people's reading of the protocol, on captures of real sessions."""
import os
import re
import signal
import struct
import subprocess
import time

import capture
from cases_desktop import check_session
from cases_guest import Linux
from cases_qemu import Qemu
from cases_xspice import SCROLLING, XServer
from harness import check, check_equal

# What tshark 4.0 says about the existing server's traffic as well (case tshark-known proves it with Debian's library).
# Nothing else is accepted.
KNOWN = [
    ("Notes", r"value irrelevant as bitmap address is 0$",
     "a remark, no objection: QMask's flags and position are on the wire even where there is no mask bitmap"),
    ("Warns", r"Unknown inputs client message - cannot dissect$",
     "KEY_SCANCODE: the dissector has its name but not its body, and loses the rest of that direction of the connection"),
]

# What it says of drawings that not every host makes.
KNOWN_OF_DRAWINGS = [
    ("Warns", r"message type Server DRAW_TEXT \(311\) not fully dissected$",
     "the dissector does not know glyphs; spice-gtk and our own wire/ read them"),
]

# What every session has, by tshark's names.
REQUIRED = {
    ("main", "Server"): ["link message", "ticket", "INIT", "CHANNELS_LIST", "PING"],
    ("main", "Client"): ["link message", "authentication method selection", "ticket", "ATTACH_CHANNELS", "PONG"],
    ("display", "Server"): ["link message", "ticket", "SET_ACK", "SURFACE_CREATE", "MARK", "PING"],
    ("display", "Client"): ["link message", "ticket", "INIT", "ACK_SYNC", "PONG"],
    ("cursor", "Server"): ["link message", "ticket", "SET_ACK", "INIT", "PING"],
    ("cursor", "Client"): ["link message", "ticket", "ACK_SYNC", "PONG"],
    ("inputs", "Server"): ["link message", "ticket", "INIT", "PING"],
    ("inputs", "Client"): ["link message", "ticket", "KEY_DOWN", "KEY_UP"],
}


def judge(test, path, port, sessions, known=KNOWN[:1]):
    """The verdict on a capture of so many whole sessions, twice: on the packets as they went over the wire, and on the same
    bytes with one message to a packet, where the dissector sees every message."""
    judge_packets(test, path, port, known)
    connections = capture.connections(path, port)
    found = judge_packets(test, capture.resegment(connections, test.artifact("messages.pcap"), port), port, known)
    for key, names in REQUIRED.items():
        for name in names:
            count = found.get(key, []).count(name)
            check(count >= sessions, f"{key[0]}: {sessions} times {key[1]} {name} expected, tshark saw {count}; "
                  f"it saw {sorted(set(found.get(key, [])))}")
    check_connections(connections, sessions)
    return found


def check_said(found, **wanted):
    """Messages from the server that the case is to have, by channel: at least one of each."""
    for channel, names in wanted.items():
        said = found.get((channel, "Server"), [])
        for name in names.split():
            check(name in said, f"no {name} in the capture: the session did not do what it was to do; it has {sorted(set(said))}")


def judge_packets(test, path, port, known):
    """tshark's word on one file; what it found is written beside it."""
    rows = capture.frames(path, port)
    found = capture.messages(rows)
    objections = capture.objections(path, port)
    undissected = capture.undissected(rows)
    malformed = capture.malformed_frames(path, port)
    with open(test.artifact(os.path.basename(path) + ".findings"), "w", encoding="utf-8") as f:
        for (channel, side), names in sorted(found.items()):
            f.write(f"{channel} {side}: " + ", ".join(f"{n} x{names.count(n)}" for n in dict.fromkeys(names)) + "\n")
        for severity, count, text in objections:
            f.write(f"{severity} {count} {text}\n")
        for row in undissected:
            f.write(f"undissected: frame {row['frame.number']} stream {row['tcp.stream']} {row['_ws.col.Info']}\n")
        for line in malformed:
            f.write(f"malformed: {line}\n")
    lost = [row["frame.number"] for row in rows if row["tcp.analysis.ack_lost_segment"]]
    check(not lost, f"frames {lost[:5]} acknowledge what was not captured: the verdict would mean nothing")
    check_equal(malformed[:3], [], f"{len(malformed)} malformed packets (frame, messages), the first")
    for severity, count, text in objections:
        check(any(severity == s and re.match(pattern, text) for s, pattern, _ in known + KNOWN_OF_DRAWINGS),
              f"tshark objects {count} times: {severity}: {text}")
    first = undissected[0]["frame.number"] if undissected else ""
    check(not undissected, f"{len(undissected)} frames with bytes that tshark could not read as SPICE messages, "
          f"the first: {first}")
    return found


def check_connections(found, sessions):
    """Our own reading of the link stage agrees: four connections a session, all let in."""
    check_equal(sorted(c.name for c in found), sorted(["main", "display", "inputs", "cursor"] * sessions), "connections")
    check_equal({c.link_result for c in found}, {0}, "link results")
    check_equal({c.mini for c in found}, {True}, "mini headers (spice-gtk and any server offer them)")


def desktop(test):
    host = test.start_host("--password", "seen on the wire")
    port = host.port
    run = capture.Capture(test, port)
    args = ("--port", port, "--password", "seen on the wire", "--wait-primary", "--keys", "1e,e01d,+2a,-2a")
    check_session(test.run_client(*args, "--mouse-mode", "client", "--hold", 2.5, "--mouse",
                                  "position:10,20;press:1,1;position:30,40,1;release:1;press:4;release:4"))
    check_session(test.run_client(*args, "--mouse-mode", "server", "--hold", 1, "--mouse",
                                  ";".join(["motion:3,-4"] * 12) + ";press:3,4;release:3"))
    path = run.stop()
    found = judge(test, path, port, sessions=2)
    for name in ("MOUSE_POSITION", "MOUSE_MOTION", "MOUSE_PRESS", "MOUSE_RELEASE"):
        check(name in found[("inputs", "Client")], f"no {name} in the capture: the session did not do what it was to do")
    check_said(found, main="NAME NOTIFY MOUSE_MODE", inputs="KEY_MODIFIERS MOUSE_MOTION_ACK",
               display="MONITORS_CONFIG INVAL_ALL_PALETTES")
    drawn = [n for n in found[("display", "Server")] if n.startswith(("DRAW_", "COPY_BITS", "STREAM_"))]
    check(len(drawn) >= 2, f"not even the primary's picture in each session: {drawn}")


def decode(test, connections):
    """These connections' messages as lines `SIDE CHANNEL NAME FIELDS`, read whole by our own wire/ and encoded again."""
    check(test.options.decoder and os.path.exists(test.options.decoder), "the program decode-streams is not built")
    folder = capture.streams_write(connections, test.artifact("streams"))
    done = subprocess.run([test.options.decoder, folder], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=30, check=False)
    text = done.stdout.decode("utf-8", "replace")
    with open(test.artifact("decoded.txt"), "w", encoding="utf-8") as f:
        f.write(text)
    check_equal(done.returncode, 0, f"decode-streams' exit code; it said: {text[-400:]}")
    return text.splitlines()


# What tshark's dissector has wrong or leaves out, by what our own reading of a display message says of it. All of these
# messages are read whole by wire/, and encoded again to the same bytes; spice-gtk draws what they say.
NOT_DISSECTED = [
    ("opaque", r"^DRAW_OPAQUE ", "it does not know that a brush lies between source and raster operation"),
    ("composite", r"^DRAW_COMPOSITE ", "it does not know this message's body"),
    ("invalidations", r"^INVAL_(ALL_PIXMAPS|PALETTE) ", "it does not know these messages' bodies"),
    ("text", r"^DRAW_TEXT ", "it does not know glyphs"),
    ("stroke", r"^DRAW_STROKE ", "it does not know paths"),
    ("rop3", r"^DRAW_ROP3 ", "it leaves bytes of this message over"),
    ("palette", r"palette(=\{|_id=)|type=LZ_PLT", "it takes a palette's place for something else"),
    ("mask", r"mask=\{[^}]*\} bitmap=\{", "it leaves a mask's bitmap out"),
    ("no brush", r"brush=\{ type=NONE", "it knows no brush that is none"),
]


def mini_message(kind, body):
    return struct.pack("<HI", kind, len(body)) + body


# What takes a full cache or another display to be sent: so that tshark sees it, it is put before what was captured. That these
# are the server's bytes, too, is for decode() to say, which encodes them again.
RARE = {
    "display": {
        "INVAL_LIST": mini_message(105, struct.pack("<HBQBQ", 2, 1, 7, 1, 1 << 40)),
        "INVAL_ALL_PIXMAPS": mini_message(106, struct.pack("<B", 0)),
        "INVAL_PALETTE": mini_message(107, struct.pack("<Q", 5)),
    },
    "cursor": {
        "TRAIL": mini_message(106, struct.pack("<HH", 4, 20)),
        "INVAL_ONE": mini_message(107, struct.pack("<Q", 5)),
        "INVAL_ALL": mini_message(108, b""),
    },
}


def paint(test):
    """Everything that can be drawn, and a cursor, message by message: tshark must understand all that it is able to."""
    host = test.start_host("--paint", "--cursor-traffic", "--size", "320x240")
    run = capture.Capture(test, host.port)
    check_session(test.run_client("--port", host.port, "--wait-primary", "--keys", "1e", "--mouse-mode", "server", "--hold", 2))
    found = capture.connections(run.stop(), host.port)
    check_connections(found, sessions=1)
    for connection in found:
        connection.server = b"".join(RARE.get(connection.name, {}).values()) + connection.server
    decoded = decode(test, found)
    path = capture.resegment(found, test.artifact("messages.pcap"), host.port)
    drawn, understood, excused = understood_by_tshark(path, host.port, found, decoded, "display")
    with open(test.artifact("findings"), "w", encoding="utf-8") as f:
        f.write(f"understood {understood} of {len(drawn)}; excused: {excused}\n")
    check(understood > len(drawn) // 2 > 100, f"tshark understood {understood} of {len(drawn)} messages: the test proves little")
    pointed, understood, _ = understood_by_tshark(path, host.port, found, decoded, "cursor")
    check_equal(understood, len(pointed), "messages of the cursor channel that tshark understood")
    for name, names in (("SURFACE_DESTROY", drawn), ("SET", pointed), ("MOVE", pointed), ("HIDE", pointed),
                        *((rare, drawn) for rare in RARE["display"]), *((rare, pointed) for rare in RARE["cursor"])):
        check(name in names, f"no {name} in the capture: {sorted(set(names))}")


def understood_by_tshark(path, port, found, decoded, channel):
    """The server's messages of that channel, how many of them tshark understood, and why it need not understand the others."""
    ours = [words[2] for words in (line.split(" ", 2) for line in decoded) if words[:2] == ["server", channel]]
    stream = [c.name for c in found].index(channel)
    text = capture.tshark(path, port, "-Y", f"spice && tcp.stream=={stream} && tcp.srcport=={port}", "-T", "fields",
                          "-e", "_ws.col.Info", "-e", "_ws.expert.message")
    theirs = [row.split("\t") for row in text.splitlines() if not re.match(r"Server (link message|ticket)", row)]
    check_equal(len(theirs), len(ours), f"messages of the {channel} channel that tshark saw")
    excused = {name: 0 for name, _, _ in NOT_DISSECTED}
    understood = 0
    for mine, (info, *remarks) in zip(ours, theirs):
        check(info.startswith(f"Server {mine.split()[0]}"), f"tshark takes {mine[:80]!r} for {info!r}")
        if all(remark in ("", "value irrelevant as bitmap address is 0") for remark in ",".join(remarks).split(",")):
            understood += 1
            continue
        reasons = [name for name, pattern, _ in NOT_DISSECTED if re.search(pattern, mine)]
        check(reasons, f"tshark objects to {mine[:300]!r}: {info} {remarks}")
        excused[reasons[0]] += 1
    return [mine.split()[0] for mine in ours], understood, excused


def qemu(test):
    machine = Qemu(test, "qxl")
    run = capture.Capture(test, machine.port)
    client = test.start_client(*machine.client_args(), "--keys", "1e,+2a,-2a", "--hold", 4)
    client.wait_line("^up ", 20)
    machine.qmp.command("system_reset")  # the device forgets its cursor and surfaces, and so must the client
    check_equal(client.wait(20), 0, "the client's exit code")
    check_session(test.run_client(*machine.client_args(), "--keys", "1e", "--hold", 0.5))
    path = run.stop()
    found = judge(test, path, machine.port, sessions=2)
    check_said(found, main="NAME UUID NOTIFY", inputs="KEY_MODIFIERS", cursor="RESET INVAL_ALL",
               display="DRAW_COPY MONITORS_CONFIG SURFACE_DESTROY INVAL_ALL_PALETTES")
    machine.quit()


def linux_guest(test):
    """What the kernel's qxl driver draws: text that scrolls, new modes, rectangles, a cursor."""
    linux = Linux(test, "qxl")
    linux.wait_up()
    run = capture.Capture(test, linux.qemu.port)
    client = test.start_client(*linux.qemu.client_args(), "--keys", "1e", "--hold", 60)
    client.wait_line("^up ", 20)
    for command in ("text 60", "mode 800x600 1", "draw 40 1", "cursor 20 30", "cursor 50 60", "mode 640x480 2", "draw 20 2"):
        linux.serial.command(command)
    time.sleep(1)
    client.signal(signal.SIGTERM)
    check_equal(client.wait(15), 0, "the client's exit code")
    path = run.stop()
    found = judge(test, path, linux.qemu.port, sessions=1)
    drawn = found[("display", "Server")]
    check(drawn.count("SURFACE_CREATE") >= 3 and drawn.count("DRAW_COPY") >= 60, f"too little was drawn: {sorted(set(drawn))}")
    check("SET" in found[("cursor", "Server")], f"no cursor: {found[('cursor', 'Server')]}")
    linux.finish()


def xspice(test):
    """What an X driver draws: fills, copies, text as pictures, windows that move."""
    server = XServer(test)
    run = capture.Capture(test, server.port)
    client = test.start_client("--port", server.port, "--wait-primary", "--keys", "1e", "--hold", 60)
    client.wait_line("^up ", 20)
    server.run("xsetroot", "-solid", "#4060a0")
    server.start("xterm", "xterm", "-fn", "fixed", "-geometry", "90x30+20+20", "-e", "sh", "-c", SCROLLING)
    server.run("x11perf", "-repeat", "1", "-reps", "20", "-rect10", "-line100", "-copywinwin100", "-putimage100", "-ftext",
               seconds=60)
    time.sleep(1)
    client.signal(signal.SIGTERM)
    check_equal(client.wait(15), 0, "the client's exit code")
    path = run.stop()
    drawn = judge(test, path, server.port, sessions=1)[("display", "Server")]
    for name, least in (("DRAW_FILL", 50), ("DRAW_COPY", 20), ("COPY_BITS", 10)):
        check(drawn.count(name) >= least, f"{drawn.count(name)} times {name}: too little was drawn")


def known(test):
    """Every known objection still comes up, so none is on the list for nothing; and nothing but those."""
    host = test.start_host()
    run = capture.Capture(test, host.port)
    check_session(test.run_client("--port", host.port, "--wait-primary", "--keys", "1e,=1e", "--hold", 1))
    path = run.stop()
    objections = capture.objections(path, host.port)
    for severity, pattern, reason in KNOWN:
        check(any(s == severity and re.match(pattern, text) for s, _, text in objections),
              f"tshark no longer says {pattern!r}: strike it from the list; it says {objections}")
    for severity, count, text in objections:
        check(any(severity == s and re.match(pattern, text) for s, pattern, _ in KNOWN + KNOWN_OF_DRAWINGS),
              f"tshark objects {count} times: {severity}: {text}")
    check_equal(capture.malformed_frames(path, host.port), [], "malformed packets")


def wire(test):
    """What spice-gtk sends, and what the server sends, decodes in our own wire/: one program reads the byte streams."""
    host = test.start_host("--password", "decode")
    run = capture.Capture(test, host.port)
    args = ("--port", host.port, "--password", "decode", "--wait-primary")
    check_session(test.run_client(*args, "--keys", "1e,=1f,=e04b,+e01d,-e01d", "--mouse-mode", "client", "--mouse",
                                  "position:10,20;press:1,1;position:30,40,1;release:1;press:5;release:5", "--hold", 2))
    check_session(test.run_client(*args, "--mouse-mode", "server", "--mouse", "motion:3,-4;press:3,4;release:3",
                                  "--hold", 2))
    found = capture.connections(run.stop(), host.port)
    check_connections(found, sessions=2)
    # One line `SIDE CHANNEL NAME` for each message; what the sessions did is all there, and no more of it.
    lines = [line.split()[:3] for line in decode(test, found)]

    def count(*words):
        return sum(1 for line in lines if line == list(words))

    for words, wanted in ((("client", "inputs", "KEY_DOWN"), 2), (("client", "inputs", "KEY_UP"), 2),
                          (("client", "inputs", "KEY_SCANCODE"), 2), (("client", "inputs", "MOUSE_PRESS"), 3),
                          (("client", "inputs", "MOUSE_RELEASE"), 3), (("client", "display", "INIT"), 2),
                          (("client", "main", "ATTACH_CHANNELS"), 2), (("server", "main", "INIT"), 2),
                          (("server", "inputs", "INIT"), 2), (("server", "cursor", "INIT"), 2)):
        check_equal(count(*words), wanted, f"messages {' '.join(words)}")
    for words, least in ((("client", "inputs", "MOUSE_POSITION"), 2), (("client", "inputs", "MOUSE_MOTION"), 1),
                         (("server", "display", "SURFACE_CREATE"), 2), (("server", "display", "MARK"), 2)):
        check(count(*words) >= least, f"messages {' '.join(words)}: at least {least} expected, got {count(*words)}")


CASES = {
    "tshark-desktop": desktop,
    "tshark-paint": paint,
    "tshark-guest": linux_guest,
    "tshark-xspice": xspice,
    "tshark-qemu": qemu,
    "tshark-known": known,
    "wire-streams": wire,
}
