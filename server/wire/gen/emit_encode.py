# SPDX-License-Identifier: LGPL-2.1-or-later
"""encode.c"""

from c_text import (BANNER, Lines, args_c, condition_c, each, expression_c, is_counted, params_c, size_of, top_structs)
from model import At, Bytes, Far, FarItems, Items, Nested, Pad, SCALARS, Scalar, Switch, When


def put_scalar(kind, value):
    unsigned = "u" + kind[1:] if kind.startswith("i") else kind
    cast = "" if kind == unsigned else f"({SCALARS[unsigned][0]})"
    return f"wire_put_{unsigned}(w, {cast}{value});"


def count_max(node, kind):
    return min(2 ** (8 * SCALARS[kind][1]) - 1, node.maximum if node.maximum is not None else 2**64 - 1)


def elements(node, base, o):
    if isinstance(node, Bytes):
        o.add(f"wire_put_span(w, {base}{node.name});")
        return
    o.open(f"for (uint32_t i = 0; i < {base}{node.name}.n; i++)")
    if node.scalar:
        o.add(put_scalar(node.scalar, f"{base}{node.name}.items[i]"))
    else:
        o.add(f"write_{node.struct.fn}(w, &{base}{node.name}.items[i]{args_c(node, base)});")
    o.close()


def field(n, base, o):
    if isinstance(n, Scalar):
        if n.fixed:
            o.open(f"for (size_t i = 0; i < {n.fixed}; i++)")
            o.add(put_scalar(n.type, f"{base}{n.name}[i]"))
            o.close()
        elif n.counts:
            first = n.counts[0]
            value = f"wire_put_count(w, {size_of(first, base)}, UINT64_C({count_max(first, n.type)}))"
            o.add(f"wire_put_{n.type}(w, ({SCALARS[n.type][0]}){value});")
        else:
            o.add(put_scalar(n.type, f"{base}{n.name}"))
    elif isinstance(n, Pad):
        o.add(f"wire_put_zeros(w, {n.bytes});")
    elif isinstance(n, Nested):
        o.add(f"write_{n.struct.fn}(w, &{base}{n.name}{args_c(n, base)});")
    elif isinstance(n, Far):
        pointer(f"{base}{n.name}", f"{base}{n.name}", f"far_{n.struct.fn}", n.required, o)
    elif isinstance(n, FarItems):
        o.add(f"wire_put_far_each(w, far_each_{n.struct.fn}, &{base}{n.name}, {base}{n.name}.n);")
    elif isinstance(n, When):
        o.open(f"if ({condition_c(n.condition, base, 'w->out->context')})")
        for inner in n.then:
            field(inner, base, o)
        if n.other:
            o.reopen("} else {")
            for inner in n.other:
                field(inner, base, o)
        o.close()
    elif isinstance(n, Switch):
        o.add(f"switch ({base}{n.on.name}) {{")
        for constants, inner in n.cases:
            for c in constants:
                o.add(f"case {c}:")
            o.depth += 1
            field(inner, f"{base}u.", o)
            o.add("break;")
            o.depth -= 1
        o.add("default:")
        o.add("    break;")
        o.add("}")
    else:
        sequence(n, base, o)


def pointer(present, pointee, write, required, o):
    o.open(f"if ({present})")
    o.add(f"wire_put_far(w, {write}, {pointee});")
    o.reopen("} else {")
    o.add("wire_put_fail(w);" if required else "wire_put_u32(w, 0);")
    o.close()


def sequence(n, base, o):
    """Bytes and Items."""
    if n.maximum is not None and not is_counted(n):
        o.add(f"(void)wire_put_count(w, {size_of(n, base)}, UINT64_C({n.maximum}));")
    if is_counted(n) and n.length[1].counts[0] is not n:  # the count was taken from another array
        o.open(f"if ({size_of(n, base)} != {size_of(n.length[1].counts[0], base)})")
        o.add("wire_put_fail(w);")
        o.close()
    if n.far:
        write = "wire_far_bytes" if isinstance(n, Bytes) else f"far_{array_fn(n)}"
        pointer(f"{size_of(n, base)} > 0", f"&{base}{n.name}", write, n.far == "@!", o)
    elif isinstance(n, Bytes) and n.length and n.length[0] == "num":
        o.add(f"wire_put_fixed(w, {base}{n.name}, {n.length[1]});")
    elif isinstance(n, Bytes) and n.length and not is_counted(n):
        o.add(f"wire_put_exactly(w, {base}{n.name}, {expression_c(n.length, base)});")
    else:
        elements(n, base, o)


