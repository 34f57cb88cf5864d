#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The first events of a recording of QXL commands, with every blob packed by zlib: small enough to keep.

trim-recording.py EVENTS < RECORDING > EXCERPT
"""
import re
import sys
import zlib


def main():
    left = int(sys.argv[1])
    recording, excerpt = sys.stdin.buffer, sys.stdout.buffer
    while line := recording.readline():
        if line.startswith(b"event "):
            left -= 1
            if left < 0:
                break
        # A raw blob may hold line ends: what belongs to it is read by its length.
        blob = re.match(rb"binary 0 (\S+) (\d+):", line)
        if not blob:
            excerpt.write(line)
            continue
        size = int(blob[2])
        data = line[blob.end():]
        data += recording.read(max(0, size + 1 - len(data)))
        data, rest = data[:size], data[size:]
        packed = zlib.compress(data, 9)
        if len(packed) < size:
            excerpt.write(b"binary 1 %s %d:%d:%s" % (blob[1], size, len(packed), packed))
        else:
            excerpt.write(blob[0] + data)
        excerpt.write(rest)


if __name__ == "__main__":
    main()
