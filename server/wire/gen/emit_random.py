# SPDX-License-Identifier: LGPL-2.1-or-later
"""random.h and random.c: random instances, and deep comparison, for tests."""

from c_text import (BANNER, Lines, args_c, condition_c, expression_c, is_counted, params_c, size_of, top_structs)
from model import At, Bytes, Far, FarItems, Items, Nested, Pad, SCALARS, Scalar, Switch, When


def header(d):
    o = Lines()
    o.add('#pragma once\n\n#include "wire/choose.h"\n#include "wire/messages.h"\n')
    o.add("/* False when there is no such message. The result lies in the arena of `r`. */")
    for f in d.families:
        key = SCALARS[f.key][0]
        where = f"uint8_t channel, {key} type" if f.by_channel else f"{key} type"
        o.add(f"bool wire_{f.name}_random(WireRandom *r, {where}, {f.c_type} *ret);")
        o.add(f"bool wire_{f.name}_equal(const {f.c_type} *a, const {f.c_type} *b);")
    for s in d.structs.values():
        if s.public:
            o.add(f"void wire_{s.fn}_random(WireRandom *r, {s.c_type} *ret);")
            o.add(f"bool wire_{s.fn}_equal(const {s.c_type} *a, const {s.c_type} *b);")
    return BANNER + o.text()


def scalar_value(n, d):
    enum = d.enums.get(n.enum) if n.enum else None
    c_type = SCALARS[n.type][0]
    if enum:
        values = ", ".join(f"{enum.value(v)}u" for _, v in enum.items)
        choose = "flags" if enum.is_flags else "enum"
        return f"({c_type})random_{choose}(r, (const uint32_t[]){{{values}}}, {len(enum.items)})"
    if n.in_expression:
        return f"({c_type})wire_random_below(r, 20)"
    return f"({c_type})wire_random_value(r)"


def longest(n):
    """How many elements the count of an array can say."""
    most = 400
    if is_counted(n):
        most = min(most, 2 ** (8 * SCALARS[n.length[1].type][1]) - 1)
    return min(most, n.maximum) if n.maximum is not None else most


def count_c(n, base):
    if is_counted(n) and n.length[1].counts[0] is not n:
        return size_of(n.length[1].counts[0], base)
    return None


def make(n, base, d, o):
    target = f"{base}{n.name}"
    least = 1 if getattr(n, "far", "") == "@!" else 0
    if isinstance(n, Scalar):
        if n.fixed:
            o.open(f"for (size_t i = 0; i < {n.fixed}; i++)")
            o.add(f"{target}[i] = ({SCALARS[n.type][0]})wire_random_value(r);")
            o.close()
        elif not n.counts:
            o.add(f"{target} = {scalar_value(n, d)};")
    elif isinstance(n, Bytes):
        if n.length is None or is_counted(n):
            length = count_c(n, base) or f"wire_random_length(r, {least}, {longest(n)})"
        else:
            length = expression_c(n.length, base)
        o.add(f"{target} = wire_random_bytes(r, {length});")
    elif isinstance(n, (Items, FarItems)):
        o.begin()
        o.add(f"const uint32_t n = {count_c(n, base) or f'{least} + wire_random_below(r, {min(longest(n), 11) + 1 - least})'};")
        o.add(f"{n.elem_c} *items = wire_random_room(r, n, sizeof(*items), _Alignof({n.elem_c}));")
        o.open("for (uint32_t i = 0; i < n; i++)")
        if isinstance(n, Items) and n.scalar:
            o.add(f"items[i] = ({n.elem_c})wire_random_value(r);")
        else:
            args = args_c(n, base) if isinstance(n, Items) else ""
            o.add(f"random_{n.struct.fn}(r, &items[i]{args});")
        o.close()
        o.add(f"{target} = ({n.array_c}){{items, n}};")
        o.close()
    elif isinstance(n, Nested):
        o.add(f"random_{n.struct.fn}(r, &{target}{args_c(n, base)});")
    elif isinstance(n, Far):
        o.begin("{" if n.required else "if (wire_random_below(r, 4) > 0) {")
        o.add(f"{n.struct.c_type} *pointee = wire_random_room(r, 1, sizeof(*pointee), _Alignof({n.struct.c_type}));")
        o.add(f"random_{n.struct.fn}(r, pointee);")
        o.add(f"{target} = pointee;")
        o.close()
    elif isinstance(n, When):
        o.open(f"if ({condition_c(n.condition, base, 'r->context')})")
        makes(n.then, base, d, o)
        if n.other:
            o.reopen("} else {")
            makes(n.other, base, d, o)
        o.close()
    elif isinstance(n, At):
        makes(n.fields, base, d, o)
    elif isinstance(n, Switch):
        switch(n, base, o, lambda inner: make(inner, f"{base}u.", d, o))


def switch(n, base, o, each):
    o.add(f"switch ({base}{n.on.name}) {{")
    for constants, inner in n.cases:
        for c in constants:
            o.add(f"case {c}:" + (" {" if c is constants[-1] else ""))
        o.depth += 1
        each(inner)
        o.add("break;")
        o.close()
    o.add("default:")
    o.add("    break;")
    o.add("}")


def makes(nodes, base, d, o):
    for n in nodes:
        make(n, base, d, o)


