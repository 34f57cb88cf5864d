# SPDX-License-Identifier: LGPL-2.1-or-later
"""The description as objects: what description.py reads and the emitters write from.

A Struct is a C struct and its layout on the wire. A Message is a Struct with a type id. A Family is a set of
messages that one decode function tells apart: msg, msgc (by channel and type), agent, stream_dev, migrate.
"""

import re
from dataclasses import dataclass, field
from typing import Optional

SCALARS = {  # name: (C type, bytes)
    "u8": ("uint8_t", 1),
    "u16": ("uint16_t", 2),
    "u32": ("uint32_t", 4),
    "u64": ("uint64_t", 8),
    "i16": ("int16_t", 2),
    "i32": ("int32_t", 4),
    "i64": ("int64_t", 8),
    "b32": ("uint32_t", 4),  # big-endian
}
U32_MAX = 2**32 - 1
U64_MAX = 2**64 - 1
POINTERS_MAX = 7  # per message; the reader's budget and the writer's queue are made for it


class WireError(Exception):
    def __init__(self, where, message):
        self.where = where
        super().__init__(f"{where[0]}:{where[1]}: error: {message}")


def camel(upper):
    return "".join(part.capitalize() for part in upper.split("_"))


def snake(name):
    spaced = re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", name)
    return spaced.lower()


@dataclass(eq=False)
class Enum:
    name: str
    is_flags: bool
    items: list  # of (name, number)
    doc: str = ""
    unprefixed: bool = False

    def c_name(self, item):
        return f"WIRE_{self.name.upper()}_{item}"

    def value(self, number):
        return 1 << number if self.is_flags else number


@dataclass(eq=False)
class Node:
    """Anything between the braces of a struct."""

    name: str
    where: tuple
    doc: str


@dataclass(eq=False)
class Scalar(Node):
    type: str = ""
    enum: Optional[str] = None
    fixed: int = 0  # T[4]: a C array
    counts: list = field(default_factory=list)  # the arrays that this field counts; then it is no C field
    in_expression: bool = False

    @property
    def bytes(self):
        return SCALARS[self.type][1] * (self.fixed or 1)


@dataclass(eq=False)
class Param:
    name: str
    type: str
    enum: Optional[str]


@dataclass(eq=False)
class Bytes(Node):
    length: Optional[tuple] = None  # an expression; None: until the end
    far: str = ""  # "", "@" or "@!"
    maximum: Optional[int] = None


@dataclass(eq=False)
class Items(Node):
    scalar: str = ""
    struct: Optional["Struct"] = None
    args: list = field(default_factory=list)
    length: Optional[tuple] = None
    far: str = ""
    maximum: Optional[int] = None

    @property
    def elem_c(self):
        return SCALARS[self.scalar][0] if self.scalar else self.struct.c_type

    @property
    def array_c(self):
        return f"Wire{self.scalar.upper() if self.scalar else self.struct.name}Array"

    @property
    def elem_min(self):
        return SCALARS[self.scalar][1] if self.scalar else self.struct.min_size

    @property
    def elem_max(self):
        return SCALARS[self.scalar][1] if self.scalar else self.struct.max_size


@dataclass(eq=False)
class Nested(Node):
    struct: "Struct" = None
    args: list = field(default_factory=list)


@dataclass(eq=False)
class Far(Node):
    struct: "Struct" = None
    required: bool = False


@dataclass(eq=False)
class FarItems(Node):
    struct: "Struct" = None
    length: tuple = None
    maximum: Optional[int] = None

    @property
    def array_c(self):
        return f"Wire{self.struct.name}Array"

    @property
    def elem_c(self):
        return self.struct.c_type


@dataclass(eq=False)
class Pad(Node):
    bytes: int = 0


@dataclass(eq=False)
class When(Node):
    condition: tuple = None
    then: list = field(default_factory=list)
    other: list = field(default_factory=list)


@dataclass(eq=False)
class Switch(Node):
    on: Scalar = None
    enum: Enum = None
    cases: list = field(default_factory=list)  # of ([C constants], node)


@dataclass(eq=False)
class At(Node):
    """A block elsewhere in the body whose offset is written here; its fields belong to the same C struct."""

    fields: list = field(default_factory=list)


def add(a, b):
    """Sizes; None is more than any message."""
    return None if a is None or b is None or a + b > U32_MAX else a + b


def expression_max(e):
    kind = e[0]
    if kind == "num":
        return e[1]
    if kind == "name":
        return 2 ** (8 * SCALARS[e[1].type][1]) - 1
    if kind == "add":
        return expression_max(e[1]) + expression_max(e[2])
    if kind == "mul":
        return expression_max(e[1]) * expression_max(e[2])
    if kind == "div":
        return expression_max(e[1]) // e[2]
    return max(expression_max(e[2]), expression_max(e[3]))  # "if"


def expression_min(e):
    return e[1] if e[0] == "num" else 0


