# SPDX-License-Identifier: LGPL-2.1-or-later
"""A real Linux guest: Debian's kernel with its qxl driver in QEMU, which draws, switches modes and has its keyboard and mouse
operated by a real client."""
import os
import re
import signal
import time

import guest
import picture
from cases_desktop import client_picture, spicy_screenshot
from cases_qemu import Qemu
from cases_replay import check_played, recording_env
from cases_xspice import SCROLLING
from harness import check, check_equal, wait_until

DRIVERS = {"qxl": "qxl", "std": "bochs"}
BOOT_SECONDS = 60  # 6 on a machine that does nothing else


class Linux:
    """QEMU with a Linux in it that has come up."""

    def __init__(self, test, vga, *args, modules=None, files=None, memory=256, env=None,
                 spice="disable-ticketing=on"):
        self.test = test
        init = test.options.guest_init
        check(init and os.path.exists(init), "--guest-init is needed: build it first")
        image = test.temporary("initramfs")
        with open(image, "wb") as f:
            f.write(guest.initramfs(init, (DRIVERS[vga], *guest.INPUT_MODULES) if modules is None else modules,
                                    files))
        port = test.temporary("serial.sock")
        self.qemu = Qemu(test, vga, "-m", memory, *args, "-kernel",
                         guest.kernel_image(), "-initrd", image, "-append", "console=ttyS0 console=tty0 quiet",
                         serial=f"unix:{port},server=on,wait=off", spice=spice,
                         env={"SPICE_DEBUG_ALLOW_MC": "1", **(env or {})})
        self.serial = guest.Serial(port, test.artifact("guest.log"))

    def wait_up(self):
        self.serial.wait("^guest: ready", BOOT_SECONDS)

    def client(self, name):
        """A client that takes its screenshot when it is asked to leave."""
        path = self.test.temporary(f"{name}.ppm")
        client = self.test.start_client(*self.qemu.client_args(), "--hold", 300, "--screenshot", path, name=name)
        client.wait_line("^up ", 20)
        client.shot = path
        return client

    def client_picture(self, client, name):
        client.signal(signal.SIGTERM)
        check_equal(client.wait(15), 0, f"{name}: the client's exit code")
        return client_picture(self.test, client.shot, name)

    def settled(self, name):
        """What QEMU shows, once it no longer changes."""
        last = self.qemu.screendump(name)
        for _ in range(40):
            time.sleep(0.3)
            now = self.qemu.screendump(name)
            if now == last:
                return now
            last = now
        check(False, "the guest's screen does not come to rest")

    def check_pictures(self, early, name, wanted=None):
        """What QEMU shows is what was wanted, and so is what these clients show: one that saw it come, one that came late.
        The client that saw it leaves."""
        shown = self.settled(f"{name}-qemu")
        if wanted is not None:
            picture.compare(shown, wanted, f"{name}: QEMU's own picture, compared with what the guest drew")
        check(picture.lit_pixels(shown) > 1000, f"{name}: QEMU's own picture is (nearly) black")
        time.sleep(0.3)
        picture.compare(self.client_picture(early, f"{name}-early"), shown, f"{name}: a client that saw it drawn")
        picture.compare(self.client_picture(self.client(f"{name}-late"), f"{name}-late"), shown,
                        f"{name}: a client that came late")
        picture.compare(spicy_screenshot(self.test, self.qemu.port, f"{name}-spicy-screenshot"), shown,
                        f"{name}: spicy-screenshot")

    def finish(self):
        self.qemu.check_alive()
        self.qemu.quit()


def linux_pattern(width, height, seed):
    """What guest-init paints in a new mode."""
    rgb = bytearray(width * height * 3)
    for y in range(height):
        row = bytearray(width * 3)
        row[0::3] = bytes((x * 3 + seed * 17) & 255 for x in range(width))
        row[1::3] = bytes([(y * 5 + seed) & 255]) * width
        row[2::3] = bytes(((x ^ y) + seed * 7) & 255 for x in range(width))
        rgb[y * width * 3:(y + 1) * width * 3] = row
    return width, height, bytes(rgb)


