# SPDX-License-Identifier: LGPL-2.1-or-later
"""Binary PPM in, differences and PNG out."""
import re
import struct
import zlib

from harness import check


def ppm_read(path):
    """(width, height, RGB bytes)"""
    with open(path, "rb") as f:
        data = f.read()
    head = re.match(rb"P6\s+(\d+)\s+(\d+)\s+255\s", data)
    check(head, f"{path} is no binary PPM")
    width, height = int(head[1]), int(head[2])
    pixels = data[head.end():]
    check(len(pixels) == width * height * 3, f"{path}: {len(pixels)} bytes for {width}x{height}")
    return width, height, pixels


def png_write(path, picture):
    width, height, pixels = picture

    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    rows = b"".join(b"\0" + pixels[y * width * 3:(y + 1) * width * 3] for y in range(height))
    with open(path, "wb") as f:
        f.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)) +
                chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


def lit_pixels(picture):
    """How many pixels are not black."""
    pixels = picture[2]
    return sum(1 for i in range(0, len(pixels), 3) if pixels[i:i + 3] != b"\0\0\0")


def compare(mine, wanted, what):
    check(mine[:2] == wanted[:2], f"{what}: size {mine[0]}x{mine[1]}, expected {wanted[0]}x{wanted[1]}")
    if mine[2] == wanted[2]:
        return
    width = mine[0]
    wrong = [i // 3 for i in range(0, len(mine[2]), 3) if mine[2][i:i + 3] != wanted[2][i:i + 3]]
    check(False, f"{what}: {len(wrong)} pixels differ, the first at {wrong[0] % width},{wrong[0] // width}")
