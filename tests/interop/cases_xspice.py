# SPDX-License-Identifier: LGPL-2.1-or-later
"""Xspice: an X server whose screen is a QXL device of this library's. What a client shows must equal the root window."""
import math
import os
import random
import signal
import struct
import subprocess
import time

import guest
import harness
from cases_desktop import client_picture, spicy_screenshot
from harness import check, check_equal, wait_until
from picture import compare, lit_pixels, png_write

OPTIONS = {"NumHeads": 1, "SurfaceBufferSize": 64, "CommandBufferSize": 64, "FrameBufferSize": 16}
INPUTS = """
Section "InputDevice"
    Identifier "pointer"
    Driver "xspice pointer"
EndSection
Section "InputDevice"
    Identifier "keyboard"
    Driver "xspice keyboard"
EndSection
Section "ServerLayout"
    Identifier "layout"
    Screen "screen"
    InputDevice "keyboard"
    InputDevice "pointer"
EndSection
"""

# Text that scrolls, then stays: the cursor would blink in an xterm of its own.
SCROLLING = "for i in $(seq 400); do echo line $i of many, drawn by a real X driver; done; printf '\\033[?25l'; sleep 600"


PHOTO = (220, 150)
PHOTO_AT = (700, 40)  # beside the xterm, above the eyes


def xwd_read(data):
    """(width, height, RGB bytes) of a dump of a 24 bit visual."""
    head = struct.unpack(">25I", data[:100])
    header_size, width, height, line, colors = head[0], head[4], head[5], head[12], head[19]
    check_equal((head[1], head[11]), (7, 32), "the dump's version and bits per pixel")
    check_equal(head[7], 0, "the dump's byte order")
    pixels = data[header_size + colors * 12:]
    rgb = bytearray(width * height * 3)
    for y in range(height):
        row = pixels[y * line:y * line + width * 4]
        for i in range(3):
            rgb[y * width * 3 + i:(y + 1) * width * 3:3] = row[2 - i::4]
    return width, height, bytes(rgb)


def xwd_photo(width, height):
    """A dump of a 24 bit visual: light and shade with grain, as a photograph has them."""
    name = b"photo\0\0\0"
    head = struct.pack(">25I", 100 + len(name), 7, 2, 24, width, height, 0, 0, 32, 0, 32, 32, width * 4, 4, 0xff0000, 0xff00,
                       0xff, 8, 0, 0, width, height, 0, 0, 0)
    grain = random.Random(1)
    pixels = bytearray()
    for y in range(height):
        for x in range(width):
            light = 120 + 60 * math.sin(x / 37 + y / 61) + 40 * math.sin(y / 23 - x / 89)
            pixels += bytes(int(light * tint) + grain.randrange(8) for tint in (0.8, 0.95, 1.05)) + b"\0"
    return head + name + bytes(pixels)


