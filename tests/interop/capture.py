# SPDX-License-Identifier: LGPL-2.1-or-later
"""Captures on the loopback device, what tshark makes of them, and the SPICE byte streams inside."""
import os
import re
import signal
import struct
import subprocess
import time

from harness import Failure, check

CHANNEL_NAMES = {1: "main", 2: "display", 3: "inputs", 4: "cursor", 5: "playback", 6: "record", 8: "smartcard",
                 9: "usbredir", 10: "port", 11: "webdav"}
MINI_HEADER_CAP = 3  # number of the common capability


class Capture:
    """dumpcap on lo, one TCP port. As root; being unable to capture is a failure of the test."""

    def __init__(self, test, port, name="session"):
        self.path = test.artifact(f"{name}.pcapng")
        self.dumpcap = test.start("dumpcap", ["dumpcap", "-i", "lo", "-f", f"tcp port {port}", "-B", "64", "-s", "0",
                                              "-w", self.path])
        try:
            self.dumpcap.wait_line(r"^File: ", 15)
        except Failure as failure:
            raise Failure(f"capturing on lo is impossible here (dumpcap must run as root): {failure}") from None
        wait_end = time.monotonic() + 5
        while not os.path.exists(self.path) or os.path.getsize(self.path) == 0:
            check(time.monotonic() < wait_end, "dumpcap writes no file")
            time.sleep(0.05)
        time.sleep(0.3)

    def stop(self):
        """Ends the capture and returns the file; a lost packet is a failure, since it would look like an error of the server."""
        time.sleep(0.5)
        self.dumpcap.signal(signal.SIGINT)
        code = self.dumpcap.wait(10)
        check(code == 0, f"dumpcap ended with {code}: {self.dumpcap.tail()}")
        drops = [m for m in (re.search(r"received/dropped on interface .*: (\d+)/(\d+)", line)
                             for line in self.dumpcap.lines) if m]
        check(drops and int(drops[0][1]) > 0, f"dumpcap captured nothing: {self.dumpcap.tail()}")
        check(int(drops[0][2]) == 0, f"dumpcap dropped {drops[0][2]} packets: the verdict would mean nothing")
        return self.path


def tshark(path, port, *args):
    """tshark's standard output, two-pass, everything on that port decoded as SPICE. Two processors can hand the loopback's
    segments to dumpcap in another order than they were sent in."""
    done = subprocess.run(["tshark", "-2", "-n", "-r", path, "-o", "tcp.reassemble_out_of_order:TRUE",
                           "-d", f"tcp.port=={port},spice", *args],
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60,
                          check=False)
    check(done.returncode == 0, f"tshark ended with {done.returncode}: {done.stderr.decode(errors='replace')[-400:]}")
    return done.stdout.decode("utf-8", "replace")


FIELDS = ("frame.number", "tcp.stream", "tcp.srcport", "tcp.len", "frame.protocols", "tcp.reassembled_in",
          "_ws.col.Protocol", "_ws.col.Info", "tcp.analysis.ack_lost_segment", "tcp.analysis.retransmission",
          "tcp.analysis.keep_alive", "tcp.analysis.zero_window_probe")


def frames(path, port):
    """One dict per captured frame."""
    args = ["-T", "fields", "-E", "separator=/t"]
    for field in FIELDS:
        args += ["-e", field]
    rows = []
    for line in tshark(path, port, *args).splitlines():
        values = line.split("\t")
        rows.append(dict(zip(FIELDS, values + [""] * (len(FIELDS) - len(values)))))
    return rows


def messages(rows):
    """{(channel, side): [message name, ...]} by tshark's info column; side is "Client" or "Server"."""
    found = {}
    for row in rows:
        channel = re.match(r"Spice (\w+)", row["_ws.col.Protocol"])
        if channel:
            for side, name in re.findall(r"(Client|Server) ([A-Za-z_0-9 ]+?)(?:,|$|\s*\[)", row["_ws.col.Info"]):
                found.setdefault((channel[1].lower(), side), []).append(name.strip())
    return found


