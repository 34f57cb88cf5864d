# SPDX-License-Identifier: LGPL-2.1-or-later
"""Real guests with each of the compression settings, the host's and a client's own wish: the picture is the guest's, and what
was on the wire is what was asked for."""
import signal
import time

import picture
from cases_desktop import client_picture
from cases_guest import Linux
from cases_xspice import PHOTO, SCROLLING, XServer, xwd_photo
from harness import check, check_equal
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
}
ANY = {"cache", "cache_lossless", "surface"}
SMALL = 1024  # pixels; an image that no codec makes shorter goes as it is


def check_types(images, name, what, old=frozenset(), has_photos=True):
    """`old`: what else may have been sent, before a wish was known."""
    must, may = TYPES[name]
    if has_photos:
        must, may = must | may, set()
    seen = {image.kind for image in images}
    check(must <= seen, f"{what}: no image was sent as {sorted(must - seen)}, only as {sorted(map(str, seen))}")
    wrong = [i for i in images if i.kind not in must | may | ANY | old and not
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
    linux = Linux(test, "qxl", spice=f"disable-ticketing=on,image-compression={name}")
    relay = Relay(linux.qemu.port)
    linux.qemu.port = relay.port
    from_power_on = linux.client("from-power-on")
    linux.wait_up()
    linux.serial.command("text 100")
    linux.check_pictures(from_power_on, "text")
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
    server.run("x11perf", "-repeat", "1", "-reps", "20", "-rect10", "-line100", "-copywinwin100", "-putimage100", seconds=60)
    shown = x_photo(server)
    time.sleep(1)
    check(terminal.alive() and shown.alive(), f"xterm or xwud ended: {terminal.tail()}; {shown.tail()}")
    wanted = server.settle()
    check(picture.lit_pixels(wanted) > wanted[0] * wanted[1] // 2, "the X screen is (nearly) black")
    return wanted


def x_photo(server, left=700):
    path = server.test.temporary("photo.xwd")
    with open(path, "wb") as f:
        f.write(xwd_photo(*PHOTO))
    return server.start("photo", "xwud", "-noclick", "-geometry", f"+{left}+40", "-in", path)


def xspice(test, name):
    """Its own words know no LZ4: that is a client's wish."""
    wish = name == "lz4"
    server = XServer(test, "--image-compression", "off" if wish else name)
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


CASES = {
    **{f"guest-setting-{name}": (lambda test, n=name: guest(test, n)) for name in TYPES if name != "lz4"},
    "guest-prefers": lambda test: guest_prefers(test, [name for name in TYPES if name != "off"]),
    **{f"xspice-setting-{name}": (lambda test, n=name: xspice(test, n)) for name in TYPES},
}
