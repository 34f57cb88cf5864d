# SPDX-License-Identifier: LGPL-2.1-or-later
"""A Linux guest without a disk: Debian's kernel, and an initramfs that is made here of guest-init and kernel modules."""
import glob
import os
import re
import shutil
import socket
import subprocess
import threading
import time

from harness import check

# Where ci/install-deps unpacks the kernel's package.
KERNEL = os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "sumac", "linux-guest")
# And the X server's qxl driver; the rest of an X server's guest is what is installed here.
X_DRIVER = os.path.join(os.path.dirname(KERNEL), "linux-guest-x", "usr/lib/xorg/modules/drivers/qxl_drv.so")
INPUT_MODULES = ("evdev", "psmouse", "virtio_pci", "virtio_input")


def kernel_image():
    found = sorted(glob.glob(os.path.join(KERNEL, "boot", "vmlinuz-*")))
    check(found, f"there is no kernel for a guest in {KERNEL}: run ci/install-deps")
    return found[-1]


def module_paths(wanted):
    """Files of these modules and of those they need, in the order in which they are to be loaded."""
    release = os.path.basename(kernel_image())[len("vmlinuz-"):]
    root = os.path.join(KERNEL, "lib", "modules", release)
    known = {os.path.basename(path)[:-3].replace("-", "_"): path
             for path in glob.glob(os.path.join(root, "**", "*.ko"), recursive=True)}
    ordered = []

    def need(name):
        check(name in known, f"the kernel's package has no module {name}")
        with open(known[name], "rb") as f:
            depends = re.search(rb"\0depends=([\w,-]*)\0", f.read())
        for other in depends[1].decode().split(",") if depends else ():
            if other:
                need(other.replace("-", "_"))
        if known[name] not in ordered:
            ordered.append(known[name])

    for name in wanted:
        need(name)
    return ordered


class Archive:
    """A cpio archive in the format that kernels unpack ("newc")."""

    def __init__(self):
        self.data = bytearray()
        self.entries = 0

    def add(self, name, mode, content=b""):
        self.entries += 1
        encoded = name.encode() + b"\0"
        fields = (self.entries, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(encoded), 0)
        self.data += b"070701" + b"".join(b"%08x" % field for field in fields) + encoded
        self._pad()
        self.data += content
        self._pad()

    def _pad(self):
        self.data += b"\0" * (-len(self.data) % 4)

    def directory(self, name):
        self.add(name, 0o40755)

    def file(self, name, path, mode=0o100755):
        with open(path, "rb") as f:
            self.add(name, mode, f.read())

    def finish(self):
        self.add("TRAILER!!!", 0)
        return bytes(self.data)


def initramfs(init, modules, files=None):
    """files: more of them, by their names in the guest."""
    archive = Archive()
    archive.directory("dev")
    archive.directory("modules")
    archive.file("init", init)
    for place, path in enumerate(module_paths(modules)):
        archive.file(f"modules/{place:02d}-{os.path.basename(path)}", path, 0o100644)
    folders = set()
    for name, content in sorted((files or {}).items()):
        parts = name.split("/")[:-1]
        for folder in ("/".join(parts[:n + 1]) for n in range(len(parts))):
            if folder not in folders:
                archive.directory(folder)
                folders.add(folder)
        if isinstance(content, bytes):
            archive.add(name, 0o100644, content)
        else:
            archive.file(name, content)
    return archive.finish()


X_PROGRAMS = ("Xorg", "xkbcomp", "xterm", "xeyes", "x11perf", "xsetroot", "xdpyinfo", "sh", "seq", "sleep")
X_FOLDERS = ("/usr/share/X11/xkb", "/usr/share/fonts/X11/misc")


def x_config(driver, options, inputs=""):
    """What Debian's QXL drivers for X need: without sync ranges and a mode of its own they make a screen of no size."""
    lines = "\n".join(f'    Option "{name}" "{value}"' for name, value in options.items())
    return f"""
Section "Device"
    Identifier "device"
    Driver "{driver}"
{lines}
EndSection
Section "Monitor"
    Identifier "monitor"
    HorizSync 1.0-300.0
    VertRefresh 1.0-200.0
EndSection
Section "Screen"
    Identifier "screen"
    Device "device"
    Monitor "monitor"
    DefaultDepth 24
    SubSection "Display"
        Depth 24
        Modes "1024x768"
        Virtual 1024 768
    EndSubSection
EndSection
{inputs}
Section "ServerFlags"
    Option "AutoAddDevices" "False"
    Option "AutoAddGPU" "False"
EndSection
"""


def root_of_x():
    """The files of a guest with an X server, by their names there: the driver of Debian's package, the rest as it is
    installed on this machine. The other video drivers are not among them: there is nothing to fall back to."""
    check(os.path.exists(X_DRIVER), f"there is no {X_DRIVER}: run ci/install-deps")
    config = x_config("qxl", {"NumHeads": 1, "EnableSurfaces": True, "EnableImageCache": True, "EnableFallbackCache": True})
    files = {"usr/lib/xorg/modules/drivers/qxl_drv.so": X_DRIVER, "etc/X11/xorg.conf": config.encode(),
             "etc/passwd": b"root:x:0:0:root:/:/bin/sh\n", "tmp/.X11-unix/.keep": b""}
    objects = [X_DRIVER, *glob.glob("/usr/lib/xorg/modules/*.so")]
    for name in X_PROGRAMS:
        path = "/usr/lib/xorg/Xorg" if name == "Xorg" else shutil.which(name)
        check(path and os.path.exists(path), f"{name} is not installed: run ci/install-deps")
        files[("bin/" if name == "sh" else "usr/bin/") + name] = path
        objects.append(path)
    for path in objects[1:]:
        if path.endswith(".so"):
            files[path[1:]] = path
    needed = subprocess.run(["ldd", *objects], capture_output=True, text=True, check=True).stdout
    for path in re.findall(r"(?:=> |^\s+)(/\S+) \(0x", needed, re.MULTILINE):
        files[path[1:]] = path
    for folder in X_FOLDERS:
        for place, _, names in os.walk(folder, followlinks=True):
            files.update({os.path.join(place, name)[1:]: os.path.join(place, name) for name in names})
    return files


class Serial:
    """The guest's serial port: what it says, line by line, and what it is told."""

    def __init__(self, path, log_path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)
        self.lines = []
        self.log_path = log_path
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        rest = b""
        with open(self.log_path, "w", encoding="utf-8") as log:
            while True:
                try:
                    data = self.socket.recv(65536)
                except OSError:
                    return
                if not data:
                    return
                *whole, rest = (rest + data).split(b"\n")
                for raw in whole:
                    line = raw.decode("utf-8", "replace").strip("\r")
                    log.write(line + "\n")
                    self.lines.append(line)
                log.flush()

    def wait(self, pattern, seconds, since=0):
        """The first line from number `since` on that matches."""
        end = time.monotonic() + seconds
        while True:
            for line in self.lines[since:]:
                if re.search(pattern, line):
                    return line
            check(time.monotonic() < end, f"the guest did not say {pattern!r} within {seconds} s; last: "
                  f"{' | '.join(self.lines[-4:])}")
            time.sleep(0.02)

    def command(self, line, seconds=30):
        """Tells the guest, and waits until it has done so."""
        since = len(self.lines)
        self.socket.sendall(line.encode() + b"\n")
        answer = self.wait(f"^(ok|no) {re.escape(line)}", seconds, since)
        check(answer.startswith("ok"), f"the guest could not: {answer}")