def undissected(rows):
    """Frames with payload that never became SPICE: what follows a message whose length tshark and the peer see
    differently ends here. Bytes sent twice (zero-window probes and the like) are not looked at."""
    return [row for row in rows
            if int(row["tcp.len"] or 0) > 0 and "spice" not in row["frame.protocols"].split(":")
            and not row["tcp.reassembled_in"] and not row["tcp.analysis.retransmission"]
            and not row["tcp.analysis.keep_alive"] and not row["tcp.analysis.zero_window_probe"]]


def objections(path, port):
    """What the dissector objects to, by tshark's expert summary: [(severity, count, text), ...] without TCP's own.
    Not read from the frames: an item about a message that tshark cannot dissect at all is in no frame's tree."""
    found = []
    severity = "?"
    for line in tshark(path, port, "-q", "-z", "expert").splitlines():
        title = re.match(r"(Errors|Warns|Notes|Chats|Comments) \(\d+\)$", line)
        row = re.match(r"\s+(\d+)\s+(\S.*?)\s{2,}(\S+)\s{2}(.*)$", line)
        if title:
            severity = title[1]
        elif row and row[3] not in ("TCP", "IPv4", "Ethernet"):
            found.append((severity, int(row[1]), row[4].strip()))
    return found


def malformed_frames(path, port):
    """Frames of which the dissector says that they are malformed."""
    text = tshark(path, port, "-Y", "_ws.malformed", "-T", "fields", "-e", "frame.number", "-e", "_ws.col.Info")
    return [line for line in text.splitlines() if line.strip()]


# ---- the byte streams ----

class Connection:
    """One SPICE connection: type, id, mini (header style), client and server: bytes after the link stage; link: what came
    before, as (from the server?, bytes), in the order of the handshake."""

    def __init__(self, client, server):
        magic, _, _, size = struct.unpack_from("<4sIII", client)
        check(magic == b"REDQ", f"a connection begins with {client[:4]!r}")
        self.connection_id, self.type, self.id, commons, channels, caps = struct.unpack_from("<IBBIII", client, 16)
        server_size, = struct.unpack_from("<I", server, 12)
        server_commons, _, server_caps = struct.unpack_from("<III", server, 16 + 166)
        client_common = struct.unpack_from(f"<{commons}I", client, 16 + caps) if commons else (0,)
        server_common = struct.unpack_from(f"<{server_commons}I", server, 16 + server_caps) if server_commons else (0,)
        self.mini = bool(client_common[0] & server_common[0] & 1 << MINI_HEADER_CAP)
        selected = 4 if client_common[0] & server_common[0] & 1 else 0
        ticket = 128
        self.link_result, = struct.unpack_from("<I", server, 16 + server_size)
        client_link, server_link = 16 + size, 16 + server_size
        self.link = [(False, client[:client_link]), (True, server[:server_link]),
                     (False, client[client_link:client_link + selected]),
                     (False, client[client_link + selected:client_link + selected + ticket]),
                     (True, server[server_link:server_link + 4])]
        self.client = client[client_link + selected + ticket:]
        self.server = server[server_link + 4:]
        del channels

    @property
    def name(self):
        return CHANNEL_NAMES.get(self.type, f"type{self.type}")


def connections(path, port):
    """The SPICE connections of a capture, in the order in which they were opened; without a SASL exchange."""
    streams = sorted({int(row["tcp.stream"]) for row in frames(path, port) if row["tcp.stream"]})
    found = []
    for stream in streams:
        text = tshark(path, port, "-q", "-z", f"follow,tcp,raw,{stream}")
        first = re.search(r"^Node 0: .*:(\d+)$", text, re.M)
        check(first, f"tshark cannot follow stream {stream}")
        sides = {False: bytearray(), True: bytearray()}  # is it the second node's?
        for line in text.splitlines():
            if re.fullmatch(r"\t?[0-9a-f]+", line):
                sides[line.startswith("\t")] += bytes.fromhex(line.strip())
        server_is_first = int(first[1]) == port
        client, server = bytes(sides[server_is_first]), bytes(sides[not server_is_first])
        if client and server:
            found.append(Connection(client, server))
    return found