def pictures(test, vga):
    linux = Linux(test, vga)
    from_power_on = linux.client("from-power-on")
    linux.wait_up()
    early = linux.client("text-early")
    linux.serial.command("text 150")
    linux.check_pictures(early, "text")
    for n, (width, height) in enumerate(((800, 600), (640, 480), (1280, 1024), (1024, 768)), 1):
        name = f"mode-{width}x{height}"
        early = linux.client(f"{name}-early")
        linux.serial.command(f"mode {width}x{height} {n}")
        linux.check_pictures(early, name, linux_pattern(width, height, n))
        if n % 2 == 0:
            early = linux.client(f"draw-{n}-early")
            linux.serial.command(f"draw 60 {n}")
            linux.check_pictures(early, f"draw-{n}")
    # One that went through all of it, with modes that came and went too fast to be looked at.
    for n, size in enumerate(("640x480", "800x600", "1280x1024", "800x600", "640x480", "1024x768", "800x600") * 3):
        linux.serial.command(f"mode {size} {n}")
        linux.serial.command(f"draw 3 {n}")
    if vga == "qxl":
        for n in range(20):
            linux.serial.command(f"cursor {n * 20} {n * 10}")
    linux.serial.command("mode 1024x768 77")
    linux.check_pictures(from_power_on, "from-power-on", linux_pattern(1024, 768, 77))
    linux.finish()
    complaints = [line for line in linux.qemu.process.lines if " dropped: " in line]
    check_equal(complaints, [], "what the server says of the kernel's driver")


def pictures_qxl(test):
    pictures(test, "qxl")


def pictures_std(test):
    pictures(test, "std")


# The kernel's numbers.
EV_KEY, EV_REL, EV_ABS = 1, 2, 3
KEY_A, KEY_LEFTSHIFT, KEY_LEFT, KEY_F12, BTN_LEFT, BTN_RIGHT = 30, 42, 105, 88, 272, 273


