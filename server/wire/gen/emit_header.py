# SPDX-License-Identifier: LGPL-2.1-or-later
"""messages.h: constants, structs and prototypes."""

from c_text import BANNER, Lines, comment
from model import (At, Bytes, Far, FarItems, Items, Nested, Pad, SCALARS, Scalar, Switch, When, camel, snake)


def constants(d, o):
    for name, value, doc in d.constants:
        o.add(f"#define WIRE_{name} {value}u {comment(doc)}".rstrip())
    for enum in d.enums.values():
        if enum.unprefixed:
            continue  # a family's ids come with the family
        o.add()
        if enum.doc:
            o.add(comment(enum.doc))
        o.open("enum")
        for item, number in enum.items:
            value = f"1u << {number}" if enum.is_flags else str(number)
            o.add(f"{enum.c_name(item)} = {value},")
        o.close("};")
    for family in d.families:
        o.add()
        o.open("enum")
        for m in sorted(family.messages, key=lambda m: m.set):
            o.add(f"{m.constant} = {m.id},")
        o.close("};")
    if d.contexts:
        o.add()
        o.open("enum")
        for i, name in enumerate(d.contexts):
            o.add(f"WIRE_CONTEXT_{name} = 1u << {i},")
        o.close("};")
    o.add()
    for s in d.structs.values():
        o.add(f"#define WIRE_{snake(s.name).upper()}_BYTES {s.min_size}u"
              + ("" if s.min_size == s.max_size else " /* at least */"))


def fields(nodes, o):
    for n in nodes:
        note = f" {comment(n.doc)}" if n.doc else ""
        if isinstance(n, Scalar):
            if not n.counts:
                o.add(f"{SCALARS[n.type][0]} {n.name}{f'[{n.fixed}]' if n.fixed else ''};{note}")
        elif isinstance(n, Bytes):
            o.add(f"Span {n.name};{note}")
        elif isinstance(n, (Items, FarItems)):
            o.add(f"{n.array_c} {n.name};{note}")
        elif isinstance(n, Nested):
            o.add(f"{n.struct.c_type} {n.name};{note}")
        elif isinstance(n, Far):
            o.add(f"const {n.struct.c_type} *{n.name};{note}")
        elif isinstance(n, When):
            fields(n.then, o)
            fields(n.other, o)
        elif isinstance(n, At):
            fields(n.fields, o)
        elif isinstance(n, Switch):
            o.open("union")
            fields([c[1] for c in n.cases], o)
            o.close("} u;")


def arrays_in(nodes):
    for n in nodes:
        if isinstance(n, (Items, FarItems)):
            yield n
        elif isinstance(n, When):
            yield from arrays_in(n.then)
            yield from arrays_in(n.other)
        elif isinstance(n, At):
            yield from arrays_in(n.fields)


def struct(s, o, arrays):
    for n in arrays_in(s.fields):
        if n.array_c not in arrays:
            arrays.add(n.array_c)
            o.open(f"typedef struct {n.array_c}")
            o.add(f"const {n.elem_c} *items;")
            o.add("uint32_t n;")
            o.close(f"}} {n.array_c};")
            o.add()
    if s.doc:
        o.add(comment(s.doc))
    o.open(f"typedef struct {s.c_type}")
    fields(s.fields, o)
    if s.is_empty:
        o.add("uint8_t unused; /* the body is empty */")
    o.close(f"}} {s.c_type};")
    o.add()


def family(f, o):
    fn = f"wire_{f.name}"
    key = SCALARS[f.key][0]
    where = f"uint8_t channel, {key} type" if f.by_channel else f"{key} type"
    context = "" if f.by_channel else ", uint32_t context"
    if f.doc:
        o.add(comment(f.doc))
    o.open(f"typedef struct {f.c_type}")
    if f.by_channel:
        o.add("uint8_t channel; /* base messages: any channel that has them */")
    o.add(f"{key} type;")
    o.open("union")
    for m in f.live:
        if not m.struct.is_empty:
            o.add(f"{m.struct.c_type} {m.member};")
    o.close("} u;")
    o.close(f"}} {f.c_type};")
    o.add()
    o.add(f"Status {fn}_decode({where}, Span body{context}, WireArena *arena, {f.c_type} *ret,")
    o.add(" " * len(f"Status {fn}_decode(") + "WireFault *fault) STATUS_MUST_CHECK;")
    o.add(f"void {fn}_encode(WireOut *out, const {f.c_type} *m);")
    o.add(f"size_t {fn}_print(const {f.c_type} *m, char *buf, size_t cap);")
    o.add(f"const WireMessageInfo *{fn}_info({where});")
    o.add(f"size_t {fn}_count(void);")
    o.add(f"const WireMessageInfo *{fn}_at(size_t index); /* in the order of channel and type */")
    o.add()
    for m in f.live:
        o.add(f"void wire_{m.struct.fn}_encode(WireOut *out, const {m.struct.c_type} *m);")
    o.add()


def header(d):
    o = Lines()
    o.add("#pragma once\n")
    o.add('#include "wire/arena.h"\n#include "wire/info.h"\n#include "wire/out.h"\n')
    constants(d, o)
    o.add()
    arrays = set()
    for s in d.structs.values():
        struct(s, o, arrays)
    for f in d.families:
        for m in f.live:
            struct(m.struct, o, arrays)
    o.add("/* Structures that stand alone. Decoding reads from the start and ignores what follows; `arena` may be")
    o.add(" * NULL for those without arrays of integers or structures. */")
    for s in d.structs.values():
        if s.public:
            where = "Span body, uint32_t offset" if s.located else "Span bytes"
            o.add(f"Status wire_{s.fn}_decode({where}, WireArena *arena, {s.c_type} *ret, WireFault *fault)")
            o.add("    STATUS_MUST_CHECK;")
            o.add(f"void wire_{s.fn}_encode(WireOut *out, const {s.c_type} *m);")
            o.add(f"size_t wire_{s.fn}_print(const {s.c_type} *m, char *buf, size_t cap);")
    o.add()
    for f in d.families:
        family(f, o)
    o.add("/* The name of a value, or NULL. */")
    for enum in d.enums.values():
        if not enum.is_flags and enum.name != "channel":
            o.add(f"const char *wire_{enum.name}_name(uint64_t value);")
    o.add("/* As users write it: \"main\". */")
    o.add("const char *wire_channel_name(uint64_t type);")
    return BANNER + o.text()
