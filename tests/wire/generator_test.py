# SPDX-License-Identifier: LGPL-2.1-or-later
"""generator_test.py GENERATOR-FOLDER DESCRIPTION DOCS: what wiregen.py makes of good and of bad descriptions, and
whether docs/protocol.md is what the description says today."""

import os
import subprocess
import sys
import tempfile
import unittest

GENERATOR, DESCRIPTION, DOCS = sys.argv[1:4]
sys.path.insert(0, GENERATOR)
import description  # noqa: E402
import emit_docs  # noqa: E402
import emit_header  # noqa: E402
from model import WireError  # noqa: E402

SMALL = """\
const MOST = 9
enum kind { A = 0; B = 2 }
flags bit { X = 0; Y = 31 }
enum cap_one { FIRST = 4 }
context { OUTSIDE }
struct Inner { u8 kind : kind; when kind == B { u16 more } }
struct Param(u8 f : bit) { u16 w; u8[w * (f has X ? 2 : 1)] data }
struct Outer public {
    u32 n
    Inner[n max MOST] inner   # not this
    ## but this
    u8 f : bit
    Param(f) p
    @Inner maybe
    @!u16[f2] words_is_wrong
}
"""
GOOD = SMALL.replace("    @!u16[f2] words_is_wrong\n", "    u8 c\n    @!u16[c] words\n    u64[3] three\n    pad 2\n")
CHANNEL = GOOD + """
messages one {
    server 1 HELLO cap FIRST { Outer o }
    server 2 REST limit 2K { i32 x; u8[*] rest }
    client 1 BYE {}
    client 9 GONE reserved
}
channel 3 one : one caps cap_one { limit server 1M; limit client 10; limit client BYE 0x14 }
family other u16 limit 64 { message 5 THING exact { when given OUTSIDE { u8 a; pad 3 }; u32 b : other } }
"""

