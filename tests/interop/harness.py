# SPDX-License-Identifier: LGPL-2.1-or-later
"""What every interop test needs: programs that never outlive the test, free ports, deadlines, artefacts.

Standard library only. A test that fails raises Failure with one sentence that says what was expected and what came.
"""
import ctypes
import os
import queue
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time

STOCK_LIBRARY = "/usr/lib/x86_64-linux-gnu"


class Failure(Exception):
    """The program under test did not do what the test demands."""


def check(good, text):
    if not good:
        raise Failure(text)


def check_equal(got, wanted, what):
    check(got == wanted, f"{what}: expected {wanted!r}, got {got!r}")


def wait_until(condition, seconds, what):
    """Polls condition() until it is true; its value is returned. `what` may be a function: it says how things are in the end."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() >= end:
            check(False, f"not within {seconds} s: {what() if callable(what) else what}")
        time.sleep(0.05)


def free_port():
    """A TCP port that is free now. Nothing reserves it: servers that fail to bind it are started again (start_server)."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def _die_with_parent():
    pr_set_pdeathsig = 1
    ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGKILL)


class Process:
    """A program whose output lines are collected, and written to a log among the artefacts."""

    def __init__(self, test, name, argv, env=None):
        self.name = name
        self.argv = [str(a) for a in argv]
        self.lines = []
        self.fresh = queue.Queue()
        self.log_path = test.artifact(f"{name}.log")
        full_env = dict(os.environ, LC_ALL="C", G_SLICE="always-malloc")
        full_env.pop("LD_LIBRARY_PATH", None)
        full_env.update(env or {})
        self.popen = subprocess.Popen(self.argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                      stderr=subprocess.STDOUT, env=full_env, preexec_fn=_die_with_parent)
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()
        test.processes.append(self)

    def _read(self):
        with open(self.log_path, "w", encoding="utf-8") as log:
            log.write("$ " + " ".join(self.argv) + "\n")
            for raw in self.popen.stdout:
                line = raw.decode("utf-8", "replace").rstrip("\n")
                log.write(line + "\n")
                log.flush()
                self.lines.append(line)
                self.fresh.put(line)
        self.fresh.put(None)

    @property
    def pid(self):
        return self.popen.pid

    def alive(self):
        return self.popen.poll() is None

    def tail(self):
        return " | ".join(self.lines[-4:])

    def wait_line(self, pattern, seconds):
        """The first not yet consumed output line that matches; earlier lines are consumed."""
        end = time.monotonic() + seconds
        while True:
            left = end - time.monotonic()
            check(left > 0, f"{self.name}: no line like {pattern!r} within {seconds} s; last: {self.tail()}")
            try:
                line = self.fresh.get(timeout=left)
            except queue.Empty:
                continue
            if line is None:
                self.fresh.put(None)
                raise Failure(f"{self.name} ended without a line like {pattern!r}; last: {self.tail()}")
            if re.search(pattern, line):
                return line

    def wait(self, seconds):
        """Waits for the end and returns the exit code; -N for signal N."""
        try:
            code = self.popen.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            raise Failure(f"{self.name} still runs after {seconds} s; last: {self.tail()}") from None
        self.reader.join(timeout=5)
        return code

    def signal(self, number):
        if self.alive():
            self.popen.send_signal(number)

    def stop(self):
        """For cleaning up: TERM, then KILL."""
        for number, seconds in ((signal.SIGTERM, 3), (signal.SIGKILL, 5)):
            if not self.alive():
                break
            self.signal(number)
            try:
                self.popen.wait(timeout=seconds)
            except subprocess.TimeoutExpired:
                pass
        self.reader.join(timeout=5)


