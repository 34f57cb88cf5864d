# SPDX-License-Identifier: LGPL-2.1-or-later
"""tables.c and the fuzzers' dictionary"""

from c_text import BANNER, Lines
from model import SCALARS


def source(d):
    o = Lines()
    o.add('#include "wire/lookup.h"\n#include "wire/messages.h"\n')
    for f in d.families:
        ordinals = {id(m): i for i, m in enumerate(f.live)}
        o.add(f"static const WireRow rows_{f.name}[] = {{")
        for row in f.rows:
            m = row.message
            largest = m.struct.max_size
            o.add(f'    {{{{"{m.title}", {row.channel}, {m.id}, {m.struct.min_size}, '
                  f'{"WIRE_SIZE_UNBOUNDED" if largest is None else largest}, {row.max_body}, '
                  f"{row.capability}, {row.capability_absent}}}, {ordinals[id(m)]}}},")
        o.add("};")
        o.add(f"#define ROWS_{f.name.upper()} (sizeof(rows_{f.name}) / sizeof(rows_{f.name}[0]))")
        o.add()
        key = SCALARS[f.key][0]
        where = f"uint8_t channel, {key} type" if f.by_channel else f"{key} type"
        o.add(f"const WireMessageInfo *wire_{f.name}_info({where})\n{{")
        o.add(f"    return wire_row_find(rows_{f.name}, ROWS_{f.name.upper()}, "
              f"{'channel' if f.by_channel else '0'}, type);\n}}")
        o.add()
        o.add(f"size_t wire_{f.name}_count(void)\n{{\n    return ROWS_{f.name.upper()};\n}}")
        o.add()
        o.add(f"const WireMessageInfo *wire_{f.name}_at(size_t index)\n{{")
        o.add(f"    return index < ROWS_{f.name.upper()} ? &rows_{f.name}[index].info : NULL;\n}}")
        o.add()
    return BANNER + o.text()


def escaped(value, size):
    return "".join(f"\\x{byte:02x}" for byte in value.to_bytes(size, "little"))


def dictionary(d):
    """Type ids behind their channel, as the fuzz targets begin their input, and the values of enumerations."""
    lines = ["# Made from spice.wire by wiregen.py"]
    for f in d.families:
        for row in f.rows:
            size = SCALARS[f.key][1]
            lead = f"\\x{row.channel:02x}" if f.by_channel else ""
            lines.append(f'"{lead}{escaped(row.message.id, size)}"')
    values = sorted({e.value(number) for e in d.enums.values() for _, number in e.items}
                    | {value for _, value, _ in d.constants} | {2**31 - 1, 2**31, 2**32 - 1})
    for v in values:
        for size in (1, 2, 4):
            if v < 256**size:
                lines.append(f'"{escaped(v, size)}"')
    return "\n".join(dict.fromkeys(lines)) + "\n"
