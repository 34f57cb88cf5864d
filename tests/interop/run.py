#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs interop tests. See README.md in this folder.

run.py [options] CASE...      exit code 0: all passed; 1: one failed; 2: usage
run.py --list
"""
import argparse
import os
import sys
import time
import traceback

import cases_codec
import cases_desktop
import cases_guest
import cases_html5
import cases_html5_guests
import cases_kill
import cases_qemu
import cases_replay
import cases_settings
import cases_tshark
import cases_xspice
import harness

CASES = {**cases_codec.CASES, **cases_desktop.CASES, **cases_guest.CASES, **cases_html5.CASES,
         **cases_html5_guests.CASES,
         **cases_kill.CASES, **cases_qemu.CASES, **cases_replay.CASES, **cases_settings.CASES,
         **cases_tshark.CASES, **cases_xspice.CASES}


def run_case(name, options):
    """None if it passed, otherwise why not."""
    test = harness.Test(name, options)
    begin = time.monotonic()
    why = None
    try:
        CASES[name](test)
        test.finish()
    except harness.Failure as failure:
        why = str(failure) + test.crashes()
    except Exception:  # an error in the test is a failed test
        why = traceback.format_exc()
    finally:
        test.close()
    took = time.monotonic() - begin
    print(f"{'FAIL' if why else 'pass'}  {name}  {took:.1f} s" + (f"\n      {why}\n      logs: {test.folder}" if why else ""),
          flush=True)
    return why


def main():
    parser = argparse.ArgumentParser(description="Interop tests")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--stock", action="store_true", help="judge Debian's libspice-server1 instead of ours")
    parser.add_argument("--library", help="folder of the libspice-server.so.1 under test")
    parser.add_argument("--client", help="glib-client")
    parser.add_argument("--host", help="fake-desktop or debian-host")
    parser.add_argument("--qemu", default="/usr/bin/qemu-system-x86_64")
    parser.add_argument("--decoder", help="decode-streams")
    parser.add_argument("--samples", help="codec-samples")
    parser.add_argument("--guest-init", help="the init of Linux guests")
    parser.add_argument("--artifacts", default="interop-artifacts")
    parser.add_argument("case", nargs="*")
    options = parser.parse_args()
    if options.list:
        print("\n".join(CASES))
        return 0
    unknown = [c for c in options.case if c not in CASES]
    if unknown or not options.case:
        parser.error(f"unknown case {unknown[0]}" if unknown else "no case given")
    if options.stock:
        options.library = None
    elif not options.library:
        parser.error("--library or --stock is needed")
    else:
        options.library = os.path.abspath(options.library)
        if not os.path.exists(os.path.join(options.library, "libspice-server.so.1")):
            print(f"FAIL  no libspice-server.so.1 in {options.library}: build it first")
            return 1
    options.artifacts = os.path.abspath(options.artifacts)
    failed = [name for name in options.case if run_case(name, options)]
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
