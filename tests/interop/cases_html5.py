# SPDX-License-Identifier: LGPL-2.1-or-later
"""A browser as client: spice-html5 over WebSocket, without a proxy, against a host without a VM."""
import contextlib
import signal
import socket
import time

import picture
from browser import Browser, Pages
from cases_codec import RGB16, RGB24, RGB32, RGBA, cells, sample_wrong, samples_make
from cases_desktop import COMPRESSIONS, check_painted, guest_picture, host_keys
from harness import check, check_equal, make_certificates
from picture_server import PictureServer, WebConnection


@contextlib.contextmanager
def opened(test, certificates=None):
    pages = Pages(certificates)
    browser = Browser(test)
    try:
        yield pages, browser
    finally:
        with open(test.artifact("console.log"), "w", encoding="utf-8") as log:
            log.write("\n".join(browser.said) + "\n")
        browser.close()
        pages.close()


def check_shows(test, browser, what, wanted):
    try:
        browser.wait(what, lambda: browser.picture() == wanted, seconds=15)
    finally:
        shown = browser.picture()
        if shown is not None:
            picture.png_write(test.artifact("browser.png"), shown)


def check_desktop(test, browser, host):
    """The screen is there, and a key comes through."""
    size = browser.wait("a canvas", browser.picture)[:2]
    check(size[0] > 300 and size[1] > 150, f"the canvas has {size[0]}x{size[1]} pixels")
    # The display's channel may be there before that of the keys, and what is pressed until then is lost.
    browser.wait("the inputs channel", lambda: browser.evaluate(
        'document.querySelector("#spice-screen canvas").sc?.inputs?.state === "ready"'))
    browser.evaluate('document.querySelector("#spice-screen canvas").focus()')
    browser.press("a", "KeyA", 65)
    check_equal(host_keys(host, [0x1e, 0x9e]), [0x1e, 0x9e], "the keyboard got")
    check(not [text for text in browser.said if text.startswith("exception")], f"the page said {browser.said}")
    check(host.alive(), f"the host ended: {host.tail()}")
    return size


def plain(test):
    host = test.start_host()
    with opened(test) as (pages, browser):
        for _ in range(3):
            before = len(host.lines)
            browser.open(pages.url(host.port))
            check_desktop(test, browser, host)
            del host.lines[before:]


def ticket(test):
    host = test.start_host("--password", "secret")
    with opened(test) as (pages, browser):
        browser.open(pages.url(host.port, password="wrong"))
        browser.wait("the page to ask for another password", lambda: browser.evaluate("window.asked") == "Password")
        check(browser.picture() is None, "a wrong password shows a picture")
        browser.open(pages.url(host.port, password="secret"))
        check_desktop(test, browser, host)


def tls(test):
    folder = test.temporary("x509")
    make_certificates(test, folder)
    host = test.start_host("--tls-cert-dir", folder, plain=False, tls=True)
    with opened(test, folder) as (pages, browser):
        browser.open(pages.url(host.tls_port))
        check_desktop(test, browser, host)


def requests(test):
    """What is no WebSocket gets an HTTP answer, and a SPICE client beside it is served."""
    host = test.start_host()
    with socket.create_connection(("127.0.0.1", host.port), 10) as browser:
        browser.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        browser.settimeout(10)
        answer = b""
        while got := browser.recv(4096):
            answer += got
    check(answer.startswith(b"HTTP/1.1 400 Bad Request\r\n"), f"a request for a page was answered {answer[:60]}")
    test.run_client("--port", host.port, "--wait-primary")


def compressions(test):
    """A browser that comes when all was drawn shows it, whatever the pixels went through (it knows no GLZ and no LZ4). The
    screen is so large that threads code it, where that is worth it: then the primary takes it from another surface."""
    with opened(test) as (pages, browser):
        for name in COMPRESSIONS:
            dump = test.temporary(f"{name}.ppm")
            host = test.start_host("--still", "--compression", name, "--dump", dump, "--size", "1024x768")
            time.sleep(1.0)
            wanted = guest_picture(test, host, dump)
            browser.open(pages.url(host.port))
            browser.wait(f"the guest's picture, sent by {name}", lambda: browser.picture() == wanted)
            browser.open("about:blank")  # what it shows next is the next host's
            browser.wait("an empty page", lambda: browser.picture() is None)
            host.signal(signal.SIGTERM)
            check_equal(host.wait(10), 0, "the host's exit code")


def paint(test):
    """Every kind of drawing, before a browser that sees it drawn and one that comes late: of most kinds it knows nothing, nor of
    clips, masks and raster operations."""
    dump = test.temporary("dump.ppm")
    host = test.start_host("--paint", "--dump", dump, "--size", "640x480", "--multi-client")
    with opened(test) as (pages, browser):
        browser.open(pages.url(host.port))
        browser.wait("a canvas", browser.picture)
        time.sleep(2.5)
        wanted = guest_picture(test, host, dump)
        check_shows(test, browser, "what was painted", wanted)
        check(not [text for text in browser.said if text.startswith("exception")], f"the page said {browser.said}")
        browser.open("about:blank")  # what it shows next is the next session's
        browser.wait("an empty page", lambda: browser.picture() is None)
        browser.open(pages.url(host.port))
        check_shows(test, browser, "what was painted, for a browser that comes late", wanted)
    host.signal(signal.SIGTERM)
    check_equal(host.wait(10), 0, "the host's exit code: its devices' books balance")
    check_painted(host)


# What spice-html5 has a decoder for: codecs, and formats of pixels. It cannot blend, and of images with alpha that it copies to a
# screen it shows the colors; with alpha by QUIC it does that wrong.
DECODED = {"lz": (RGB32, RGBA), "quic": (RGB24, RGB32), "jpeg": (RGB16, RGB24, RGB32), "jpeg-alpha": (RGBA,)}


def codecs(test):
    """What our encoders make, decoded in the browser, each in a place of its own."""
    samples = [s for s in samples_make(test) if s.format in DECODED.get(s.codec, ())]
    kinds = {(s.codec, s.format) for s in samples}
    check_equal(len(kinds), sum(map(len, DECODED.values())), f"codecs and formats ({sorted(kinds)})")
    for sample in samples:
        sample.format = RGB32  # to be copied, not blended
    width, height, places = cells(samples)
    server = PictureServer(width, height, [s.draw(*place) for s, place in zip(samples, places)], WebConnection)

    def wrong():
        return [(s, why) for s, place in zip(samples, places) if (why := sample_wrong(s, browser.picture(), *place))]

    with opened(test) as (pages, browser):
        browser.open(pages.url(server.port))
        browser.wait("the end of the images", lambda: browser.picture() and server.drawn.is_set())
        try:
            browser.wait("the images", lambda: not wrong())  # JPEG is shown when it is decoded
        finally:
            shot = browser.picture()
            picture.png_write(test.artifact("browser.png"), shot)
            bad = wrong()
            check(not bad, f"{len(bad)} of {len(samples)} samples are wrong: " + "; ".join(
                f"{s.codec}, {s.width}x{s.height}: {why}" for s, why in bad[:4]))


CASES = {"html5-compressions": compressions, "html5-codecs": codecs, "html5-paint": paint,
         "html5-plain": plain, "html5-ticket": ticket, "html5-tls": tls, "html5-requests": requests}
