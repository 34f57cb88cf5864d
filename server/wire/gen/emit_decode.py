# SPDX-License-Identifier: LGPL-2.1-or-later
"""decode.c"""

from c_text import (BANNER, Lines, args_c, condition_c, each, expression_c, label, params_c, top_structs)
from model import At, Bytes, Far, FarItems, Items, Nested, Pad, SCALARS, Scalar, Switch, When


class Emitter:
    def __init__(self, struct, is_message, o):
        self.s = struct
        self.is_message = is_message
        self.o = o

    def label(self, n):
        return f'"{label(self.s, n, self.is_message)}"'

    def check(self, call):
        self.o.open(f"if (!{call})")
        self.o.add("return false;")
        self.o.close()

    def fields(self, nodes, base="m->"):
        for n in nodes:
            self.field(n, base)

    def field(self, n, base):
        o = self.o
        name = self.label(n)
        if isinstance(n, Scalar):
            if n.fixed:
                o.open(f"for (size_t i = 0; i < {n.fixed}; i++)")
                self.check(f"wire_read_{n.type}(r, {name}, &{base}{n.name}[i])")
                o.close()
            elif n.counts:
                o.add(f"{SCALARS[n.type][0]} n_{n.name};")
                self.check(f"wire_read_{n.type}(r, {name}, &n_{n.name})")
            else:
                self.check(f"wire_read_{n.type}(r, {name}, &{base}{n.name})")
        elif isinstance(n, Pad):
            self.check(f'wire_read_skip(r, "padding", {n.bytes})')
        elif isinstance(n, Nested):
            self.check(f"read_{n.struct.fn}(r, &{base}{n.name}{args_c(n, base)})")
        elif isinstance(n, Bytes):
            self.bytes(n, base)
        elif isinstance(n, Items):
            self.items(n, base)
        elif isinstance(n, Far):
            self.far(n, base)
        elif isinstance(n, FarItems):
            self.far_items(n, base)
        elif isinstance(n, When):
            o.open(f"if ({condition_c(n.condition, base, 'r->context')})")
            self.fields(n.then, base)
            if n.other:
                o.reopen("} else {")
                self.fields(n.other, base)
            o.close()
        elif isinstance(n, Switch):
            o.add(f"switch ({base}{n.on.name}) {{")
            for constants, inner in n.cases:
                for c in constants:
                    o.add(f"case {c}:" + (" {" if c is constants[-1] else ""))
                o.depth += 1
                self.field(inner, f"{base}u.")
                o.add("break;")
                o.close()
            o.add("default:")
            o.add("    break;")
            o.add("}")
        else:
            self.at(n, base)

    def maximum(self, n, count):
        if n.maximum is not None:
            self.o.open(f"if ({count} > {n.maximum}u)")
            self.o.add(f'return wire_refuse(r, STATUS_PEER_FAULT, {self.label(n)}, "is longer than allowed", {count});')
            self.o.close()

    def bytes(self, n, base):
        name = self.label(n)
        target = f"&{base}{n.name}"
        if n.length is None:
            self.check(f"wire_read_rest(r, {name}, {target})")
            return
        count = expression_c(n.length, base)
        self.maximum(n, count)
        if n.far:
            required = "true" if n.far == "@!" else "false"
            self.check(f"wire_read_far_bytes(r, {name}, {count}, {required}, {target})")
        else:
            self.check(f"wire_read_bytes(r, {name}, {count}, {target})")

    def items(self, n, base):
        """n.length elements; those elsewhere in the body behind an offset."""
        o = self.o
        name = self.label(n)
        count = f"(r->len - r->at) / {n.elem_min}" if n.length is None else expression_c(n.length, base)
        self.maximum(n, count)
        o.begin()
        o.add(f"const uint64_t n = {count};")
        if n.far:
            o.add("size_t offset;")
            self.check(f"wire_read_offset(r, {name}, {'true' if n.far == '@!' else 'false'}, &offset)")
            o.open("if (n > 0 && offset == 0)")
            o.add(f'return wire_refuse(r, STATUS_PEER_FAULT, {name}, "is a null pointer to some elements", n);')
            o.close()
            if n.far == "@!":
                o.open("if (n == 0)")
                o.add(f'return wire_refuse(r, STATUS_PEER_FAULT, {name}, "is empty", 0);')
                o.close()
        o.open("if (n > 0)")
        if n.far:
            o.add("const size_t back = r->at;")
            o.add("r->at = offset;")
        self.elements(n, base)
        if n.far:
            o.add("r->at = back;")
        o.close()
        o.close()

    def elements(self, n, base):
        o = self.o
        name = self.label(n)
        o.add(f"{n.elem_c} *items = wire_read_room(r, {name}, n, {n.elem_min}, sizeof(*items), "
              f"_Alignof({n.elem_c}));")
        self.check("items")
        o.open("for (uint64_t i = 0; i < n; i++)")
        if n.scalar:
            self.check(f"wire_read_{n.scalar}(r, {name}, &items[i])")
        else:
            self.check(f"read_{n.struct.fn}(r, &items[i]{args_c(n, base)})")
        o.close()
        o.add(f"{base}{n.name} = ({n.array_c}){{items, (uint32_t)n}};")

    def far(self, n, base):
        o = self.o
        name = self.label(n)
        o.begin()
        o.add("size_t offset;")
        self.check(f"wire_read_offset(r, {name}, {'true' if n.required else 'false'}, &offset)")
        o.open("if (offset != 0)")
        o.add("const size_t back = r->at;")
        o.add("r->at = offset;")
        o.add(f"{n.struct.c_type} *pointee = wire_read_room(r, {name}, 1, {max(1, n.struct.min_size)}, "
              f"sizeof(*pointee), _Alignof({n.struct.c_type}));")
        o.open(f"if (!pointee || !read_{n.struct.fn}(r, pointee))")
        o.add("return false;")
        o.close()
        o.add(f"{base}{n.name} = pointee;")
        o.add("r->at = back;")
        o.close()
        o.close()

    def far_items(self, n, base):
        o = self.o
        name = self.label(n)
        count = expression_c(n.length, base)
        self.maximum(n, count)
        o.open(f"if ({count} > 0)")
        o.add(f"const uint64_t n = {count};")
        o.add(f"{n.elem_c} *items = wire_read_room(r, {name}, n, 4, sizeof(*items), _Alignof({n.elem_c}));")
        self.check("items")
        o.open("for (uint64_t i = 0; i < n; i++)")
        o.add("size_t offset;")
        self.check(f"wire_read_offset(r, {name}, true, &offset)")
        o.add("const size_t back = r->at;")
        o.add("r->at = offset;")
        self.check(f"read_{n.struct.fn}(r, &items[i])")
        o.add("r->at = back;")
        o.close()
        o.add(f"{base}{n.name} = ({n.array_c}){{items, (uint32_t)n}};")
        o.close()

    def at(self, n, base):
        """Without elements the offset is ignored; else it lies behind the fixed part (section 1.3)."""
        o = self.o
        name = self.label(n)
        o.add(f"uint32_t at_{n.name};")
        self.check(f"wire_read_u32(r, {name}, &at_{n.name})")
        for inner in n.fields:
            self.maximum(inner, expression_c(inner.length, base))
        o.open(f"if ({' || '.join(expression_c(i.length, base) + ' > 0' for i in n.fields)})")
        o.open(f"if (at_{n.name} < {self.s.min_size} || at_{n.name} >= r->len)")
        o.add(f'return wire_refuse(r, STATUS_PEER_FAULT, {name}, "points out of bounds", at_{n.name});')
        o.close()
        o.add("const size_t back = r->at;")
        o.add(f"r->at = at_{n.name};")
        for inner in n.fields:
            o.open(f"if ({expression_c(inner.length, base)} > 0)")
            o.add(f"const uint64_t n = {expression_c(inner.length, base)};")
            self.elements(inner, base)
            o.close()
        o.add("r->at = back;")
        o.close()