def fields_size(nodes, largest):
    """Bytes of the inline part: smallest, or largest (None: unbounded)."""
    total = 0
    for n in nodes:
        if isinstance(n, (Scalar, Pad)):
            size = n.bytes
        elif isinstance(n, (Far, At)):
            size = 4
        elif isinstance(n, Nested):
            size = n.struct.max_size if largest else n.struct.min_size
        elif isinstance(n, When):
            both = [fields_size(n.then, largest), fields_size(n.other, largest)]
            size = (None if None in both else max(both)) if largest else min(both)
        elif isinstance(n, Switch):
            each = [fields_size([c[1]], largest) for c in n.cases] + [0]
            size = (None if None in each else max(each)) if largest else min(each)
        elif n.far if isinstance(n, (Bytes, Items)) else False:
            size = 4
        elif n.length is None:
            size = None if largest else 0
        else:
            elem = 1 if isinstance(n, Bytes) else 4 if isinstance(n, FarItems) else None
            if elem is None:
                elem = n.elem_max if largest else n.elem_min
            count = expression_max(n.length) if largest else expression_min(n.length)
            if largest and n.maximum is not None:
                count = min(count, n.maximum)
            size = None if elem is None or elem * count > U32_MAX else elem * count
        total = add(total, size)
    return total


def fields_pointers(nodes):
    """How many regions elsewhere in the body the nodes can reach; FarItems are bounded by the reader's budget."""
    total = 0
    for n in nodes:
        if isinstance(n, Far):
            total += 1 + n.struct.pointers
        elif isinstance(n, At):
            total += 1
        elif isinstance(n, FarItems):
            total += 1
        elif isinstance(n, (Bytes, Items)) and n.far:
            total += 1
        elif isinstance(n, Nested):
            total += n.struct.pointers
        elif isinstance(n, When):
            total += max(fields_pointers(n.then), fields_pointers(n.other))
        elif isinstance(n, Switch):
            total += max([fields_pointers([c[1]]) for c in n.cases] + [0])
    return total


def fields_have_rest(nodes):
    for n in nodes:
        if isinstance(n, (Bytes, Items)) and n.length is None:
            return True
        if isinstance(n, Nested) and n.struct.has_rest:
            return True
        if isinstance(n, When) and (fields_have_rest(n.then) or fields_have_rest(n.other)):
            return True
        if isinstance(n, Switch) and any(fields_have_rest([c[1]]) for c in n.cases):
            return True
    return False


@dataclass(eq=False)
class Struct:
    name: str
    where: tuple
    doc: str = ""
    fields: list = field(default_factory=list)
    params: list = field(default_factory=list)
    public: bool = False
    located: bool = False

    @property
    def c_type(self):
        return f"Wire{self.name}"

    @property
    def fn(self):
        return snake(self.name)

    @property
    def min_size(self):
        return fields_size(self.fields, False)

    @property
    def max_size(self):
        return fields_size(self.fields, True)

    @property
    def pointers(self):
        return fields_pointers(self.fields)

    @property
    def has_rest(self):
        return fields_have_rest(self.fields)

    @property
    def is_empty(self):
        return not self.fields


@dataclass(eq=False)
class Message:
    struct: Struct
    name: str  # PING
    id: int
    direction: str  # "server", "client" or ""
    constant: str  # WIRE_MSG_PING
    title: str  # MSG_PING
    member: str  # of the union: ping
    set: str = ""
    cap: Optional[str] = None
    nocap: Optional[str] = None
    limit: Optional[int] = None
    exact: bool = False
    reserved: bool = False


@dataclass(eq=False)
class Channel:
    id: int
    name: str
    where: tuple
    sets: list
    caps: Optional[Enum] = None
    limits: dict = field(default_factory=dict)  # (direction, message name or None): bytes


@dataclass(eq=False)
class Row:
    """One line of a family's table."""

    message: Message
    channel: int
    capability: int
    capability_absent: int
    max_body: int


@dataclass(eq=False)
class Family:
    name: str  # msg, msgc, agent, ...
    key: str  # scalar type of the id
    by_channel: bool
    messages: list = field(default_factory=list)
    rows: list = field(default_factory=list)
    limit: int = 0
    doc: str = ""

    @property
    def c_type(self):
        return f"Wire{camel(self.name.upper())}"

    @property
    def live(self):
        return [m for m in self.messages if not m.reserved]


@dataclass(eq=False)
class Description:
    path: str
    constants: list = field(default_factory=list)  # of (name, value, doc)
    enums: dict = field(default_factory=dict)
    structs: dict = field(default_factory=dict)
    sets: dict = field(default_factory=dict)  # name: [Message]
    channels: list = field(default_factory=list)
    contexts: list = field(default_factory=list)
    families: list = field(default_factory=list)

    def family(self, name):
        return next(f for f in self.families if f.name == name)