def split_messages(data, mini):
    """The messages with their headers; a last part that is no whole message comes as it is."""
    header, size_at = (6, 2) if mini else (18, 10)
    at = 0
    while len(data) - at >= header:
        end = at + header + struct.unpack_from("<I", data, at + size_at)[0]
        if end > len(data):
            break
        yield data[at:end]
        at = end
    if at < len(data):
        yield data[at:]


class SyntheticCapture:
    """A pcap file of TCP connections made from bytes, addresses 127.0.0.1, raw IPv4 packets."""

    SYN, ACK, FIN = 2, 16, 1
    SEGMENT = 32768

    def __init__(self, path, server_port):
        self.file = open(path, "wb")
        linktype_ipv4 = 228
        self.file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, linktype_ipv4))
        self.server_port = server_port
        self.time = 0

    def open_connection(self, client_port):
        self.client_port = client_port
        self.sequence = [1000, 2000]  # client's, server's
        self._packet(False, self.SYN, b"")
        self._packet(True, self.SYN | self.ACK, b"")
        self._packet(False, self.ACK, b"")

    def send(self, from_server, data):
        for at in range(0, len(data), self.SEGMENT):
            self._packet(from_server, self.ACK, data[at:at + self.SEGMENT])
            self._packet(not from_server, self.ACK, b"")

    def close_connection(self):
        self._packet(False, self.FIN | self.ACK, b"")
        self._packet(True, self.FIN | self.ACK, b"")
        self._packet(False, self.ACK, b"")

    def _packet(self, from_server, flags, data):
        ports = (self.server_port, self.client_port) if from_server else (self.client_port, self.server_port)
        mine, theirs = (1, 0) if from_server else (0, 1)
        acknowledged = self.sequence[theirs] if flags & self.ACK else 0
        tcp = struct.pack(">HHIIBBHHH", *ports, self.sequence[mine], acknowledged, 5 << 4, flags, 65535, 0, 0)
        address = bytes((127, 0, 0, 1))
        ip = struct.pack(">BBHHHBBH", 0x45, 0, 40 + len(data), 0, 0, 64, 6, 0) + address + address
        packet = ip + tcp + data
        self.time += 1
        self.file.write(struct.pack("<IIII", self.time // 1000, self.time % 1000 * 1000, len(packet), len(packet)))
        self.file.write(packet)
        self.sequence[mine] += len(data) + (1 if flags & (self.SYN | self.FIN) else 0)

    def close(self):
        self.file.close()


def resegment(found, path, port):
    """Writes the same connections with one SPICE message to a segment. The dissector reads nothing of what follows the link
    result in the same segment, and servers may well send their first messages with it."""
    synthetic = SyntheticCapture(path, port)
    for n, c in enumerate(found):
        synthetic.open_connection(40000 + n)
        for from_server, data in c.link:
            synthetic.send(from_server, data)
        for from_server, data in ((True, c.server), (False, c.client)):
            for message in split_messages(data, c.mini):
                synthetic.send(from_server, message)
        synthetic.close_connection()
    synthetic.close()
    return path


def streams_write(found, folder):
    """Writes both directions of these connections after the link stage into files of folder, and `manifest`: one line
    `FILE TYPE ID client|server mini|full` for each. This is what decode-streams reads."""
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "manifest"), "w", encoding="ascii") as manifest:
        for n, c in enumerate(found):
            for side in ("client", "server"):
                name = f"{n:02d}-{c.name}-{c.id}.{side}"
                with open(os.path.join(folder, name), "wb") as f:
                    f.write(getattr(c, side))
                manifest.write(f"{name} {c.type} {c.id} {side} {'mini' if c.mini else 'full'}\n")
    return folder