def proportion(s, o):
    """WIRE_ARENA_BYTES() promises 8 bytes of arena for each byte of the body."""
    for n in each(s.fields):
        if isinstance(n, Items) and not n.scalar:
            c_type, least = n.elem_c, n.elem_min
        elif isinstance(n, (Far, FarItems)):
            c_type, least = n.struct.c_type, 4 + n.struct.min_size
        else:
            continue
        o.add(f'_Static_assert(sizeof({c_type}) <= WIRE_ARENA_BYTES({least}) - WIRE_ARENA_BYTES(0), "{n.name}");')


def struct(s, is_message, o):
    proportion(s, o)
    o.add(f"static bool read_{s.fn}(WireReader *r, {s.c_type} *m{params_c(s)})\n{{")
    o.depth += 1
    Emitter(s, is_message, o).fields(s.fields)
    o.add("return true;")
    o.close()
    o.add()


def entry(s, o):
    where = "Span body, uint32_t offset" if s.located else "Span bytes"
    span = "body" if s.located else "bytes"
    o.add(f"Status wire_{s.fn}_decode({where}, WireArena *arena, {s.c_type} *ret, WireFault *fault)\n{{")
    o.depth += 1
    o.add("WireReader r;")
    o.add(f"{s.c_type} m = {{0}};")
    o.open(f'if (!wire_reader_init(&r, {span}, arena, 0, "{s.name}", fault))')
    o.add("return r.status;")
    o.close()
    if s.located:
        o.open("if (offset >= r.len)")
        o.add('wire_refuse(&r, STATUS_PEER_FAULT, "offset", "points past the end", offset);')
        o.add("return r.status;")
        o.close()
        o.add("r.at = offset;")
    o.open(f"if (!read_{s.fn}(&r, &m))")
    o.add("return r.status;")
    o.close()
    o.add("*ret = m;")
    o.add("return STATUS_OK;")
    o.close()
    o.add()


