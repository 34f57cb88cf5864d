# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the emitters of C share."""

from model import Bytes, FarItems, Items, Param, SCALARS, Scalar, Switch, When

BANNER = "/* SPDX-License-Identifier: LGPL-2.1-or-later */\n/* Made from spice.wire by wiregen.py; do not edit. */\n"


class Lines:
    def __init__(self):
        self.lines = []
        self.depth = 0

    def add(self, text=""):
        self.lines.append("    " * self.depth + text if text else "")

    def open(self, text):
        self.add(text + " {")
        self.depth += 1

    def begin(self, text="{"):
        """A line that opens a block by itself."""
        self.add(text)
        self.depth += 1

    def close(self, text="}"):
        self.depth -= 1
        self.add(text)

    def reopen(self, text):
        self.depth -= 1
        self.add(text)
        self.depth += 1

    def text(self):
        return "\n".join(self.lines) + "\n"


def params_c(struct):
    return "".join(f", {SCALARS[p.type][0]} {p.name}" for p in struct.params)


def args_c(node, base):
    return "".join(f", {value_c(a, base)}" for a in node.args)


def value_c(ref, base):
    return ref.name if isinstance(ref, Param) else f"{base}{ref.name}"


def expression_c(e, base):
    """In 64 bits; counts are the decoder's locals n_<name>."""
    kind = e[0]
    if kind == "num":
        return f"UINT64_C({e[1]})"
    if kind == "name":
        if isinstance(e[1], Scalar) and e[1].counts:
            return f"(uint64_t)n_{e[1].name}"
        return f"(uint64_t){value_c(e[1], base)}"
    if kind in ("add", "mul"):
        return f"({expression_c(e[1], base)} {'+' if kind == 'add' else '*'} {expression_c(e[2], base)})"
    if kind == "div":
        return f"({expression_c(e[1], base)} / {e[2]})"
    return f"({condition_c(e[1], base)} ? {expression_c(e[2], base)} : {expression_c(e[3], base)})"


def condition_c(c, base, context="context"):
    if c[0] == "given":
        return f"({context} & {c[1]}) != 0"
    value = value_c(c[1], base)
    if c[0] in ("has", "lacks"):
        return f"({value} & {c[2]}) {'!=' if c[0] == 'has' else '=='} 0"
    return f"{value} {c[0]} {c[2]}"


def is_counted(node):
    """Does a count field of the same struct say how long this is?"""
    return (isinstance(node, (Bytes, Items, FarItems)) and node.length is not None and node.length[0] == "name"
            and isinstance(node.length[1], Scalar) and node in node.length[1].counts)


def size_of(node, base):
    """C expression: how many elements the C struct holds."""
    return f"{base}{node.name}.len" if isinstance(node, Bytes) else f"{base}{node.name}.n"


def label(struct, node, is_message):
    return node.name if is_message else f"{struct.name}.{node.name}"


def each(nodes):
    for n in nodes:
        yield n
        if isinstance(n, When):
            yield from each(n.then + n.other)
        elif isinstance(n, Switch):
            yield from each([c[1] for c in n.cases])


def top_structs(d):
    """Every struct that has functions of its own: shared ones, then those of messages."""
    for s in d.structs.values():
        yield s, False, s.name
    for family in d.families:
        for m in family.live:
            yield m.struct, True, m.title


def comment(text):
    return f"/* {text} */" if text else ""


def enum_table(name):
    return f"names_{name}, sizeof(names_{name}) / sizeof(names_{name}[0])"
