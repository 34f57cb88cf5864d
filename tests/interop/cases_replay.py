# SPDX-License-Identifier: LGPL-2.1-or-later
"""Recordings of real drivers, played by this library and by Debian's: a client must see the same at the end."""
import os
import signal
import time

import harness
from cases_qemu import client_picture
from harness import check, check_equal
from picture import compare, lit_pixels

RECORDINGS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "recordings")


def last_pictures(test, name, library):
    """What a client shows that was there (nearly) from the start, and one that came when all was drawn."""
    port = harness.free_port()
    argv = [test.options.host, "--port", port, os.path.join(RECORDINGS, name + ".rec")]
    host = test.start(f"{library}-host", argv, {"LD_LIBRARY_PATH": harness.STOCK_LIBRARY} if library == "debian"
                      else test.library_env())
    host.wait_line("^ready$", 20)
    early, late = test.temporary(f"{library}-early.ppm"), test.temporary(f"{library}-late.ppm")
    client = test.start_client("--port", port, "--wait-primary", "--hold", 90, "--screenshot", early, name="early")
    host.wait_line(r"^done: [1-9]", 60)
    client.wait_line("^up ", 20)
    time.sleep(1)
    client.signal(signal.SIGTERM)  # takes its screenshot and leaves
    check_equal(client.wait(20), 0, "the early client's exit code")
    test.run_client("--port", port, "--wait-primary", "--hold", 1, "--screenshot", late, name="late")
    check(host.alive(), f"the host ended: {host.tail()}")
    return [client_picture(test, path, f"{name}-{library}-{which}") for path, which in ((early, "early"), (late, "late"))]


def replay(name):
    def case(test):
        _, wanted = last_pictures(test, name, "debian")
        check(lit_pixels(wanted) > 1000, f"{name}: Debian's library shows nothing: the test would prove nothing")
        for picture, who in zip(last_pictures(test, name, "our"), ("a client that was there", "one that came late")):
            compare(picture, wanted, f"{name}: the last picture of {who}")

    return case


CASES = {f"replay-{name[:-4]}": replay(name[:-4]) for name in sorted(os.listdir(RECORDINGS)) if name.endswith(".rec")}