def dispatcher(f, o):
    key = SCALARS[f.key][0]
    where = f"uint8_t channel, {key} type" if f.by_channel else f"{key} type"
    names = "channel, type" if f.by_channel else "type"
    context = "" if f.by_channel else ", uint32_t context"
    o.add(f"Status wire_{f.name}_decode({where}, Span body{context}, WireArena *arena, {f.c_type} *ret, "
          "WireFault *fault)\n{")
    o.depth += 1
    o.add("WireReader r;")
    o.add(f"const WireMessageInfo *info = wire_{f.name}_info({names});")
    o.open(f"if (!wire_reader_init(&r, body, arena, {'0' if f.by_channel else 'context'}, "
           f'info ? info->name : "{f.name}", fault))')
    o.add("return r.status;")
    o.close()
    o.open("if (!info)")
    o.add('wire_refuse(&r, STATUS_PEER_FAULT, "type", "is unknown", type);')
    o.add("return r.status;")
    o.close()
    o.open("if (body.len > info->max_body)")
    o.add('wire_refuse(&r, STATUS_PEER_FAULT, "size", "is above the limit", body.len);')
    o.add("return r.status;")
    o.close()
    o.add(f"{f.c_type} m;")
    o.add("memset(&m, 0, sizeof(m));")
    if f.by_channel:
        o.add("m.channel = channel;")
    o.add("m.type = type;")
    o.add("bool ok = true;")
    o.add("bool exact = false;")
    o.add("switch (wire_row_message(info)) {")
    for i, m in enumerate(f.live):
        if m.struct.is_empty and not m.exact:
            continue
        o.add(f"case {i}:")
        o.depth += 1
        if not m.struct.is_empty:
            o.add(f"ok = read_{m.struct.fn}(&r, &m.u.{m.member});")
        if m.exact:
            o.add("exact = true;")
        o.add("break;")
        o.depth -= 1
    o.add("default: /* empty bodies */")
    o.add("    break;")
    o.add("}")
    o.open("if (ok && exact && r.at != r.len)")
    o.add('ok = wire_refuse(&r, STATUS_PEER_FAULT, "size", "has bytes too many", r.len - r.at);')
    o.close()
    o.open("if (!ok)")
    o.add("return r.status;")
    o.close()
    o.add("*ret = m;")
    o.add("return STATUS_OK;")
    o.close()
    o.add()


def source(d):
    o = Lines()
    o.add('#include "wire/lookup.h"\n#include "wire/messages.h"\n#include "wire/read.h"\n')
    for s, is_message, _ in top_structs(d):
        if not s.is_empty:
            struct(s, is_message, o)
        if s.public:
            entry(s, o)
    for f in d.families:
        dispatcher(f, o)
    return BANNER + o.text()