def differ(condition, o):
    o.open(f"if ({condition})")
    o.add("return false;")
    o.close()


def compare(n, a, b, o):
    x, y = f"{a}{n.name}", f"{b}{n.name}"
    if isinstance(n, Scalar):
        if n.fixed:
            differ(f"memcmp({x}, {y}, sizeof({x})) != 0", o)
        elif not n.counts:
            differ(f"{x} != {y}", o)
    elif isinstance(n, Bytes):
        differ(f"!wire_spans_equal({x}, {y})", o)
    elif isinstance(n, (Items, FarItems)):
        differ(f"{x}.n != {y}.n", o)
        o.open(f"for (uint32_t i = 0; i < {x}.n; i++)")
        if isinstance(n, Items) and n.scalar:
            differ(f"{x}.items[i] != {y}.items[i]", o)
        else:
            differ(f"!equal_{n.struct.fn}(&{x}.items[i], &{y}.items[i])", o)
        o.close()
    elif isinstance(n, Nested):
        differ(f"!equal_{n.struct.fn}(&{x}, &{y})", o)
    elif isinstance(n, Far):
        differ(f"!{x} != !{y} || ({x} && !equal_{n.struct.fn}({x}, {y}))", o)
    elif isinstance(n, When):
        for inner in n.then + n.other:  # what is absent is zero in both
            compare(inner, a, b, o)
    elif isinstance(n, At):
        for inner in n.fields:
            compare(inner, a, b, o)
    elif isinstance(n, Switch):
        switch(n, a, o, lambda inner: compare(inner, f"{a}u.", f"{b}u.", o))


def family(f, o):
    key = SCALARS[f.key][0]
    where = f"uint8_t channel, {key} type" if f.by_channel else f"{key} type"
    names = "channel, type" if f.by_channel else "type"
    o.add(f"bool wire_{f.name}_random(WireRandom *r, {where}, {f.c_type} *ret)\n{{")
    o.depth += 1
    o.add(f"const WireMessageInfo *info = wire_{f.name}_info({names});")
    o.add("(void)r; /* no message may have a body */")
    differ("!info", o)
    o.add("memset(ret, 0, sizeof(*ret));")
    if f.by_channel:
        o.add("ret->channel = channel;")
    o.add("ret->type = type;")
    o.add("switch (wire_row_message(info)) {")
    for i, m in enumerate(f.live):
        if not m.struct.is_empty:
            o.add(f"case {i}:")
            o.add(f"    random_{m.struct.fn}(r, &ret->u.{m.member});")
            o.add("    break;")
    o.add("default:\n        break;\n    }")
    o.add("return true;")
    o.close()
    o.add()
    o.add(f"bool wire_{f.name}_equal(const {f.c_type} *a, const {f.c_type} *b)\n{{")
    o.depth += 1
    member = "a->channel, a->type" if f.by_channel else "a->type"
    o.add(f"const WireMessageInfo *info = wire_{f.name}_info({member});")
    differ("!info || a->type != b->type" + (" || a->channel != b->channel" if f.by_channel else ""), o)
    o.add("switch (wire_row_message(info)) {")
    for i, m in enumerate(f.live):
        if not m.struct.is_empty:
            o.add(f"case {i}:")
            o.add(f"    return equal_{m.struct.fn}(&a->u.{m.member}, &b->u.{m.member});")
    o.add("default:\n        return true;\n    }")
    o.close()
    o.add()


HELPERS = """\
static uint32_t random_enum(WireRandom *r, const uint32_t *values, uint32_t n)
{
    return wire_random_below(r, 16) == 0 ? (uint32_t)wire_random_value(r) : values[wire_random_below(r, n)];
}

static uint32_t random_flags(WireRandom *r, const uint32_t *values, uint32_t n)
{
    uint32_t flags = wire_random_below(r, 16) == 0 ? (uint32_t)wire_random_value(r) : 0;
    for (uint32_t i = 0; i < n; i++) {
        flags |= wire_random_below(r, 2) == 0 ? values[i] : 0;
    }
    return flags;
}
"""


def source(d):
    o = Lines()
    o.add('#include "wire/lookup.h"\n#include "wire/random.h"\n')
    o.add(HELPERS)
    for s, _, _ in top_structs(d):
        if s.is_empty:
            continue
        o.add(f"static void random_{s.fn}(WireRandom *r, {s.c_type} *m{params_c(s)})\n{{")
        o.depth += 1
        makes(s.fields, "m->", d, o)
        o.close()
        o.add()
        o.add(f"static bool equal_{s.fn}(const {s.c_type} *a, const {s.c_type} *b)\n{{")
        o.depth += 1
        for n in s.fields:
            compare(n, "a->", "b->", o)
        o.add("return true;")
        o.close()
        o.add()
        if s.public:
            o.add(f"void wire_{s.fn}_random(WireRandom *r, {s.c_type} *ret)\n{{")
            o.add("    memset(ret, 0, sizeof(*ret));")
            o.add(f"    random_{s.fn}(r, ret);\n}}")
            o.add()
            o.add(f"bool wire_{s.fn}_equal(const {s.c_type} *a, const {s.c_type} *b)\n{{")
            o.add(f"    return equal_{s.fn}(a, b);\n}}")
            o.add()
    for f in d.families:
        family(f, o)
    return BANNER + o.text()
