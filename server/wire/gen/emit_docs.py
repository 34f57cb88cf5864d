# SPDX-License-Identifier: LGPL-2.1-or-later
"""docs/protocol.md: the description as tables."""

from model import At, Bytes, Far, FarItems, Items, Nested, Pad, Scalar, Switch, When


HEAD = """\
<!-- SPDX-License-Identifier: LGPL-2.1-or-later -->
<!-- Made from server/wire/spice.wire (`ninja wire-docs`); do not edit. -->

# The SPICE protocol, as Sumac speaks it

All integers are little-endian and nothing is padded. `T[n]` are n of T, `T[*]` as many as fit until the end of the
message. `@T` is a u32 offset of a T, counted from the start of the body; 0 means absent, and is an error for `@!T`.
`{condition: fields}` are there only if the condition holds. *size* is the inline part in bytes (`+`: at least),
*limit* the largest body that is accepted.
"""


def expression(e):
    kind = e[0]
    if kind == "num":
        return str(e[1])
    if kind == "name":
        return e[1].name
    if kind in ("add", "mul"):
        return f"{expression(e[1])} {'+' if kind == 'add' else '×'} {expression(e[2])}"
    if kind == "div":
        return f"({expression(e[1])}) / {e[2]}"
    return f"({condition(e[1])} ? {expression(e[2])} : {expression(e[3])})"


def condition(c):
    if c[0] == "given":
        return c[1].removeprefix("WIRE_CONTEXT_")
    return f"{c[1].name} {c[0]} {c[2].removeprefix('WIRE_')}"


def field(n):
    if isinstance(n, Scalar):
        return f"{n.type}{f'[{n.fixed}]' if n.fixed else ''} {n.name}{f' ({n.enum})' if n.enum else ''}"
    if isinstance(n, Pad):
        return f"{n.bytes} zero bytes"
    if isinstance(n, Nested):
        return f"{n.struct.name} {n.name}"
    if isinstance(n, Far):
        return f"@{'!' if n.required else ''}{n.struct.name} {n.name}"
    if isinstance(n, FarItems):
        return f"(@!{n.struct.name})[{expression(n.length)}] {n.name}"
    if isinstance(n, When):
        other = f" {{else: {fields(n.other)}}}" if n.other else ""
        return f"{{{condition(n.condition)}: {fields(n.then)}}}{other}"
    if isinstance(n, At):
        return f"u32 {n.name} → {{{fields(n.fields)}}}"
    if isinstance(n, Switch):
        cases = ("/".join(c.removeprefix(f"WIRE_{n.enum.name.upper()}_") for c in constants) + ": " + field(inner)
                 for constants, inner in n.cases)
        return f"{{by {n.on.name}: {'; '.join(cases)}}}"
    kind = "u8" if isinstance(n, Bytes) else n.scalar or n.struct.name
    length = "*" if n.length is None else expression(n.length)
    most = f" ≤ {n.maximum}" if n.maximum is not None else ""
    return f"{n.far}{kind}[{length}{most}] {n.name}"


def fields(nodes):
    return ", ".join(field(n) for n in nodes) or "–"


def notes(struct):
    """Documentation of the struct and of its fields."""
    found = [struct.doc] if struct.doc else []

    def walk(nodes):
        for n in nodes:
            if n.doc:
                found.append(f"{n.name}: {n.doc}")
            if isinstance(n, When):
                walk(n.then + n.other)
            elif isinstance(n, Switch):
                walk([c[1] for c in n.cases])

    walk(struct.fields)
    return "; ".join(found)


def size(struct):
    return f"{struct.min_size}{'' if struct.min_size == struct.max_size else '+'}"


def gate(m):
    return m.cap or (f"not {m.nocap}" if m.nocap else "")


def amount(n):
    for unit, name in ((2**20, "MiB"), (2**10, "KiB")):
        if n % unit == 0:
            return f"{n // unit} {name}"
    return str(n)


def table(title, rows, out):
    """`rows` are pairs of a message and its limit; without limits the column is left out."""
    limits = any(limit is not None for _, limit in rows)
    head = ["id", "name", "size", "limit", "needs", "body", "notes"]
    if not limits:
        head.remove("limit")
    if rows:
        out += ["", title, "", f"| {' | '.join(head)} |", "|" + "--|" * len(head)]
    for m, limit in rows:
        cells = [str(m.id), m.name, size(m.struct)] + ([amount(limit)] if limits else [])
        cells += [gate(m), fields(m.struct.fields), notes(m.struct)]
        out.append(f"| {' | '.join(cells)} |")


def protocol(d):
    out = [HEAD, "## Structures", "", "| structure | size | layout | notes |", "|--|--|--|--|"]
    for s in d.structs.values():
        out.append(f"| {s.name} | {size(s)} | {fields(s.fields)} | {notes(s)} |")
    base = d.channels[0].sets[0] if d.channels and d.channels[0].sets else None
    out += ["", "## Every channel"]
    for name, title in (("msg", "Server to client:"), ("msgc", "Client to server:")):
        table(title, [(m, None) for m in d.family(name).live if m.set == base], out)
    for c in d.channels:
        out += ["", f"## Channel {c.id}: {c.name}"]
        if not c.sets:
            out += ["", "No messages are defined."]
        if c.caps:
            caps = ", ".join(f"{n} {item}" for item, n in c.caps.items)
            out += ["", f"Capabilities: {caps}."]
        for name, title in (("msg", "Server to client:"), ("msgc", "Client to server:")):
            rows = [r for r in d.family(name).rows if r.channel == c.id]
            table(title, [(r.message, r.max_body) for r in rows if r.message.set != base], out)
            limits = sorted({(r.message.name, amount(r.max_body)) for r in rows if r.message.set == base})
            if limits:
                listed = {}
                for message, limit in limits:
                    listed.setdefault(limit, []).append(message)
                text = "; ".join(f"{', '.join(v)}: {k}" for k, v in listed.items())
                out += ["", f"Limits of the messages of every channel, {title[:-1].lower()}: {text}."]
    for f in d.families:
        if not f.by_channel:
            table(f"## {f.name}", [(r.message, r.max_body) for r in f.rows], out)
    out += ["", "## Values", "", "| enumeration | values |", "|--|--|"]
    for e in d.enums.values():
        values = ", ".join(f"{'bit ' if e.is_flags else ''}{n} {item}" for item, n in e.items)
        out.append(f"| {e.name} | {values} |")
    return "\n".join(out) + "\n"
