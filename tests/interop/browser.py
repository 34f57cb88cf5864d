# SPDX-License-Identifier: LGPL-2.1-or-later
"""spice-html5 in headless Chromium, told what to do through Chromium's debugging pipe (NUL-terminated JSON)."""
import base64
import functools
import http.server
import json
import os
import select
import ssl
import subprocess
import threading
import time

from harness import Failure, check

HTML5 = "/usr/share/spice-html5"

# Where spice-html5 draws, as bytes of RGBA; empty while there is nothing of that size.
PIXELS = """(() => {
    const canvas = document.querySelector("#spice-screen canvas");
    if (!canvas) return "";
    const bytes = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
    let text = "";
    for (let i = 0; i < bytes.length; i += 8192) text += String.fromCharCode(...bytes.subarray(i, i + 8192));
    return canvas.width + " " + canvas.height + " " + btoa(text);
})()"""


# Whoever is asked for a password in a dialog of the browser's own waits for ever.
ASKED = "window.prompt = text => { window.asked = text; throw new Error('nobody answers'); };"


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_args):
        pass


class Pages:
    """A web server for spice-html5's files, which is all that a browser needs besides the SPICE server itself."""

    def __init__(self, certificates=None):
        handler = functools.partial(QuietHandler, directory=HTML5)
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.scheme = "http"
        if certificates:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(os.path.join(certificates, "server-cert.pem"),
                                    os.path.join(certificates, "server-key.pem"))
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
            self.scheme = "https"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def url(self, port, **more):
        query = "".join(f"&{name}={value}" for name, value in more.items())
        return f"{self.scheme}://127.0.0.1:{self.server.server_port}/spice_auto.html?host=127.0.0.1&port={port}{query}"

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class Browser:
    def __init__(self, test):
        self.test = test
        there, self.to = os.pipe()
        self.back, here = os.pipe()
        # Chromium listens to 3 and answers on 4; other numbers are ours.
        argv = ["bash", "-c", 'exec "${@:2}" 3<&"$0" 4>&"$1"', str(there), str(here),
                "chromium", "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
                "--ignore-certificate-errors", "--remote-debugging-pipe", f"--user-data-dir={test.temporary('browser')}",
                "about:blank"]
        self.log = open(test.artifact("chromium.log"), "wb")
        self.popen = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log,
                                      pass_fds=(there, here))
        os.close(there)
        os.close(here)
        self.rest, self.number, self.session, self.said = b"", 0, None, []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self.call("Runtime.enable")
        self.call("Page.enable")
        self.call("Page.addScriptToEvaluateOnNewDocument", source=ASKED)

    def message(self, end):
        while b"\0" not in self.rest:
            check(select.select([self.back], [], [], max(0, end - time.monotonic()))[0], "Chromium does not answer")
            got = os.read(self.back, 1 << 20)
            check(got, "Chromium ended")
            self.rest += got
        text, self.rest = self.rest.split(b"\0", 1)
        return json.loads(text)

    def call(self, method, **params):
        self.number += 1
        request = {"id": self.number, "method": method, "params": params}
        if self.session:
            request["sessionId"] = self.session
        os.write(self.to, json.dumps(request).encode() + b"\0")
        end = time.monotonic() + 30
        while True:
            answer = self.message(end)
            if answer.get("id") == self.number:
                check("error" not in answer, f"Chromium: {method}: {answer.get('error')}")
                return answer["result"]
            if answer.get("method") == "Runtime.consoleAPICalled":
                self.said.append(" ".join(str(a.get("value", a.get("description", "")))
                                          for a in answer["params"]["args"]))
            elif answer.get("method") == "Runtime.exceptionThrown":
                details = answer["params"]["exceptionDetails"]
                self.said.append("exception: " + details.get("exception", {}).get("description", details["text"]))

    def open(self, url):
        self.said.clear()
        self.call("Page.navigate", url=url)

    def evaluate(self, expression):
        result = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        check("exceptionDetails" not in result, f"in the page: {result.get('exceptionDetails')}")
        return result["result"].get("value")

    def picture(self):
        """(width, height, RGB bytes), or None while there is none."""
        text = self.evaluate(PIXELS)
        if not text:
            return None
        width, height, data = text.split(" ")
        rgba = base64.b64decode(data)
        rgb = bytearray(len(rgba) // 4 * 3)
        for i in range(3):
            rgb[i::3] = rgba[i::4]
        return int(width), int(height), bytes(rgb)

    def wait(self, what, condition, seconds=20):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            found = condition()
            if found:
                return found
            time.sleep(0.1)
        raise Failure(f"{what}: not within {seconds} s; the page said {self.said[-8:]}")

    def press(self, key, code, number):
        for kind in ("rawKeyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, key=key, code=code, windowsVirtualKeyCode=number)

    def close(self):
        self.popen.kill()
        self.popen.wait()
        os.close(self.to)
        os.close(self.back)
        self.log.close()