BAD = [  # description, line, what the error says
    ("struct A { u8 x", 1, "not closed"),
    ("struct A {\n  u9 x\n}", 2, "unknown type 'u9'"),
    ("struct A {\n  u8 x\n  u8 x\n}", 3, "'x' is there already"),
    ("struct A { B b }\nstruct B { u8 x }", 1, "unknown type 'B'"),
    ("struct A { A a }", 1, "unknown type 'A'"),
    ("struct A { u8 x }\n\nstruct A { u8 x }", 3, "declared already"),
    ("struct A { }", 1, "is empty"),
    ("struct A { u8 x y }", 1, "unexpected 'y'"),
    ("struct A { u8 int }", 1, "cannot be a field's name"),
    ("struct A { u8 x : nothing }", 1, "unknown enumeration 'nothing'"),
    ("struct A { u8[n] x }", 1, "'n' is no earlier integer field"),
    ("struct A {\n u8[n] x\n u32 n\n}", 2, "'n' is no earlier integer field"),
    ("struct A { i32 n; u8[n] x }", 1, "'n' is signed"),
    ("struct A { u8[0] x }", 1, "an array of nothing"),
    ("struct A { u8[*] x; u8 y }", 1, "must stand last"),
    ("struct R { u8[*] x }\nstruct A { R r; u8 y }", 2, "must stand last"),
    ("struct R { u8[*] x }\nstruct A { @R r }", 2, "cannot be pointed to"),
    ("struct R { u8 y; u8[*] x }\nstruct A { u8 n; R[n] r }", 2, "cannot be the element"),
    ("struct A { @u8[*] x }", 1, "not pointed to"),
    ("struct A { @u8 x }", 1, "a single integer is not pointed to"),
    ("struct A { u8 n; @u8[n] a; u8[*] x }", 1, "with pointers cannot run to the end"),
    ("struct E { u8 n; u8[n] d }\nstruct P { @E e }\nstruct A { u8 n; P[n] p }", 3, "cannot be the element"),
    ("struct A { u8 n; u8 m; u32[n * m] x }", 1, "only bytes can have a computed length"),
    ("struct A { u64 n; u64 m; u8[n * m] x }", 1, "can exceed 64 bits"),
    ("struct A { u8 n; u8[n / 0] x }", 1, "division by zero"),
    ("struct A { u8 n; u8[n] x; u8[n * 2] y }", 1, "is a count and cannot be used otherwise"),
    ("struct A { u8 n; u8[n * 2] y; u8[n] x }", 1, "cannot be a count"),
    ("enum k { A = 1; A = 2 }", 1, "declared in line 1 already"),
    ("enum k { A = 1\n B = 1 }", 2, "B has the number of A"),
    ("enum k { }", 1, "is empty"),
    ("flags k { A = 32 }", 1, "too large"),
    ("const A = 0x100000000", 1, "at most 32 bits"),
    ("const A = x", 1, "expected a number"),
    ("const A = 1\nconst A = 1", 2, "declared in line 1 already"),
    ("enum k { A = 1 }\nstruct S { u8 x; when x == A { u8 y } }", 2, "no enumeration that fits '=='"),
    ("enum k { A = 1 }\nstruct S { u8 x : k; when x has A { u8 y } }", 2, "no enumeration that fits 'has'"),
    ("enum k { A = 1 }\nstruct S { u8 x : k; when x == B { u8 y } }", 2, "k has no B"),
    ("struct S { when given X { u8 y } }", 1, "unknown context 'X'"),
    ("enum k { A = 1 }\nstruct S { u8 x : k; switch x { A : u8 y; A : u8 z } }", 2, "A has a case already"),
    ("enum k { A = 1 }\nstruct S { u8 x : k; switch x { A : u8[*] y } }", 2, "a case holds one"),
    ("enum k { A = 1 }\nstruct S { u8 x : k; switch x { A : u8 y }; switch x { A : u8 z } }", 2, "one switch"),
    ("struct S { at x { u8[*] y } }", 1, "counted arrays of integers only"),
    ("struct P(u8 f) { u8[f * 2] x }\nstruct S { P p }", 2, "takes 1 parameters"),
    ("struct P(u8 m) { u8[m * 2] x }", 1, "cannot be a parameter's name"),
    ("struct P(u8 f) public { u8[f * 2] x }", 1, "a public structure has no parameters"),
    ("struct I { u8 n; @u8[n] x }\nmessages a {\n client 1 M { I a; I b; I c; I d; I e; I f; I g; I h }\n}", 3,
     "reaches 8 regions"),
    ("messages a { client 1 M {}\n client 1 N {} }", 2, "N has the id of M"),
    ("messages a { both 1 M {} }", 1, "expected 'server' or 'client'"),
    ("messages a { client 1 M fast {} }", 1, "unknown attribute 'fast'"),
    ("messages a { client 1 M limit 3 { u32 x } }", 1, "below its smallest size"),
    ("messages a { client 1 M {} }\nchannel 1 c : b", 2, "unknown set of messages 'b'"),
    ("messages a { client 1 M {} }\nchannel 1 c : a", 2, "no limit for client messages"),
    ("messages a { client 1 M cap Z {} }\nchannel 1 c : a { limit client 9 }", 1, "no capability Z"),
    ("messages a { client 1 M {} }\nmessages b { client 1 N {} }\nchannel 1 c : a b { limit client 9 }", 3,
     "two client messages 1"),
    ("messages a { client 1 M { u32 x } }\nchannel 1 c : a { limit client 3 }", 2, "below its smallest size"),
    ("messages a { client 1 M {} }\nchannel 1 c : a {\n limit client N 3 }", 3, "has no client message N"),
    ("channel 1 a :\nchannel 1 b :", 2, "declared already"),
    ("family f u64 limit 1 { message 1 A {} }", 1, "ids are u8, u16 or u32"),
    ("family f u8 limit 1 { }", 1, "is empty"),
    ("nonsense", 1, "expected a declaration"),
    ("struct A {\n u8 x ## of x\n}", 2, "documentation stands before"),
    ("struct A { u8 x $ }", 1, "unexpected character '$'"),
]


