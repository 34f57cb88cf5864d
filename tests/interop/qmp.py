# SPDX-License-Identifier: LGPL-2.1-or-later
"""A tiny QMP client: commands one at a time, events kept in the order they came."""
import json
import socket
import time

from harness import Failure


class QmpError(Exception):
    """QEMU answered with an error; .kind is its class, the text its description."""

    def __init__(self, error):
        super().__init__(error.get("desc", "?"))
        self.kind = error.get("class", "?")


class Qmp:
    def __init__(self, path, log_path, seconds=15):
        self.events = []
        self.buffer = b""
        self.log = open(log_path, "w", encoding="utf-8")
        end = time.monotonic() + seconds
        while True:
            self.socket = socket.socket(socket.AF_UNIX)
            try:
                self.socket.connect(path)
                break
            except OSError:
                self.socket.close()
                if time.monotonic() > end:
                    raise Failure(f"no QMP socket within {seconds} s") from None
                time.sleep(0.05)
        if "QMP" not in self._receive(seconds):
            raise Failure("no QMP greeting")
        self.command("qmp_capabilities")

    def close(self):
        self.socket.close()
        self.log.close()

    def _receive(self, seconds):
        """The next message; Failure if none comes in time, EOFError if QEMU has closed."""
        end = time.monotonic() + seconds
        while b"\n" not in self.buffer:
            left = end - time.monotonic()
            if left <= 0:
                raise Failure(f"QMP: no answer within {seconds} s")
            self.socket.settimeout(left)
            try:
                data = self.socket.recv(65536)
            except socket.timeout:
                continue
            except ConnectionError:
                data = b""
            if not data:
                raise EOFError("QEMU closed its QMP socket")
            self.buffer += data
        line, self.buffer = self.buffer.split(b"\n", 1)
        self.log.write("< " + line.decode() + "\n")
        self.log.flush()
        return json.loads(line)

    def command(self, name, seconds=10, fds=(), **arguments):
        """The command's return value. Raises QmpError, or Failure if QEMU is gone or does not answer. fds: descriptors
        that go with it."""
        request = {"execute": name}
        if arguments:
            request["arguments"] = arguments
        self.log.write("> " + json.dumps(request) + "\n")
        try:
            line = json.dumps(request).encode() + b"\n"
            if fds:
                socket.send_fds(self.socket, [line], fds)
            else:
                self.socket.sendall(line)
            while True:
                message = self._receive(seconds)
                if "event" in message:
                    self.events.append(message)
                elif "error" in message:
                    raise QmpError(message["error"])
                else:
                    return message["return"]
        except (EOFError, ConnectionError) as gone:
            raise Failure(f"QMP: QEMU is gone while answering {name}: {gone}") from None

    def wait_event(self, name, seconds, matches=lambda data: True):
        """The first event of that name, past or coming, that matches; it is taken out of the list."""
        end = time.monotonic() + seconds
        while True:
            for i, event in enumerate(self.events):
                if event["event"] == name and matches(event.get("data", {})):
                    return self.events.pop(i)
            try:
                message = self._receive(max(0.01, end - time.monotonic()))
            except EOFError:
                raise Failure(f"QMP: QEMU is gone while {name} was awaited") from None
            except Failure:
                raise Failure(f"QMP: no event {name} within {seconds} s") from None
            self.events.append(message)
