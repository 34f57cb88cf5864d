# SPDX-License-Identifier: LGPL-2.1-or-later
"""spice-html5 in headless Chromium, over WebSocket, as the client of real guests: a Linux in QEMU, and Xspice. It shows what they
show with each setting whose images it knows: as one that saw it drawn, and as one that came late."""
import time

import picture
from cases_guest import Linux
from cases_html5 import check_shows, opened
from cases_settings import check_types, x_draw
from cases_xspice import XServer
from harness import check
from relay import Relay

# By the host's setting, that whose images a browser gets: it knows no GLZ. By QUIC it gets alpha wrong: such images are LZ.
SETTINGS = {"off": "off", "lz": "lz", "quic": "quic", "auto_glz": "auto_lz"}
ALPHA = {"quic": {"lz"}}


def check_late(browser, url, wanted, what):
    browser.open("about:blank")  # what it shows next is the next session's
    browser.wait("an empty page", lambda: browser.picture() is None)
    browser.open(url)
    check_shows(browser.test, browser, what, wanted)


def check_said(browser):
    exceptions = [text for text in browser.said if text.startswith("exception")]
    check(not exceptions, f"the page said {exceptions}")


def qemu(test, name):
    """From power on, through the firmware and the kernel's console, to what a guest draws."""
    with opened(test) as (pages, browser):
        linux = Linux(test, "qxl", spice=f"disable-ticketing=on,image-compression={name}")
        relay = Relay(linux.qemu.port)
        browser.open(pages.url(relay.port))
        browser.wait("the firmware's picture", browser.picture)
        linux.wait_up()
        linux.serial.command("text 60")
        text = linux.settled("text")
        check(picture.lit_pixels(text) > 1000, "QEMU's own picture is (nearly) black")
        check_shows(test, browser, "the guest's console", text)
        linux.serial.command("mode 640x480 1")
        linux.serial.command("draw 12 1")  # parts of the screen, which have its stride
        wanted = linux.settled("drawn")
        check_shows(test, browser, "what the guest drew", wanted)
        check_said(browser)
        check_late(browser, pages.url(relay.port), wanted, "what the guest drew, for a browser that comes late")
        check_said(browser)
        check_types(relay.images(), SETTINGS[name], f"a browser, image-compression={name}")
        linux.finish()


def xspice(test, name):
    with opened(test) as (pages, browser):
        server = XServer(test, "--image-compression", name)
        relay = Relay(server.port)
        browser.open(pages.url(relay.port))
        browser.wait("a picture", browser.picture)
        wanted = x_draw(server)
        check_shows(test, browser, "what X programs drew", wanted)
        check_said(browser)
        check_late(browser, pages.url(relay.port), wanted, "what X programs drew, for a browser that comes late")
        check_said(browser)
        # X's driver gives pictures as RGBA, which the browser knows by LZ alone; by QUIC a photograph comes if the browser lags,
        # as pixels of the screen.
        check_types(relay.images(), SETTINGS[name], f"a browser, image-compression={name}",
                    old=ALPHA.get(name, frozenset()), has_photos=False)
        check(server.alive(), f"Xspice ended: {server.tail()}")


CASES = {
    **{f"html5-qemu-{name}": (lambda test, n=name: qemu(test, n)) for name in SETTINGS},
    **{f"html5-xspice-{name}": (lambda test, n=name: xspice(test, n)) for name in SETTINGS},
}