class Good(unittest.TestCase):
    def setUp(self):
        self.d = description.read("small.wire", CHANNEL)

    def test_sizes(self):
        outer = self.d.structs["Outer"]
        # n, inner, f, p.w, maybe, c, words, three, pad
        self.assertEqual(outer.min_size, 4 + 0 + 1 + 2 + 4 + 1 + 4 + 24 + 2)
        self.assertEqual(outer.max_size, 4 + 9 * 3 + 1 + 2 + 2 * 65535 + 4 + 1 + 4 + 24 + 2)
        self.assertEqual(outer.pointers, 2)
        self.assertIsNone(self.d.families[1].messages[1].struct.max_size)

    def test_rows(self):
        rows = {(f.name, r.message.name): r for f in self.d.families for r in f.rows}
        self.assertEqual(sorted(rows), [("msg", "HELLO"), ("msg", "REST"), ("msgc", "BYE"), ("other", "THING")])
        self.assertEqual(rows["msg", "HELLO"].capability, 4)
        self.assertEqual(rows["msg", "HELLO"].max_body, 2**20)
        self.assertEqual(rows["msg", "REST"].max_body, 2048)
        self.assertEqual(rows["msgc", "BYE"].max_body, 20)

    def test_header(self):
        text = emit_header.header(self.d)
        for line in ("#define WIRE_MOST 9u", "WIRE_BIT_Y = 1u << 31,", "WIRE_MSG_ONE_HELLO = 1,",
                     "WIRE_MSGC_ONE_GONE = 9,", "uint64_t three[3];", "const WireInner *maybe;",
                     "WireU16Array words;", "uint8_t f; /* but this */", "WIRE_OTHER_THING = 5,",
                     "WIRE_CHANNEL_ONE = 3,"):
            self.assertIn(line, text)
        for absent in (" n;\n    WireInnerArray", "uint8_t c;", "WireMsgcOneGone"):
            self.assertNotIn(absent, text)

    def test_compiles(self):
        """The C of a description other than the real one."""
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "small.wire")
            with open(path, "w", encoding="utf-8") as file:
                file.write(CHANNEL)
            os.mkdir(os.path.join(folder, "wire"))
            names = ["messages.h", "random.h", "encode.c", "decode.c", "print.c", "tables.c", "random.c"]
            outputs = [os.path.join(folder, "wire", name) for name in names]
            run = subprocess.run([sys.executable, "-B", os.path.join(GENERATOR, "wiregen.py"), path] + outputs)
            self.assertEqual(run.returncode, 0)
            server = os.path.dirname(os.path.dirname(os.path.abspath(GENERATOR)))
            for source in outputs[2:]:
                subprocess.run(["cc", "-std=gnu17", "-Wall", "-Wextra", "-Werror", "-Wshadow", "-fsyntax-only",
                                "-Wno-unused-function", f"-I{folder}", f"-I{server}", source], check=True)


class Bad(unittest.TestCase):
    def test_bad(self):
        for text, line, message in BAD:
            with self.subTest(text):
                with self.assertRaises(WireError) as caught:
                    description.read("bad.wire", text)
                self.assertIn(message, str(caught.exception))
                self.assertTrue(str(caught.exception).startswith(f"bad.wire:{line}: error: "), caught.exception)

    def test_small_is_bad(self):
        with self.assertRaises(WireError) as caught:
            description.read("small.wire", SMALL)
        self.assertIn("small.wire:15: error: 'f2' is no earlier integer field", str(caught.exception))

    def test_truncated(self):
        """No prefix of the real description crashes the generator."""
        with open(DESCRIPTION, encoding="utf-8") as file:
            text = file.read()
        accepted = 0
        for end in range(0, len(text), 97):
            try:
                description.read("cut.wire", text[:end])
                accepted += 1
            except WireError:
                pass
        self.assertGreater(accepted, 0)

    def test_command(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "bad.wire")
            with open(path, "w", encoding="utf-8") as file:
                file.write("struct A {\n u9 x }\n")
            made = os.path.join(folder, "messages.h")
            run = subprocess.run([sys.executable, "-B", os.path.join(GENERATOR, "wiregen.py"), path, made],
                                 capture_output=True, text=True)
            self.assertEqual(run.returncode, 1)
            self.assertEqual(run.stderr, f"{path}:2: error: unknown type 'u9'\n")
            self.assertFalse(os.path.exists(made))


class Docs(unittest.TestCase):
    def test_protocol_table_is_current(self):
        with open(DESCRIPTION, encoding="utf-8") as file:
            expected = emit_docs.protocol(description.read(DESCRIPTION, file.read()))
        with open(DOCS, encoding="utf-8") as file:
            self.assertEqual(file.read(), expected, "run `ninja wire-docs`")


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
