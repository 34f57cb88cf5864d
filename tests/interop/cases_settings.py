# SPDX-License-Identifier: LGPL-2.1-or-later
"""Real guests with each of the compression settings, the host's and a client's own wish: the picture is the guest's, and what
was on the wire is what was asked for. With JPEG: how near the picture is before the same pixels come without loss."""
import math
import signal
import time

import picture
from cases_desktop import client_picture
from cases_guest import Linux
from cases_xspice import PHOTO, PHOTO_AT, SCROLLING, XServer, check_photo, xwd_photo
from harness import check, check_equal, wait_until
from relay import Relay

# By setting: images of which types must be among those sent, and of which others, if there are photographs.
TYPES = {
    "off": ({"bitmap"}, set()),
    "quic": ({"quic"}, set()),
    "lz": ({"lz"}, set()),
    "glz": ({"glz"}, set()),
    "lz4": ({"lz4"}, set()),
    "auto_lz": ({"lz"}, {"quic"}),
    "auto_glz": ({"glz"}, {"quic"}),
    "zlib-glz": ({"zlib_glz"}, set()),
}
# zlib around GLZ is a setting beside that one; what it makes no shorter goes without.
OTHERS = {"zlib-glz": {"glz"}}
ANY = {"cache", "cache_lossless", "surface"}
SMALL = 1024  # pixels; an image that no codec makes shorter goes as it is


def check_types(images, name, what, old=frozenset(), has_photos=True):
    """`old`: what else may have been sent, before a wish was known."""
    must, may = TYPES[name]
    if has_photos:
        must, may = must | may, set()
    seen = {image.kind for image in images}
    check(must <= seen, f"{what}: no image was sent as {sorted(must - seen)}, only as {sorted(map(str, seen))}")
    wrong = [i for i in images if i.kind not in must | may | ANY | OTHERS.get(name, set()) | old and not
             (i.kind == "bitmap" and i.width * i.height < SMALL)]
    check(not wrong, f"{what}: {len(wrong)} images of other types, the first {wrong[:1]}")


def draw_linux(linux, name):
    """Text, a mode, rectangles, before a client that sees it and one that comes later."""
    early = linux.client(f"{name}-early")
    linux.serial.command("mode 640x480 1")
    linux.serial.command("draw 20 1")
    linux.serial.command("mode 800x600 3")
    linux.serial.command("draw 12 3")
    linux.check_pictures(early, name)


def guest(test, name):
    setting = "glz,zlib-glz-wan-compression=always" if name == "zlib-glz" else name
    linux = Linux(test, "qxl", spice=f"disable-ticketing=on,image-compression={setting}")
    relay = Relay(linux.qemu.port)
    linux.qemu.port = relay.port
    from_power_on = linux.client("from-power-on")
    linux.wait_up()
    linux.serial.command("text 100")
    text = linux.settled("text-qemu")
    check(picture.lit_pixels(text) > 1000, "QEMU's own picture is (nearly) black")
    time.sleep(0.3)
    picture.compare(linux.client_picture(from_power_on, "text"), text, "the console, for a client that saw it from power on")
    draw_linux(linux, "draw")
    check_types(relay.images(), name, f"image-compression={name}")
    linux.finish()


def start_client(test, port, name, *args):
    """One that takes its screenshot when it is asked to leave; its path."""
    path = test.temporary(f"{name}.ppm")
    client = test.start_client("--port", port, "--wait-primary", "--hold", 300, "--screenshot", path, *args, name=name)
    client.wait_line("^up ", 20)
    return client, path


def screenshot(test, client, path, name):
    client.signal(signal.SIGTERM)
    check_equal(client.wait(15), 0, f"{name}: the client's exit code")
    return client_picture(test, path, name)


