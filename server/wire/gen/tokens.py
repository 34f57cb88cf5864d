# SPDX-License-Identifier: LGPL-2.1-or-later
"""Cuts a description into words, marks and line ends."""

import re

from model import WireError

TOKEN = re.compile(r"(?P<space>[ \t\r]+)|(?P<doc>##[^\n]*)|(?P<comment>#[^\n]*)|(?P<end>[\n;])"
                   r"|(?P<word>[A-Za-z0-9_]+)|(?P<mark>==|!=|@!|[{}()\[\]:=@*+/?])|(?P<bad>.)")
NUMBER = re.compile(r"(0x[0-9a-fA-F]+|[0-9]+[KM]?)\Z")


class Tokens:
    def __init__(self, path, text):
        self.path = path
        self.list = []  # (kind, text, line)
        self.at = 0
        line = 1
        depth = 0  # inside () and [] a line end means nothing
        for match in TOKEN.finditer(text):
            kind, word = match.lastgroup, match.group()
            if kind == "bad":
                raise WireError((path, line), f"unexpected character '{word}'")
            if kind == "mark":
                depth += (word in "([") - (word in ")]")
            if kind not in ("space", "comment") and not (kind == "end" and depth > 0):
                self.list.append((kind, word, line))
            if word == "\n":
                line += 1
        self.list.append(("eof", "end of file", line))

    @property
    def where(self):
        return (self.path, self.list[self.at][2])

    def peek(self, ahead=0):
        return self.list[min(self.at + ahead, len(self.list) - 1)][1]

    def kind(self):
        return self.list[self.at][0]

    def fail(self, message, where=None):
        raise WireError(where or self.where, message)

    def next(self):
        token = self.list[self.at]
        if token[0] != "eof":
            self.at += 1
        return token[1]

    def accept(self, text):
        if self.kind() in ("mark", "word") and self.peek() == text:
            self.at += 1
            return True
        return False

    def expect(self, text):
        if not self.accept(text):
            self.fail(f"expected '{text}', found '{self.shown()}'")

    def shown(self):
        return "end of line" if self.kind() == "end" else self.peek()

    def word(self, what):
        if self.kind() != "word" or NUMBER.match(self.peek()):
            self.fail(f"expected {what}, found '{self.shown()}'")
        return self.next()

    def number(self, what, constants):
        text = self.peek()
        if self.kind() == "word" and text in constants:
            self.at += 1
            return constants[text]
        if self.kind() != "word" or not NUMBER.match(text):
            self.fail(f"expected {what}, found '{self.shown()}'")
        self.at += 1
        scale = {"K": 2**10, "M": 2**20}.get(text[-1], 1) if not text.startswith("0x") else 1
        return int(text.rstrip("KM"), 0 if text.startswith("0x") else 10) * scale

    def doc(self):
        """Skips line ends; returns the documentation that stands before the next thing."""
        lines = []
        while self.kind() in ("end", "doc"):
            if self.kind() == "doc":
                lines.append(self.peek()[2:].strip())
            self.at += 1
        return " ".join(lines)

    def finish(self):
        if self.kind() == "doc":
            self.fail("documentation stands before what it describes")
        if self.kind() == "end":
            self.at += 1
        elif self.peek() != "}" and self.kind() != "eof":
            self.fail(f"unexpected '{self.peek()}'")