class Test:
    """One running test: its options, its processes, its temporary folder, its artefacts.

    options: client, host, qemu (programs), library (folder of the library under test, None for Debian's), artifacts.
    """

    def __init__(self, name, options):
        self.name = name
        self.options = options
        self.processes = []
        self.counter = 0
        self.temp = tempfile.mkdtemp(prefix="interop-")
        self.folder = os.path.join(options.artifacts, ("stock-" if options.library is None else "") + name)
        shutil.rmtree(self.folder, ignore_errors=True)
        os.makedirs(self.folder)

    @property
    def stock(self):
        return self.options.library is None

    def finish(self):
        """The end of a case that has passed so far: hosts still running must leave in order when asked to."""
        for p in self.processes:
            if p.name.endswith("-host") and p.alive():
                p.signal(signal.SIGTERM)
                code = p.wait(15)
                check(code == 0, f"{p.name}: exit code {code} after SIGTERM; last: {p.tail()}")

    def crashes(self):
        """Which hosts have died by a signal, as text to add to a complaint; empty if none."""
        time.sleep(0.2)  # a crash takes a moment to become an exit status
        died = [f"{p.name} died by signal {-p.popen.returncode}" for p in self.processes
                if p.name.endswith(("-host", "-qemu")) and not p.alive() and p.popen.returncode < 0]
        return "; " + ", ".join(died) if died else ""

    def artifact(self, name):
        return os.path.join(self.folder, name)

    def temporary(self, name):
        return os.path.join(self.temp, name)

    def close(self):
        for p in reversed(self.processes):
            p.stop()
        shutil.rmtree(self.temp, ignore_errors=True)

    def start(self, name, argv, env=None):
        self.counter += 1
        return Process(self, f"{self.counter:02d}-{name}", argv, env)

    # ---- the library under test ----

    def library_env(self):
        return {"LD_LIBRARY_PATH": STOCK_LIBRARY if self.stock else self.options.library}

    def check_library(self, process):
        """The process runs on the library that this test is about, by what the kernel says it has mapped."""
        with open(f"/proc/{process.pid}/maps", encoding="utf-8") as maps:
            mapped = {line.split()[-1] for line in maps if "libspice-server" in line}
        folder = os.path.realpath(STOCK_LIBRARY if self.stock else self.options.library)
        good = mapped and all(os.path.realpath(os.path.dirname(p)) == folder for p in mapped)
        check(good, f"{process.name} is to use libspice-server from {folder}, but has mapped {sorted(mapped)}")

    # ---- the host without a VM ----

    def start_host(self, *args, plain=True, tls=False):
        """Starts fake-desktop or debian-host on free ports; .port and .tls_port are set. Tries again if a port was
        taken between looking and binding."""
        for attempt in (1, 2, 3):
            argv = [self.options.host, *args]
            port = tls_port = None
            if plain:
                port = free_port()
                argv += ["--port", port]
            if tls:
                tls_port = free_port()
                argv += ["--tls-port", tls_port]
            host = self.start("host", argv, self.library_env())
            try:
                host.wait_line(r"^ready$", 15)
            except Failure:
                if attempt < 3 and any("in use" in line.lower() for line in host.lines):
                    continue
                raise
            host.port, host.tls_port = port, tls_port
            self.check_library(host)
            return host
        raise AssertionError("unreachable")

    # ---- clients ----

    def start_client(self, *args, name="client"):
        return self.start(name, [self.options.client, *args])

    def run_client(self, *args, expect=0, seconds=40, name="client"):
        """Runs glib-client to its end and demands its exit code (see ExitCode in glib-client.c)."""
        client = self.start_client(*args, name=name)
        code = client.wait(seconds)
        check(code == expect, f"{client.name}: expected exit code {expect}, got {code}; last: {client.tail()}")
        return client


def make_certificates(test, folder, key_password=None):
    """A CA and a server certificate for 127.0.0.1 and localhost, named as QEMU's x509-dir wants them."""
    os.makedirs(folder)

    def openssl(*args):
        done = subprocess.run(["openssl", *args], cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=30, check=False)
        check(done.returncode == 0, f"openssl {args[0]}: {done.stdout.decode(errors='replace')}")

    with open(os.path.join(folder, "server.ext"), "w", encoding="ascii") as f:
        f.write("basicConstraints=CA:FALSE\nsubjectAltName=IP:127.0.0.1,DNS:localhost\n"
                "extendedKeyUsage=serverAuth\n")
    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/O=interop/CN=interop test CA",
            "-keyout", "ca-key.pem", "-out", "ca-cert.pem")
    openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", "/O=interop/CN=127.0.0.1",
            "-keyout", "server-key.pem", "-out", "server.csr")
    openssl("x509", "-req", "-in", "server.csr", "-CA", "ca-cert.pem", "-CAkey", "ca-key.pem", "-CAcreateserial",
            "-days", "2", "-extfile", "server.ext", "-out", "server-cert.pem")
    if key_password:
        openssl("rsa", "-aes256", "-in", "server-key.pem", "-passout", f"pass:{key_password}", "-out", "locked.pem")
        os.rename(os.path.join(folder, "locked.pem"), os.path.join(folder, "server-key.pem"))
    return folder


def client_tcp(port, *more):
    return ("--port", port, *more)