def guest_prefers(test, names):
    """One guest, and clients of which each wants another compression than its host."""
    linux = Linux(test, "qxl", spice="disable-ticketing=on,image-compression=off")
    linux.wait_up()
    for n, name in enumerate(names):
        relay = Relay(linux.qemu.port)
        client, path = start_client(test, relay.port, name, "--prefer", name)
        linux.serial.command(f"text {60 + n}")
        shown = linux.settled(f"{name}-qemu")
        check(picture.lit_pixels(shown) > 1000, f"{name}: QEMU's own picture is (nearly) black")
        time.sleep(0.3)
        picture.compare(screenshot(test, client, path, name), shown, f"a client that prefers {name}")
        check_types(relay.images(), name, f"a client that prefers {name}", old={"bitmap"},
                    has_photos=False)
    linux.finish()


def x_draw(server):
    """Text that scrolls, lines, copies, a photograph: all that stays, once it has come to rest."""
    server.run("xsetroot", "-solid", "#4060a0")
    terminal = server.start("xterm", "xterm", "-fn", "fixed", "-geometry", "90x30+20+20", "-e", "sh", "-c", SCROLLING)
    server.run("x11perf", "-repeat", "1", "-reps", "20", "-line100", "-copywinwin100", "-putimage100", seconds=60)
    shown = x_photo(server)
    time.sleep(1)
    check(terminal.alive() and shown.alive(), f"xterm or xwud ended: {terminal.tail()}; {shown.tail()}")
    wanted = server.settle()
    check(picture.lit_pixels(wanted) > wanted[0] * wanted[1] // 2, "the X screen is (nearly) black")
    check_photo(wanted)
    return wanted


def x_photo(server, left=PHOTO_AT[0]):
    path = server.test.temporary("photo.xwd")
    with open(path, "wb") as f:
        f.write(xwd_photo(*PHOTO))
    return server.start("photo", "xwud", "-noclick", "-geometry", f"+{left}+{PHOTO_AT[1]}", "-in", path)


def xspice(test, name):
    """Xspice's own words know no LZ4: that is a client's wish."""
    wish = name == "lz4"
    options = {"lz4": ["off"], "zlib-glz": ["glz", "--zlib-glz-wan-compression", "always"]}.get(name, [name])
    server = XServer(test, "--image-compression", *options)
    relay = Relay(server.port)
    args = ("--prefer", name) if wish else ()
    early = start_client(test, relay.port, "early", *args)
    wanted = x_draw(server)
    time.sleep(0.3)
    picture.compare(screenshot(test, *early, "early"), wanted, "what a client shows that saw it drawn")
    late = start_client(test, relay.port, "late", *args)
    time.sleep(0.5)
    picture.compare(screenshot(test, *late, "late"), wanted, "what a client shows that came late")
    check_types(relay.images(), name, f"image-compression={name}", old={"bitmap"} if wish else frozenset())
    check(server.alive(), f"Xspice ended: {server.tail()}")


# PSNR at the server's quality of 85. The guest's pattern has an edge every few pixels, which is the worst for JPEG.
GUEST_DB, PHOTO_DB = 25.0, 38.0
JPEG = ("jpeg", "jpeg_alpha")


class LossyPixels:
    """Which pixels of the primary JPEG has reached, by the images that come along."""

    def __init__(self):
        self.boxes = []  # (is it lossy?, left, top, right, bottom), in the order of drawing

    def add(self, image):
        if image.surface == 0:
            self.boxes.append((image.kind in JPEG, image.left, image.top, image.right, image.bottom))

    def mask(self, width, height):
        """A byte for each pixel; 1: lossy."""
        found = bytearray(width * height)
        for is_lossy, left, top, right, bottom in self.boxes:
            row = bytes([is_lossy]) * (min(right, width) - left)
            for y in range(top, min(bottom, height)):
                found[y * width + left:y * width + left + len(row)] = row
        return found

    def holds(self, image):
        """For a relay: this image would make lossy pixels right."""
        if image.surface == 0 and image.kind not in JPEG and any(
                is_lossy and image.left < right and left < image.right and image.top < bottom and top < image.bottom
                for is_lossy, left, top, right, bottom in self.boxes):
            return True
        self.add(image)
        return False


def check_psnr(shot, wanted, mask, least, what):
    """Lossy pixels are not right, but nearly; all others are right."""
    check_equal(shot[:2], wanted[:2], f"{what}: the picture's size")
    count = sum(mask)
    check(count > 10000, f"{what}: JPEG reached {count} pixels only")
    wide = bytearray(3 * len(mask))
    for channel in range(3):
        wide[channel::3] = mask
    error = wrong = 0
    for mine, right, is_lossy in zip(shot[2], wanted[2], wide):
        if mine != right:
            if is_lossy:
                error += (mine - right) ** 2
            else:
                wrong += 1
    check(wrong == 0, f"{what}: {wrong} samples are wrong that no JPEG has reached")
    check(error > 0, f"{what}: JPEG, and yet nothing is lost: this is no picture before its upgrade")
    psnr = 10 * math.log10(255 ** 2 * 3 * count / error)
    print(f"      {what}: {psnr:.1f} dB over {count} pixels", flush=True)
    check(psnr >= least, f"{what}: PSNR is {psnr:.1f} dB, less than {least}")
    return psnr


def look_before_upgrade(test, port, least, what, draw):
    """draw(n) makes the guest's picture number n and returns it. What a client shows of the first before the server sends
    the lossy pixels again; and what a client shows of the second after that."""
    relay, pixels = Relay(port), LossyPixels()
    relay.hold_before(pixels.holds)
    client, path = start_client(test, relay.port, "lossy")
    wanted = draw(0)
    relay.wait_held(20)
    time.sleep(0.5)  # what was passed on is drawn
    check_psnr(screenshot(test, client, path, "lossy"), wanted, pixels.mask(*wanted[:2]), least, what)
    relay.release()

    relay = Relay(port)
    client, path = start_client(test, relay.port, "lossless")
    wanted = draw(1)

    def has_upgrade():
        sent = LossyPixels()
        for image in relay.images():
            sent.add(image)
        return any(box[0] for box in sent.boxes) and not any(sent.mask(*wanted[:2]))

    wait_until(has_upgrade, 20, f"{what}: the lossy pixels are sent again without loss")
    time.sleep(0.5)
    picture.compare(screenshot(test, client, path, "lossless"), wanted, f"{what}: after its upgrade")


def guest_jpeg(test):
    linux = Linux(test, "qxl", spice="disable-ticketing=on,image-compression=auto_glz,jpeg-wan-compression=always")
    linux.wait_up()
    linux.serial.command("mode 800x600 1")

    def draw(n):
        linux.serial.command(f"mode 800x600 {2 + n}")
        return linux.settled("qemu")

    look_before_upgrade(test, linux.qemu.port, GUEST_DB, "a Linux guest's pattern by JPEG", draw)
    linux.finish()


def xspice_jpeg(test):
    server = XServer(test, "--image-compression", "auto_glz", "--jpeg-wan-compression", "always")
    server.run("xsetroot", "-solid", "#4060a0")

    def draw(n):
        x_photo(server, left=100 + 300 * n)
        time.sleep(1)
        return server.settle()

    look_before_upgrade(test, server.port, PHOTO_DB, "a photograph by JPEG", draw)
    check(server.alive(), f"Xspice ended: {server.tail()}")


CASES = {
    "guest-jpeg": guest_jpeg,
    "xspice-jpeg": xspice_jpeg,
    **{f"guest-setting-{name}": (lambda test, n=name: guest(test, n)) for name in TYPES if name != "lz4"},
    "guest-prefers": lambda test: guest_prefers(test, [name for name in TYPES if name not in ("off", "zlib-glz")]),
    **{f"xspice-setting-{name}": (lambda test, n=name: xspice(test, n)) for name in TYPES},
}