def inputs(test):
    """Keys, a mouse and a tablet, from a client to what the guest's kernel tells programs. The tablet is plugged in later:
    while there is one, QEMU has it say what any mouse's buttons do."""
    linux = Linux(test, "qxl")
    linux.wait_up()
    linux.serial.command("mode 1024x768 1")

    def wait_input(pattern):  # the kernel finds devices on their buses in its own time
        wait_until(lambda: linux.serial.command("inputs") or any(
            re.match(rf"input \d+ .*{pattern}", line) for line in linux.serial.lines), 20, f"an input like {pattern}")

    wait_input("keyboard")
    wait_input("[Mm]ouse")
    seen = {}

    def events(device):
        found = [re.match(rf"event .*{device}.*: (\d+) (\d+) (-?\d+)$", line) for line in linux.serial.lines]
        rows = [tuple(int(v) for v in m.groups()) for m in found if m]
        return rows[seen.get(device, 0):]

    def client(*args, name):
        for device in ("keyboard", "[Mm]ouse", "Tablet"):
            seen[device] = seen.get(device, 0) + len(events(device))
        test.run_client(*linux.qemu.client_args(), *args, "--hold", 0.5, name=name)

    client("--keys", "1e,+2a,1e,-2a,e04b,58", name="keys")
    wanted = [(EV_KEY, key, value) for key, value in ((KEY_A, 1), (KEY_A, 0), (KEY_LEFTSHIFT, 1), (KEY_A, 1), (KEY_A, 0),
                                                      (KEY_LEFTSHIFT, 0), (KEY_LEFT, 1), (KEY_LEFT, 0), (KEY_F12, 1),
                                                      (KEY_F12, 0))]
    wait_until(lambda: len(events("keyboard")) >= len(wanted), 10, f"{len(wanted)} events of the keyboard")
    check_equal(events("keyboard"), wanted, "what the guest's keyboard says")

    def check_buttons(device, wanted):
        def said():
            return [row[1:] for row in events(device) if row[0] == EV_KEY]

        wait_until(lambda: len(said()) >= len(wanted), 10, f"{len(wanted)} events of the buttons of {device}; {said()}")
        check_equal(said(), wanted, f"what the buttons of the guest's {device} do")

    def moved():
        rows = [row for row in events("[Mm]ouse") if row[0] == EV_REL]
        return sum(r[2] for r in rows if r[1] == 0), sum(r[2] for r in rows if r[1] == 1)

    # QEMU's mouse has room for four packets until the guest has taken them, and loses further buttons.
    client("--mouse-mode", "server", "--mouse", "motion:5,-3;press:1,1;motion:40,25,1", name="mouse")
    wait_until(lambda: moved() == (45, 22), 10, "relative motion (45, 22)")
    check_buttons("[Mm]ouse", [(BTN_LEFT, 1)])
    client("--mouse-mode", "server", "--mouse", "release:1;motion:-2,1", name="mouse-release")
    wait_until(lambda: moved() == (-2, 1), 10, "relative motion (-2, 1)")
    check_buttons("[Mm]ouse", [(BTN_LEFT, 0)])
    client("--mouse-mode", "server", "--mouse", "press:3,4;release:3", name="mouse-right")
    check_buttons("[Mm]ouse", [(BTN_RIGHT, 1), (BTN_RIGHT, 0)])

    linux.qemu.qmp.command("device_add", driver="virtio-tablet-pci", id="tablet")
    wait_input("Tablet")
    client("--mouse-mode", "client", "--mouse", "position:100,200;press:1,1;release:1;position:1023,767;position:512,384",
           name="tablet")

    def places(axis):
        return [row[2] for row in events("Tablet") if row[:2] == (EV_ABS, axis)]

    # QEMU's scale: the screen's width and height are 32767.
    in_x = [x * 32767 // 1024 for x in (100, 1023, 512)]
    in_y = [y * 32767 // 768 for y in (200, 767, 384)]
    wait_until(lambda: (places(0), places(1)) == (in_x, in_y), 10, f"the tablet at {in_x}, {in_y}")
    check_buttons("Tablet", [(BTN_LEFT, 1), (BTN_LEFT, 0)])
    linux.finish()


def record(test):
    """What the kernel's driver draws, recorded from power on, is played by both libraries to the same picture."""
    path = test.temporary("linux.rec")
    linux = Linux(test, "qxl", env=recording_env(path))
    linux.wait_up()
    linux.serial.command("text 100")
    linux.serial.command("mode 800x600 5")
    linux.serial.command("draw 200 5")
    wanted = linux.settled("qemu-screen")
    linux.finish()
    check_played(test, path, wanted)


def x_server(test):
    """Debian's X server with its qxl driver, which has the device to itself: what it draws is what a client shows that saw
    it drawn, and one that came later."""
    linux = Linux(test, "qxl", modules=(), files={**guest.root_of_x(), "scrolling": SCROLLING.encode()}, memory=512)
    linux.wait_up()

    def run(command, seconds=60):
        linux.serial.command(f"run {command}", seconds)

    run("Xorg :0 vt1 -noreset -ac -nolisten tcp -logfile /tmp/Xorg.log >/tmp/Xorg.out 2>&1 &")
    try:
        run("for i in $(seq 60); do xdpyinfo -display :0 >/dev/null 2>&1 && exit 0; sleep 0.5; done; exit 1")
    finally:
        run("while read -r l; do echo \"X: $l\"; done </tmp/Xorg.log; while read -r l; do echo \"X: $l\"; done </tmp/Xorg.out")
    # The server's own words: this driver and no other, on this device.
    said = "\n".join(line for line in linux.serial.lines if line.startswith("X: "))
    check(re.search(r"qxl\(0\): ", said) and not re.search(r"(modeset|vesa|fbdev)\(0\)", said),
          "the X server does not use the qxl driver; see guest.log")
    run("xsetroot -display :0 -solid '#4060a0'")
    early = linux.client("early")
    run("xterm -display :0 -fn fixed -geometry 90x30+20+20 -e sh /scrolling &")
    run("xeyes -display :0 -geometry 200x150+700+400 &")
    perf = "-rect100 -copywinwin500 -putimage500 -ftext -line100 -aa10text -comppixwin100"
    run(f"x11perf -display :0 -repeat 1 -reps 20 {perf} >/tmp/perf 2>&1")
    linux.check_pictures(early, "x")
    early = linux.client("moved-early")
    run("xsetroot -display :0 -solid '#604020'")
    linux.check_pictures(early, "moved")
    linux.finish()


CASES = {
    "guest-x-server": x_server,
    "guest-pictures-qxl": pictures_qxl,
    "guest-pictures-std": pictures_std,
    "guest-inputs": inputs,
    "guest-record": record,
}