class XServer:
    def __init__(self, test, *args, env=None):
        self.test = test
        self.programs = []
        self.port = harness.free_port()
        self.display = f":{100 + self.port % 900}"
        config = test.temporary("xspice.conf")
        with open(config, "w", encoding="ascii") as f:
            f.write(guest.x_config("spiceqxl", OPTIONS, INPUTS))
        self.process = test.start("xspice-qemu", ["Xspice", "--config", config, "--disable-ticketing", "--port", self.port,
                                                  *args, self.display, "-noreset"], {**test.library_env(), **(env or {})})
        self.env = {**os.environ, "DISPLAY": self.display}
        wait_until(lambda: self.process.alive() and subprocess.run(
            ["xdpyinfo"], env=self.env, capture_output=True, check=False).returncode == 0, 30, "an X server")

        # Xspice is a script; the X server is its child.
        with open(f"/proc/{self.process.pid}/task/{self.process.pid}/children", encoding="ascii") as children:
            self.pid = int(children.read().split()[0])
        self.name = self.process.name
        test.check_library(self)
        self.hide_cursor()

    def alive(self):
        """The X server, that is: the script may outlive it."""
        try:
            with open(f"/proc/{self.pid}/stat", encoding="ascii") as stat:
                return stat.read().rpartition(")")[2].split()[0] not in "ZX"
        except FileNotFoundError:
            return False

    def answers(self):
        """Within a while; a server that crashed may still hang about."""
        try:
            return subprocess.run(["xdpyinfo"], env=self.env, capture_output=True, timeout=20, check=False).returncode == 0
        except subprocess.TimeoutExpired:
            return False

    def tail(self):
        return self.process.tail()

    def run(self, *argv, seconds=30):
        subprocess.run(argv, env=self.env, check=True, capture_output=True, timeout=seconds)

    def hide_cursor(self):
        """x11perf moves the pointer to where the root window is seen. The driver leaves a cursor of two colours to the X server,
        which draws it on the screen: xwd leaves it out, clients show it, and a recording may end before or after it."""
        empty = self.test.temporary("empty.xbm")
        with open(empty, "w", encoding="ascii") as f:
            f.write("#define e_width 8\n#define e_height 1\n#define e_x_hot 0\n#define e_y_hot 0\n"
                    "static unsigned char e_bits[] = {\n   0x00};\n")
        self.run("xsetroot", "-cursor", empty, empty)

    def start(self, name, *argv):
        self.programs.append(self.test.start(name, list(argv), {"DISPLAY": self.display}))
        return self.programs[-1]

    def stop_programs(self):
        for program in self.programs:
            program.stop()

    def root(self, name):
        shot = xwd_read(subprocess.run(["xwd", "-root", "-silent"], env=self.env, check=True, capture_output=True,
                                       timeout=30).stdout)
        png_write(self.test.artifact(f"{name}.png"), shot)
        return shot

    def settle(self):
        """The root window, once it no longer changes."""
        last = self.root("root")
        for _ in range(40):
            time.sleep(0.3)
            now = self.root("root")
            if now == last:
                return now
            last = now
        raise harness.Failure("the X screen does not come to rest")


def check_photo(shown, at=PHOTO_AT):
    """It is on the X screen as it was made; clients are compared with that screen."""
    made = xwd_read(xwd_photo(*PHOTO))[2]
    rows = [shown[2][((at[1] + y) * shown[0] + at[0]) * 3:][:PHOTO[0] * 3] for y in range(PHOTO[1])]
    check(b"".join(rows) == made, "the X screen does not show the photo")


def pictures(test, *args):
    server = XServer(test, *args)
    early = test.temporary("early.ppm")
    client = test.start_client("--port", server.port, "--wait-primary", "--hold", 300, "--screenshot", early, name="early")
    client.wait_line("^up ", 20)
    server.run("xsetroot", "-solid", "#4060a0")
    terminal = server.start("xterm", "xterm", "-fn", "fixed", "-geometry", "90x30+20+20", "-e", "sh", "-c", SCROLLING)
    server.run("x11perf", "-repeat", "1", "-reps", "100", "-rect10", "-line100", "-copywinwin100", seconds=120)
    server.start("eyes", "xeyes", "-geometry", "200x150+700+400")
    photo = test.temporary("photo.xwd")
    with open(photo, "wb") as f:
        f.write(xwd_photo(*PHOTO))
    shown = server.start("photo", "xwud", "-noclick", "-geometry", f"+{PHOTO_AT[0]}+{PHOTO_AT[1]}", "-in", photo)
    time.sleep(1)
    check(shown.alive(), f"xwud ended: {shown.tail()}")
    check(terminal.alive(), f"xterm ended: {terminal.tail()}")
    wanted = server.settle()
    check(lit_pixels(wanted) > wanted[0] * wanted[1] // 2, "the X screen is (nearly) black: the test would prove nothing")
    check_photo(wanted)
    time.sleep(0.5)
    client.signal(signal.SIGTERM)  # takes its screenshot and leaves
    check_equal(client.wait(20), 0, "the early client's exit code")
    late = test.temporary("late.ppm")
    test.run_client("--port", server.port, "--wait-primary", "--hold", 1, "--screenshot", late, name="late")
    compare(client_picture(test, early, "early"), wanted, "what a client shows that saw it drawn")
    compare(client_picture(test, late, "late"), wanted, "what a client shows that came late")
    compare(spicy_screenshot(test, server.port, "spicy-screenshot"), wanted, "what spicy-screenshot shows")
    check(server.alive(), f"Xspice ended: {server.tail()}")


CASES = {
    "xspice-pictures": pictures,
    "xspice-lossy": lambda test: pictures(test, "--jpeg-wan-compression", "always", "--zlib-glz-wan-compression", "always"),
}
