# SPDX-License-Identifier: LGPL-2.1-or-later
"""Stands between clients and a SPICE server, keeps what both said, and says which images the displays were sent. It can hold a
display's stream before a message, so that a picture can be looked at which the next message would change."""
import collections
import socket
import struct
import threading

from capture import Connection, split_messages
from harness import wait_until

DISPLAY = 2
# Messages whose operation begins with an image: DRAW_OPAQUE, DRAW_COPY, DRAW_BLEND.
WITH_IMAGE = (303, 304, 305)
TYPES = {0: "bitmap", 1: "quic", 100: "lz_plt", 101: "lz", 102: "glz", 103: "cache", 104: "surface", 105: "jpeg",
         106: "cache_lossless", 107: "zlib_glz", 108: "jpeg_alpha", 109: "lz4"}

# An image that was sent: kind (see TYPES), where it is drawn, and how large it is itself.
Image = collections.namedtuple("Image", "kind surface left top right bottom width height")


def image_of(message, mini):
    """The image of a display channel's message, or None."""
    header = 6 if mini else 18
    kind, = struct.unpack_from("<H", message, 0 if mini else 8)
    if kind not in WITH_IMAGE:
        return None
    body = message[header:]
    surface, top, left, bottom, right, clip = struct.unpack_from("<IiiiiB", body)
    at = 21
    if clip:  # rectangles
        at += 4 + 16 * struct.unpack_from("<I", body, at)[0]
    image_at, = struct.unpack_from("<I", body, at)
    _, image_type, _, width, height = struct.unpack_from("<QBBII", body, image_at)
    return Image(TYPES.get(image_type, image_type), surface, left, top, right, bottom, width, height)


def whole_messages(connection):
    """The server's, with their headers, without a last one of which a part is missing."""
    header, size_at = (6, 2) if connection.mini else (18, 10)
    for message in split_messages(connection.server, connection.mini):
        if len(message) >= header and len(message) == header + struct.unpack_from("<I", message, size_at)[0]:
            yield message


def payload(data):
    """What a side sent through a WebSocket: frames' contents, unmasked, without the HTTP request or answer before them."""
    at = data.find(b"\r\n\r\n") + 4
    found = bytearray()
    while len(data) - at >= 2:
        opcode, size = data[at] & 15, data[at + 1] & 127
        is_masked = data[at + 1] >> 7
        head = {126: 4, 127: 10}.get(size, 2)
        if len(data) - at < head + 4 * is_masked:
            break
        if head > 2:
            size = int.from_bytes(data[at + 2:at + head], "big")
        at += head
        mask = data[at:at + 4] if is_masked else b""
        at += len(mask)
        part = data[at:at + size]
        at += size
        if opcode <= 2:  # not a control frame
            if mask:
                whole = (mask * (len(part) // 4 + 1))[:len(part)]
                part = (int.from_bytes(part, "big") ^ int.from_bytes(whole, "big")).to_bytes(len(part), "big")
            found += part
    return bytes(found)


class Relayed:
    """One connection."""

    def __init__(self, relay, client, server):
        self.relay = relay
        self.sockets = {False: client, True: server}
        self.said = {False: bytearray(), True: bytearray()}  # by the server?
        self.passed = 0  # bytes of the server's that were passed on
        for from_server in (False, True):
            threading.Thread(target=self._pump, args=(from_server,), daemon=True).start()

    def _pump(self, from_server):
        source, target = self.sockets[from_server], self.sockets[not from_server]
        try:
            while data := source.recv(1 << 16):
                self.said[from_server] += data
                if not from_server:
                    target.sendall(data)
                elif self.relay.holds:
                    self._pass_messages(target)
                else:
                    self._pass(target, len(self.said[True]))
        except OSError:
            pass
        for end in (source, target):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def _pass(self, target, end):
        """On to the client, as far as `end`."""
        target.sendall(self.said[True][self.passed:end])
        self.passed = end

    def parsed(self):
        """A capture's Connection, or None while the link stage lasts."""
        client, server = bytes(self.said[False]), bytes(self.said[True])
        if client.startswith(b"GET "):
            client, server = payload(client), payload(server)
        try:
            return Connection(client, server)
        except struct.error:
            return None

    def _pass_messages(self, target):
        """Passes on what is whole, as far as relay.holds() lets it."""
        found = self.parsed()
        if found is None or found.type != DISPLAY:
            self._pass(target, len(self.said[True]))
            return
        end = len(self.said[True]) - len(found.server)
        for message in whole_messages(found):
            begin, end = end, end + len(message)
            if end <= self.passed:
                continue
            image = image_of(message, found.mini) if begin >= self.passed else None
            holds = self.relay.holds
            if image is not None and holds and holds(image):
                self.relay.held.set()
                self.relay.released.wait()
            self._pass(target, end)

    def images(self):
        found = self.parsed()
        if found is None or found.type != DISPLAY:
            return []
        return [image for message in whole_messages(found) if (image := image_of(message, found.mini)) is not None]


class Relay:
    """.port is where clients connect; `port` is the server's."""

    def __init__(self, port):
        self.server_port = port
        self.connections = []
        self.holds = None
        self.held, self.released = threading.Event(), threading.Event()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            client, _ = self.listener.accept()
            try:
                server = socket.create_connection(("127.0.0.1", self.server_port), 10)
            except OSError:
                client.close()
                continue
            server.settimeout(None)
            for end in (client, server):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.connections.append(Relayed(self, client, server))

    def images(self):
        """All that the displays of all connections were sent since the last forget(), in order."""
        return [image for connection in list(self.connections) for image in connection.images()]

    def forget(self):
        """Only later connections count."""
        self.connections.clear()

    def hold_before(self, holds):
        """The first image of a display's for which holds(image) is true waits, with all after it, until release()."""
        self.held.clear()
        self.released.clear()
        self.holds = holds

    def wait_held(self, seconds):
        wait_until(self.held.is_set, seconds, "the message that was to be held")

    def release(self):
        self.holds = None
        self.released.set()
