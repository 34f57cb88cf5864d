# SPDX-License-Identifier: LGPL-2.1-or-later
"""Lengths, conditions and the names they may use."""

from model import Param, Scalar, U64_MAX, expression_max
from tokens import NUMBER


class Scope:
    """The names that an expression may use: parameters and earlier fields."""

    def __init__(self, parent=None):
        self.parent = parent
        self.names = {}

    def find(self, name):
        return self.names.get(name) or (self.parent.find(name) if self.parent else None)


class Expressions:
    """The part of the parser that reads them; `t` are its tokens, `d` the description, `constants` the numbers."""

    def reference(self, scope):
        where = self.t.where
        name = self.t.word("a field")
        found = scope.find(name)
        if not isinstance(found, (Scalar, Param)) or (isinstance(found, Scalar) and found.fixed):
            self.t.fail(f"'{name}' is no earlier integer field", where)
        if found.type.startswith("i"):
            self.t.fail(f"'{name}' is signed", where)
        if isinstance(found, Scalar):
            if found.counts:
                self.t.fail(f"'{name}' is a count and cannot be used otherwise", where)
            found.in_expression = True
        return found

    def condition(self, scope):
        t = self.t
        if t.accept("given"):
            where = t.where
            name = t.word("a context")
            if name not in self.d.contexts:
                t.fail(f"unknown context '{name}'", where)
            return ("given", f"WIRE_CONTEXT_{name}")
        ref = self.reference(scope)
        where = t.where
        operator = t.next()
        enum = self.d.enums.get(ref.enum or "")
        if operator not in ("has", "lacks", "==", "!="):
            t.fail(f"expected has, lacks, == or !=, found '{operator}'", where)
        if enum is None or enum.is_flags != (operator in ("has", "lacks")):
            t.fail(f"'{ref.name}' has no enumeration that fits '{operator}'", where)
        item = t.next()
        if item not in dict(enum.items):
            t.fail(f"{enum.name} has no {item}", where)
        return (operator, ref, enum.c_name(item))

    def length(self, scope):
        """After '[': an expression or '*', perhaps 'max N', and ']'."""
        t = self.t
        where = t.where
        if t.accept("*"):
            t.expect("]")
            return None, None
        if t.kind() == "word" and t.peek(1) in ("]", "max"):  # one word: a count, or a constant
            found = scope.find(t.peek())
            if isinstance(found, Scalar) and not found.fixed:
                t.next()
                if found.type.startswith("i"):
                    t.fail(f"'{found.name}' is signed", where)
                if found.in_expression:
                    t.fail(f"'{found.name}' is used otherwise and cannot be a count", where)
                e = ("name", found)
            elif t.peek() in self.constants or NUMBER.match(t.peek()):
                e = ("num", t.number("a number", self.constants))
                if e[1] == 0:
                    t.fail("an array of nothing", where)
            else:
                t.fail(f"'{t.peek()}' is no earlier integer field", where)
        else:
            e = self.sum(scope)
            if expression_max(e) > U64_MAX:
                t.fail("this length can exceed 64 bits", where)
        maximum = t.number("a number", self.constants) if t.accept("max") else None
        t.expect("]")
        return e, maximum

    def sum(self, scope):
        e = self.product(scope)
        while self.t.accept("+"):
            e = ("add", e, self.product(scope))
        return e

    def product(self, scope):
        t = self.t
        e = self.term(scope)
        while True:
            if t.accept("*"):
                e = ("mul", e, self.term(scope))
            elif t.accept("/"):
                divisor = t.number("a number", self.constants)
                if divisor == 0:
                    t.fail("a division by zero")
                e = ("div", e, divisor)
            else:
                return e

    def term(self, scope):
        t = self.t
        if t.accept("("):
            e = self.choice(scope)
            t.expect(")")
            return e
        if t.kind() == "word" and (t.peek() in self.constants or NUMBER.match(t.peek())):
            return ("num", t.number("a number", self.constants))
        return ("name", self.reference(scope))

    def choice(self, scope):
        """a condition with '?' and ':', or a sum; only inside parentheses."""
        t = self.t
        if t.peek(1) in ("has", "lacks", "==", "!="):
            condition = self.condition(scope)
            t.expect("?")
            yes = self.sum(scope)
            t.expect(":")
            return ("if", condition, yes, self.choice(scope))
        return self.sum(scope)
