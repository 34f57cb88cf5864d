# SPDX-License-Identifier: LGPL-2.1-or-later
"""print.c"""

from c_text import BANNER, Lines, condition_c, enum_table, top_structs
from model import At, Bytes, Far, FarItems, Items, Nested, Pad, Scalar, Switch, When


def value(n, expression, d, o):
    """Prints one integer."""
    enum = d.enums.get(n.enum) if isinstance(n, Scalar) and n.enum else None
    kind = n.type if isinstance(n, Scalar) else n.scalar
    if enum:
        o.add(f"wire_text_{'flags' if enum.is_flags else 'enum'}(t, {enum_table(enum.name)}, {expression});")
    else:
        o.add(f"wire_text_{'i' if kind.startswith('i') else 'u'}64(t, {expression});")


def nested(struct, expression, o):
    o.add('wire_text_add(t, "{");')
    o.add(f"print_{struct.fn}(t, {expression});")
    o.add('wire_text_add(t, " }");')


def array(n, expression, d, o):
    o.add(f"wire_text_u64(t, {expression}.n);")
    o.add('wire_text_add(t, ":[");')
    o.open(f"for (uint32_t i = 0; i < {expression}.n && i < WIRE_TEXT_ITEMS_MAX; i++)")
    if isinstance(n, Items) and n.scalar:
        o.add('wire_text_add(t, i > 0 ? "," : "");')
        value(n, f"{expression}.items[i]", d, o)
    else:
        nested(n.struct, f"&{expression}.items[i]", o)
    o.close()
    o.add(f'wire_text_add(t, {expression}.n > WIRE_TEXT_ITEMS_MAX ? "..]" : "]");')


def field(n, base, d, o):
    name = f'wire_text_field(t, "{n.name}");'
    if isinstance(n, Scalar):
        if n.fixed:
            o.add(name)
            o.open(f"for (size_t i = 0; i < {n.fixed}; i++)")
            o.add('wire_text_add(t, i > 0 ? "," : "");')
            value(n, f"{base}{n.name}[i]", d, o)
            o.close()
        elif not n.counts:
            o.add(name)
            value(n, f"{base}{n.name}", d, o)
    elif isinstance(n, Bytes):
        o.add(name)
        o.add(f"wire_text_bytes(t, {base}{n.name});")
    elif isinstance(n, (Items, FarItems)):
        o.add(name)
        array(n, f"{base}{n.name}", d, o)
    elif isinstance(n, Nested):
        o.add(name)
        nested(n.struct, f"&{base}{n.name}", o)
    elif isinstance(n, Far):
        o.add(name)
        o.open(f"if ({base}{n.name})")
        nested(n.struct, f"{base}{n.name}", o)
        o.reopen("} else {")
        o.add('wire_text_add(t, "null");')
        o.close()
    elif isinstance(n, When):
        if n.condition[0] == "given":  # a printer knows no context; what is absent is zero
            fields(n.then + n.other, base, d, o)
            return
        o.open(f"if ({condition_c(n.condition, base)})")
        fields(n.then, base, d, o)
        if n.other:
            o.reopen("} else {")
            fields(n.other, base, d, o)
        o.close()
    elif isinstance(n, At):
        fields(n.fields, base, d, o)
    elif isinstance(n, Switch):
        o.add(f"switch ({base}{n.on.name}) {{")
        for constants, inner in n.cases:
            for c in constants:
                o.add(f"case {c}:")
            o.depth += 1
            field(inner, f"{base}u.", d, o)
            o.add("break;")
            o.depth -= 1
        o.add("default:")
        o.add("    break;")
        o.add("}")


def fields(nodes, base, d, o):
    for n in nodes:
        if not isinstance(n, Pad):
            field(n, base, d, o)


def source(d):
    o = Lines()
    o.add('#include "wire/lookup.h"\n#include "wire/messages.h"\n#include "wire/text.h"\n')
    for enum in d.enums.values():
        o.add(f"static const WireName names_{enum.name}[] = {{")
        for item, number in enum.items:
            o.add(f'    {{{enum.value(number)}u, "{item}"}},')
        o.add("};")
        o.add()
    for s, _, _ in top_structs(d):
        if not s.is_empty:
            o.add(f"static void print_{s.fn}(WireText *t, const {s.c_type} *m)\n{{")
            o.depth += 1
            fields(s.fields, "m->", d, o)
            o.close()
            o.add()
        if s.public:
            o.add(f"size_t wire_{s.fn}_print(const {s.c_type} *m, char *buf, size_t cap)\n{{")
            o.add("    WireText t;")
            o.add("    wire_text_init(&t, buf, cap);")
            o.add(f'    wire_text_add(&t, "{s.name}");')
            o.add(f"    print_{s.fn}(&t, m);")
            o.add("    return t.len;\n}")
            o.add()
    for f in d.families:
        where = "m->channel, m->type" if f.by_channel else "m->type"
        o.add(f"size_t wire_{f.name}_print(const {f.c_type} *m, char *buf, size_t cap)\n{{")
        o.depth += 1
        o.add("WireText t;")
        o.add("wire_text_init(&t, buf, cap);")
        o.add(f"const WireMessageInfo *info = wire_{f.name}_info({where});")
        o.open("if (!info)")
        o.add(f'wire_text_add(&t, "unknown {f.name}");')
        if f.by_channel:
            o.add('wire_text_field(&t, "channel");')
            o.add("wire_text_u64(&t, m->channel);")
        o.add('wire_text_field(&t, "type");')
        o.add("wire_text_u64(&t, m->type);")
        o.add("return t.len;")
        o.close()
        o.add("wire_text_add(&t, info->name);")
        o.add("switch (wire_row_message(info)) {")
        for i, m in enumerate(f.live):
            if not m.struct.is_empty:
                o.add(f"case {i}:")
                o.add(f"    print_{m.struct.fn}(&t, &m->u.{m.member});")
                o.add("    break;")
        o.add("default: /* empty bodies */")
        o.add("    break;")
        o.add("}")
        o.add("return t.len;")
        o.close()
        o.add()
    for enum in d.enums.values():
        if enum.name == "channel":
            continue
        if not enum.is_flags:
            o.add(f"const char *wire_{enum.name}_name(uint64_t value)\n{{")
            o.add(f"    return wire_name_find({enum_table(enum.name)}, value);\n}}")
            o.add()
    o.add("const char *wire_channel_name(uint64_t type)\n{")
    o.depth += 1
    o.add("switch (type) {")
    for channel in d.channels:
        o.add(f"case {channel.id}:")
        o.add(f'    return "{channel.name}";')
    o.add("default:")
    o.add("    return NULL;")
    o.add("}")
    o.close()
    return BANNER + o.text()
