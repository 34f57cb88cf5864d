# SPDX-License-Identifier: LGPL-2.1-or-later
"""What our encoders make, decoded by spice-gtk: each sample of codec-samples in a place of its own on one picture.

Small ones of all codecs, formats and kinds; and large ones, for the long forms of tokens and several LZ4 blocks.
"""
import re
import signal
import struct
import subprocess

import picture
from harness import check, check_equal
from picture_server import PictureServer

CELL_WIDTH, CELL_HEIGHT, COLUMNS = 64, 48, 16
SHELF_WIDTH = 3200
DRAW_COPY, DRAW_WHITENESS, DRAW_ALPHA_BLEND = 304, 307, 313
RGB16, RGB24, RGB32, RGBA = 6, 7, 8, 9  # pixel formats
LZ_PLT, ZLIB_GLZ, JPEG_ALPHA = 100, 107, 108  # image types
JPEG_NEAR = 24  # how far a channel's mean over 8 x 8 pixels may be off at quality 95


class Sample:
    def __init__(self, line, stream):
        words = line.decode("ascii").split()
        self.codec = words[1]
        self.format, self.type, self.flags, self.before, self.width, self.height, colors, size = map(int, words[2:])
        self.palette = stream.read(4 * colors)
        self.data = stream.read(size)
        self.pixels = stream.read(4 * self.width * self.height)

    def image(self, offset):
        """The Image of the protocol; pointers count from the message's beginning."""
        head = struct.pack("<QBBII", 0, self.type, 0, self.width, self.height)
        if self.type == LZ_PLT:
            inline = struct.pack("<BI", self.flags, len(self.data))
            palette_at = offset + len(head) + len(inline) + 4 + len(self.data)
            return (head + inline + struct.pack("<I", palette_at) + self.data +
                    struct.pack("<QH", 0, len(self.palette) // 4) + self.palette)
        if self.type == ZLIB_GLZ:
            head += struct.pack("<I", self.before)
        elif self.type == JPEG_ALPHA:
            head += struct.pack("<BI", self.flags, self.before)
        return head + struct.pack("<I", len(self.data)) + self.data

    def draw(self, left, top):
        """RGBA is blended over white, so that alpha is seen; all else copied."""
        base = struct.pack("<IiiiiB", 0, top, left, top + self.height, left + self.width, 0)
        area = struct.pack("<iiii", 0, 0, self.height, self.width)
        if self.format == RGBA:
            fixed = len(base) + 2 + 4 + len(area)
            body = base + struct.pack("<BBI", 0, 255, fixed) + area
            return DRAW_ALPHA_BLEND, body + self.image(fixed)
        mask = struct.pack("<BiiI", 0, 0, 0, 0)
        tail = area + struct.pack("<HB", 8, 0) + mask
        fixed = len(base) + 4 + len(tail)
        return DRAW_COPY, base + struct.pack("<I", fixed) + tail + self.image(fixed)

    def wanted(self, y):
        """A row's R, G, B on white paper."""
        row = self.pixels[4 * y * self.width:4 * (y + 1) * self.width]
        rgb = bytearray(3 * self.width)
        for to, channel in enumerate((2, 1, 0)):
            rgb[to::3] = row[channel::4] if self.format != RGBA else bytes(
                min(255, color + 255 - alpha) for color, alpha in zip(row[channel::4], row[3::4]))
        return bytes(rgb)


def samples_make(test, *options):
    program = test.options.samples
    check(program, "no codec-samples given")
    path = test.temporary("samples")
    with open(path, "wb") as out:
        done = subprocess.run([program, *options], stdout=out, timeout=60, check=False)
    check_equal(done.returncode, 0, "codec-samples' exit code")
    samples = []
    with open(path, "rb") as stream:
        while line := stream.readline():
            samples.append(Sample(line, stream))
    return samples


def sample_wrong(sample, shot, left, top):
    """None, or what is wrong with a sample on the client's picture."""
    width, _, rgb = shot

    def shown(y):
        at = 3 * ((top + y) * width + left)
        return rgb[at:at + 3 * sample.width]

    if not sample.codec.startswith("jpeg"):
        for y in range(sample.height):
            is_, wanted = shown(y), sample.wanted(y)
            if is_ != wanted:
                x = next(x for x in range(sample.width) if is_[3 * x:3 * x + 3] != wanted[3 * x:3 * x + 3])
                return f"pixel {x},{y} is {tuple(is_[3 * x:3 * x + 3])}, not {tuple(wanted[3 * x:3 * x + 3])}"
        return None
    for y in range(0, sample.height - 7, 8):
        rows = [(shown(y + i), sample.wanted(y + i)) for i in range(8)]
        for x in range(0, sample.width - 7, 8):
            for channel in range(3):
                part = slice(3 * x + channel, 3 * (x + 8), 3)
                off = sum(sum(is_[part]) - sum(wanted[part]) for is_, wanted in rows) / 64
                if abs(off) > JPEG_NEAR:
                    return f"the mean of channel {channel} of the block at {x},{y} is off by {off:.0f}"
    return None


def cells(samples):
    """The size of a picture with all samples, and where each is."""
    rows = (len(samples) + COLUMNS - 1) // COLUMNS
    return COLUMNS * CELL_WIDTH, rows * CELL_HEIGHT, [(i % COLUMNS * CELL_WIDTH, i // COLUMNS * CELL_HEIGHT)
                                                      for i in range(len(samples))]


def shelves(samples):
    """The same for samples of any size: side by side while there is room."""
    places, left, top, height = [], 0, 0, 0
    for sample in samples:
        if left + sample.width > SHELF_WIDTH:
            left, top, height = 0, top + height, 0
        places.append((left, top))
        left, height = left + sample.width, max(height, sample.height)
    return SHELF_WIDTH, top + height, places


def show(test, samples, arranged):
    """All of them on one picture of a client, right."""
    width, height, places = arranged
    whole = struct.pack("<IiiiiB", 0, 0, 0, height, width, 0)
    draws = [(DRAW_WHITENESS, whole + struct.pack("<BiiI", 0, 0, 0, 0))]
    draws += [sample.draw(*place) for sample, place in zip(samples, places)]
    server = PictureServer(width, height, draws)
    path = test.temporary("shot.ppm")
    client = test.start_client("--port", server.port, "--wait-primary", "--hold", 60, "--screenshot", path)
    client.wait_line("^up ", 20)
    check(server.drawn.wait(30), f"the client did not get through the images: {client.tail()}")
    client.signal(signal.SIGTERM)  # takes its screenshot and leaves
    check_equal(client.wait(10), 0, "the client's exit code")
    check(server.display_caps is not None and server.display_caps & 1 << 5, "this spice-gtk was built without LZ4")
    complaints = [line for line in client.lines if re.search("CRITICAL|WARNING", line)]
    check(not complaints, f"the client complains: {complaints[:3]}")
    shot = picture.ppm_read(path)
    picture.png_write(test.artifact("client.png"), shot)
    check_equal(shot[:2], (width, height), "the picture's size")
    wrong = [(sample, why) for sample, place in zip(samples, places) if (why := sample_wrong(sample, shot, *place))]
    check(not wrong, f"{len(wrong)} of {len(samples)} samples are wrong: " + "; ".join(
        f"{s.codec}, format {s.format}, {s.width}x{s.height}: {why}" for s, why in wrong[:4]))


def decoded(test):
    samples = samples_make(test)
    kinds = {(s.codec, s.format) for s in samples}
    check(len(kinds) == 9 + 4 * 4 + 3 + 1, f"codec-samples made other codecs and formats than expected: {sorted(kinds)}")
    show(test, samples, cells(samples))


def decoded_large(test):
    samples = samples_make(test, "--large")
    check_equal(len(samples), 5 * 4 * 5, "large samples")
    show(test, samples, shelves(samples))


CASES = {"codec-decoded": decoded, "codec-decoded-large": decoded_large}
