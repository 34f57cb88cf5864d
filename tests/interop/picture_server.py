# SPDX-License-Identifier: LGPL-2.1-or-later
"""A SPICE server of a few lines that shows a client one picture: a surface, and the messages it is given.

It shares nothing with the server under test but the tests' reading of the protocol. No password is asked for, whatever
ticket comes; full message headers, but for browsers, which know the mini ones alone; the inputs and cursor channels say what they
must, and nothing else.
"""
import base64
import hashlib
import re
import socket
import struct
import subprocess
import threading

from harness import check

MAIN, DISPLAY, INPUTS, CURSOR = 1, 2, 3, 4
SESSION = 77
MSG_PING, MSGC_PONG, INIT = 4, 3, 101
MAIN_INIT, MAIN_CHANNELS_LIST, MAIN_ATTACH_CHANNELS = 103, 104, 104
DISPLAY_MARK, SURFACE_CREATE = 102, 314
FMT_32_XRGB, FLAG_PRIMARY = 32, 1


def public_key():
    """1,024 bits of RSA, as every SPICE server sends them."""
    private = subprocess.run(["openssl", "genrsa", "-traditional", "1024"], capture_output=True, timeout=30, check=True).stdout
    key = subprocess.run(["openssl", "rsa", "-pubout", "-outform", "DER"], input=private, capture_output=True, timeout=30,
                         check=True).stdout
    check(len(key) == 162, f"openssl made a public key of {len(key)} bytes, not 162")
    return key


class Connection:
    common_caps = 0
    ticket_size = 128

    def __init__(self, sock):
        self.sock = sock
        self.serial = 0

    def take(self, size):
        data = b""
        while len(data) < size:
            piece = self.sock.recv(size - len(data))
            if not piece:
                raise EOFError
            data += piece
        return data

    def message(self):
        _, kind, size, _ = struct.unpack("<QHII", self.take(18))
        return kind, self.take(size)

    def send(self, kind, body):
        self.serial += 1
        self.write(struct.pack("<QHII", self.serial, kind, len(body), 0) + body)

    def write(self, data):
        self.sock.sendall(data)


class WebConnection(Connection):
    """A WebSocket, and what spice-html5 counts on: mini headers, and that it may name the way to say a password."""
    common_caps = 1 << 0 | 1 << 3
    ticket_size = 4 + 128

    def __init__(self, sock):
        super().__init__(sock)
        self.rest = b""
        request = b""
        while b"\r\n\r\n" not in request:
            request += super().take(1)
        key = re.search(rb"Sec-WebSocket-Key: *(\S+)", request, re.I)[1]
        accept = base64.b64encode(hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
        sock.sendall(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                     b"Sec-WebSocket-Protocol: binary\r\nSec-WebSocket-Accept: " + accept + b"\r\n\r\n")

    def take(self, size):
        while len(self.rest) < size:
            opcode, length = super().take(2)
            if opcode & 15 == 8:  # close
                raise EOFError
            check(length >> 7, "a browser masks what it says")
            length &= 127
            if length >= 126:
                length = int.from_bytes(super().take(2 if length == 126 else 8), "big")
            mask = super().take(4)
            self.rest += bytes(byte ^ mask[i % 4] for i, byte in enumerate(super().take(length)))
        data, self.rest = self.rest[:size], self.rest[size:]
        return data

    def message(self):
        kind, size = struct.unpack("<HI", self.take(6))
        return kind, self.take(size)

    def send(self, kind, body):
        self.write(struct.pack("<HI", kind, len(body)) + body)

    def write(self, data):
        size = len(data)
        head = bytes([size]) if size < 126 else struct.pack(">BH", 126, size) if size < 1 << 16 else struct.pack(">BQ", 127, size)
        self.sock.sendall(b"\x82" + head + data)


class PictureServer:
    """`draws` are (message type, body) for the display channel; `drawn` is set when the client has worked them off."""

    def __init__(self, width, height, draws, connection=Connection):
        self.width, self.height, self.draws = width, height, draws
        self.connection = connection
        self.key = public_key()
        self.drawn = threading.Event()
        self.display_caps = None
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            sock, _ = self.listener.accept()
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock):
        try:
            conn = self.connection(sock)
            kind = self._link(conn)
            {MAIN: self._main, DISPLAY: self._display, INPUTS: self._inputs, CURSOR: self._cursor}[kind](conn)
            while True:
                conn.message()
        except (EOFError, OSError):
            pass  # the client left

    def _link(self, conn):
        magic, _, _, size = struct.unpack("<4sIII", conn.take(16))
        body = conn.take(size)
        _, kind, _, common, caps, offset = struct.unpack_from("<IBBIII", body)
        check(magic == b"REDQ", f"the client begins with {magic!r}")
        if kind == DISPLAY and caps:
            self.display_caps = struct.unpack_from("<I", body, offset + 4 * common)[0]
        caps = struct.pack("<I", conn.common_caps) if conn.common_caps else b""
        conn.write(struct.pack("<4sIII", b"REDQ", 2, 2, 178 + len(caps)) + struct.pack("<I", 0) + self.key +
                   struct.pack("<III", len(caps) // 4, 0, 178) + caps)
        conn.take(conn.ticket_size)
        conn.write(struct.pack("<I", 0))
        return kind

    def _main(self, conn):
        conn.send(MAIN_INIT, struct.pack("<8I", SESSION, 1, 3, 2, 0, 0, 0, 0))
        while conn.message()[0] != MAIN_ATTACH_CHANNELS:
            pass
        channels = (DISPLAY, INPUTS, CURSOR)
        conn.send(MAIN_CHANNELS_LIST, struct.pack("<I", len(channels)) + b"".join(bytes([c, 0]) for c in channels))

    def _inputs(self, conn):
        conn.send(INIT, struct.pack("<H", 0))

    def _cursor(self, conn):
        conn.send(INIT, struct.pack("<hhHHBH", 0, 0, 0, 0, 0, 1))

    def _display(self, conn):
        while conn.message()[0] != INIT:
            pass
        conn.send(SURFACE_CREATE, struct.pack("<5I", 0, self.width, self.height, FMT_32_XRGB, FLAG_PRIMARY))
        conn.send(DISPLAY_MARK, b"")
        for kind, body in self.draws:
            conn.send(kind, body)
        conn.send(MSG_PING, struct.pack("<IQ", 1, 0))
        while conn.message()[0] != MSGC_PONG:
            pass
        self.drawn.set()