def array_fn(n):
    return f"{n.scalar or n.struct.fn}_array"


def far_body(n, o):
    """What is written where the pointer `n` points; `w`, `patch` and `pointee` are there."""
    if isinstance(n, Far):
        o.add("wire_put_patch(w, patch);")
        o.add(f"write_{n.struct.fn}(w, pointee);")
        return
    o.add(f"const {n.array_c} *array = pointee;")
    if isinstance(n, Items):
        o.add("wire_put_patch(w, patch);")
    o.open("for (uint32_t i = 0; i < array->n; i++)")
    if isinstance(n, FarItems):
        o.add("wire_put_patch(w, patch + 4 * (size_t)i);")
    if isinstance(n, Items) and n.scalar:
        o.add(put_scalar(n.scalar, "array->items[i]"))
    else:
        o.add(f"write_{n.struct.fn}(w, &array->items[i]);")
    o.close()


def far_functions(s, o, made):
    """The functions that write pointees of `s`."""
    for n in each(s.fields):
        if isinstance(n, Far):
            name = f"far_{n.struct.fn}"
        elif isinstance(n, Items) and n.far:
            name = f"far_{array_fn(n)}"
        elif isinstance(n, FarItems):
            name = f"far_each_{n.struct.fn}"
        else:
            continue
        if name not in made:
            made.add(name)
            o.add(f"static void {name}(WireWriter *w, size_t patch, const void *pointee)\n{{")
            o.depth += 1
            far_body(n, o)
            o.close()
            o.add()


def at_function(s, n, o):
    o.add(f"static void far_{s.fn}_{n.name}(WireWriter *w, size_t patch, const void *pointee)\n{{")
    o.depth += 1
    o.add(f"const {s.c_type} *m = pointee;")
    o.add("wire_put_patch(w, patch);")
    for inner in n.fields:
        elements(inner, "m->", o)
    o.close()
    o.add()


def struct(s, o, made):
    far_functions(s, o, made)
    for n in s.fields:
        if isinstance(n, At):
            at_function(s, n, o)
    o.add(f"static void write_{s.fn}(WireWriter *w, const {s.c_type} *m{params_c(s)})\n{{")
    o.depth += 1
    for n in s.fields:
        if isinstance(n, At):
            o.add(f"wire_put_far(w, far_{s.fn}_{n.name}, m);")
        else:
            field(n, "m->", o)
    o.close()
    o.add()


def entry(s, o):
    o.add(f"void wire_{s.fn}_encode(WireOut *out, const {s.c_type} *m)\n{{")
    o.depth += 1
    if s.is_empty:
        o.add("(void)out;")
        o.add("(void)m;")
    else:
        o.add("WireWriter w;")
        o.add("wire_writer_init(&w, out);")
        o.add(f"write_{s.fn}(&w, m);")
        if s.pointers:
            o.add("wire_writer_finish(&w);")
    o.close()
    o.add()


def dispatcher(f, o):
    o.add(f"void wire_{f.name}_encode(WireOut *out, const {f.c_type} *m)\n{{")
    o.depth += 1
    where = "m->channel, m->type" if f.by_channel else "m->type"
    o.add(f"const WireMessageInfo *info = wire_{f.name}_info({where});")
    o.open("if (!info)")
    o.add("out->failed = true;")
    o.add("return;")
    o.close()
    o.add("switch (wire_row_message(info)) {")
    for i, m in enumerate(f.live):
        if not m.struct.is_empty:
            o.add(f"case {i}:")
            o.add(f"    wire_{m.struct.fn}_encode(out, &m->u.{m.member});")
            o.add("    break;")
    o.add("default: /* empty bodies */")
    o.add("    break;")
    o.add("}")
    o.close()
    o.add()


def source(d):
    o = Lines()
    o.add('#include "wire/lookup.h"\n#include "wire/messages.h"\n#include "wire/write.h"\n')
    made = set()
    for s, _, _ in top_structs(d):
        if not s.is_empty:
            struct(s, o, made)
        if s.public or s.c_type.startswith("WireMsg") or any(m.struct is s for f in d.families for m in f.live):
            entry(s, o)
    for f in d.families:
        dispatcher(f, o)
    return BANNER + o.text()
