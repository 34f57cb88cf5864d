# SPDX-License-Identifier: LGPL-2.1-or-later
"""Reads a description (LANGUAGE.md) into model.Description, or raises WireError with file and line.

Names are declared before they are used, so structures cannot be recursive: the depth of every message is bounded
by the description itself.
"""

from expressions import Expressions, Scope
from model import (At, Bytes, Channel, Description, Enum, Far, FarItems, Family, Items, Message, Nested, POINTERS_MAX,
                   Pad, Param, Row, SCALARS, Scalar, Struct, Switch, U32_MAX, When, WireError, camel, snake)
from tokens import NUMBER, Tokens

C_WORDS = set("auto break case char const continue default do double else enum extern float for goto if int long "
              "register return short signed sizeof static struct switch typedef union unsigned void volatile "
              "while inline u".split())
LOCALS = set("a b back i items m n offset o pointee r t w".split())  # of generated functions


class Parser(Expressions):
    def __init__(self, path, text):
        self.t = Tokens(path, text)
        self.d = Description(path)
        self.constants = {}
        self.c_names = {}  # every C constant, to refuse doubles
        self.enum_uses = []  # (where, name), checked at the end
        self.context_line = None

    # ---- declarations

    def parse(self):
        t = self.t
        readers = {"const": self.const, "enum": self.enum, "flags": self.enum, "struct": self.struct,
                   "messages": self.messages, "channel": self.channel, "context": self.context,
                   "family": self.family}
        while True:
            doc = t.doc()
            if t.kind() == "eof":
                break
            keyword = t.peek()
            if keyword not in readers:
                t.fail(f"expected a declaration, found '{keyword}'")
            readers[keyword](doc)
        self.channel_families()
        for where, name in self.enum_uses:
            if name not in self.d.enums:
                raise WireError(where, f"unknown enumeration '{name}'")
        return self.d

    def claim(self, c_name, where):
        if c_name in self.c_names:
            raise WireError(where, f"'{c_name}' was declared in line {self.c_names[c_name]} already")
        self.c_names[c_name] = where[1]

    def const(self, doc):
        t = self.t
        t.next()
        where = t.where
        name = t.word("a name")
        t.expect("=")
        self.claim(f"WIRE_{name}", where)
        value = t.number("a number", self.constants)
        if value > U32_MAX:
            t.fail("a constant has at most 32 bits", where)
        self.constants[name] = value
        self.d.constants.append((name, value, doc))
        t.finish()

    def enum(self, doc):
        t = self.t
        is_flags = t.next() == "flags"
        where = t.where
        name = t.word("a name")
        enum = self.new_enum(name, is_flags, doc, where)
        t.expect("{")
        seen = {}
        while True:
            t.doc()
            if t.accept("}"):
                break
            where = t.where
            if t.kind() != "word":
                t.fail(f"expected a name, found '{t.shown()}'")
            item = t.next()
            t.expect("=")
            number = t.number("a number", {})
            if number in seen:
                t.fail(f"{item} has the number of {seen[number]}", where)
            if number > (31 if is_flags else 2**31 - 1):
                t.fail(f"{item}: {number} is too large", where)
            seen[number] = item
            self.claim(enum.c_name(item), where)
            enum.items.append((item, number))
            t.finish()
        if not enum.items:
            t.fail(f"'{name}' is empty", where)

    def new_enum(self, name, is_flags, doc, where):
        if name in self.d.enums:
            raise WireError(where, f"the enumeration '{name}' was declared already")
        self.d.enums[name] = Enum(name, is_flags, [], doc)
        return self.d.enums[name]

    def context(self, doc):
        t = self.t
        t.next()
        if self.d.contexts:
            t.fail("there is a context already")
        t.expect("{")
        while True:
            t.doc()
            if t.accept("}"):
                break
            where = t.where
            name = t.word("a name")
            self.claim(f"WIRE_CONTEXT_{name}", where)
            self.d.contexts.append(name)
            t.finish()

    def struct(self, doc):
        t = self.t
        t.next()
        where = t.where
        name = t.word("a name")
        if name in self.d.structs:
            t.fail(f"the structure '{name}' was declared already", where)
        struct = Struct(name, where, doc)
        scope = Scope()
        if t.accept("("):
            while not t.accept(")"):
                kind = t.next()
                if kind not in SCALARS:
                    t.fail(f"a parameter is an integer, not '{kind}'")
                param_where = t.where
                param = Param(t.word("a name"), kind, None)
                if param.name in C_WORDS | LOCALS:
                    t.fail(f"'{param.name}' cannot be a parameter's name", param_where)
                if t.accept(":"):
                    param.enum = self.enum_name()
                struct.params.append(param)
                scope.names[param.name] = param
        while t.peek() != "{":
            attribute = t.word("'{'")
            if attribute not in ("public", "located"):
                t.fail(f"unknown attribute '{attribute}'")
            setattr(struct, attribute, True)
        self.body(struct, scope)
        if struct.is_empty:
            t.fail(f"the structure '{name}' is empty", where)
        if struct.public and struct.params:
            t.fail("a public structure has no parameters", where)
        self.d.structs[name] = struct
        self.claim(f"WIRE_{snake(name).upper()}_BYTES", where)

    def message(self, struct_name, owner, direction, constant_prefix, title_prefix, member_prefix, doc):
        t = self.t
        where = t.where
        number = t.number("a type id", {})
        name = t.word("the message's name")
        struct = Struct(struct_name(name), where, doc)
        m = Message(struct, name, number, direction, f"{constant_prefix}{name}", f"{title_prefix}{name}",
                    f"{member_prefix}{name.lower()}", owner)
        self.claim(m.constant, where)
        while t.peek() != "{" and t.kind() == "word":
            attribute = t.next()
            if attribute == "cap":
                m.cap = t.word("a capability")
            elif attribute == "nocap":
                m.nocap = t.word("a capability")
            elif attribute == "limit":
                m.limit = t.number("a limit in bytes", self.constants)
            elif attribute in ("exact", "reserved"):
                setattr(m, attribute, True)
            else:
                t.fail(f"unknown attribute '{attribute}'")
        if m.reserved:
            t.finish()
            return m
        self.body(struct, Scope())
        if struct.pointers > POINTERS_MAX:
            t.fail(f"{name} reaches {struct.pointers} regions, more than {POINTERS_MAX}", where)
        if m.limit is not None and m.limit < struct.min_size:
            t.fail(f"the limit of {name} is below its smallest size, {struct.min_size}", where)
        return m

    def add_message(self, messages, m):
        for other in messages:
            if other.direction == m.direction and other.id == m.id:
                raise WireError(m.struct.where, f"{m.name} has the id of {other.name}")
        messages.append(m)

    def messages(self, doc):
        t = self.t
        t.next()
        where = t.where
        name = t.word("a name")
        if name in self.d.sets:
            t.fail(f"the set '{name}' was declared already", where)
        prefixed = not t.accept("unprefixed")
        t.expect("{")
        messages = self.d.sets[name] = []
        while True:
            doc = t.doc()
            if t.accept("}"):
                break
            direction = t.next()
            if direction not in ("server", "client"):
                t.fail(f"expected 'server' or 'client', found '{direction}'")
            kind = "MSG" if direction == "server" else "MSGC"
            upper = f"{kind}_{name.upper()}_" if prefixed else f"{kind}_"
            member = f"{name}_" if prefixed else ""
            self.add_message(messages, self.message(lambda n, u=upper: camel(u + n), name, direction,
                                                    f"WIRE_{upper}", upper, member, doc))

    def channel(self, doc):
        t = self.t
        t.next()
        where = t.where
        number = t.number("a channel type", {})
        name = t.word("a name")
        if "channel" not in self.d.enums:
            self.new_enum("channel", False, "", where)
        for other in self.d.channels:
            if other.id == number or other.name == name:
                t.fail(f"the channel {other.id} {other.name} was declared already", where)
        self.claim(f"WIRE_CHANNEL_{name.upper()}", where)
        self.d.enums["channel"].items.append((name.upper(), number))
        channel = Channel(number, name, where, [])
        self.d.channels.append(channel)
        t.expect(":")
        while t.kind() == "word" and t.peek() != "caps":
            set_where = t.where
            one = t.word("a set of messages")
            if one not in self.d.sets:
                t.fail(f"unknown set of messages '{one}'", set_where)
            channel.sets.append(one)
        if t.accept("caps"):
            caps_where = t.where
            caps = t.word("an enumeration")
            if caps not in self.d.enums:
                t.fail(f"unknown enumeration '{caps}'", caps_where)
            channel.caps = self.d.enums[caps]
        if not t.accept("{"):
            t.finish()
            return
        while True:
            t.doc()
            if t.accept("}"):
                break
            t.expect("limit")
            limit_where = t.where
            direction = t.next()
            message = None
            if t.kind() == "word" and not NUMBER.match(t.peek()):
                message = t.next()
            if direction not in ("server", "client"):
                t.fail(f"expected 'server' or 'client', found '{direction}'", limit_where)
            if message and not any(m.name == message and m.direction == direction
                                   for s in channel.sets for m in self.d.sets[s]):
                t.fail(f"{name} has no {direction} message {message}", limit_where)
            channel.limits[direction, message] = t.number("a limit in bytes", self.constants)
            t.finish()

    def channel_families(self):
        for name, direction in (("msg", "server"), ("msgc", "client")):
            family = Family(name, "u16", True)
            for messages in self.d.sets.values():
                family.messages += [m for m in messages if m.direction == direction]
            for channel in sorted(self.d.channels, key=lambda c: c.id):
                family.rows += self.channel_rows(channel, direction)
            self.d.families.append(family)

    def channel_rows(self, channel, direction):
        rows = []
        for name in channel.sets:
            for m in self.d.sets[name]:
                if m.direction != direction or m.reserved:
                    continue
                if any(r.message.id == m.id for r in rows):
                    raise WireError(channel.where, f"{channel.name} has two {direction} messages {m.id}")
                limits = [channel.limits.get((direction, m.name)), m.limit, channel.limits.get((direction, None))]
                limit = next((v for v in limits if v is not None), None)
                if limit is None:
                    raise WireError(channel.where, f"{channel.name} has no limit for {direction} messages")
                if limit < m.struct.min_size:
                    raise WireError(channel.where, f"the limit of {m.name} is below its smallest size")
                rows.append(Row(m, channel.id, self.capability(channel, m, m.cap),
                                self.capability(channel, m, m.nocap), limit))
        return sorted(rows, key=lambda r: r.message.id)

    def capability(self, channel, m, name):
        if name is None:
            return -1
        for item, number in channel.caps.items if channel.caps else []:
            if item == name:
                return number
        raise WireError(m.struct.where, f"{channel.name} has no capability {name}")

    def family(self, doc):
        t = self.t
        t.next()
        where = t.where
        name = t.word("a name")
        key = t.next()
        if key not in ("u8", "u16", "u32"):
            t.fail(f"a family's ids are u8, u16 or u32, not '{key}'", where)
        if any(f.name == name for f in self.d.families) or name in ("msg", "msgc"):
            t.fail(f"the family '{name}' was declared already", where)
        family = Family(name, key, False, doc=doc)
        t.expect("limit")
        family.limit = t.number("a limit in bytes", self.constants)
        t.expect("{")
        ids = []
        while True:
            doc = t.doc()
            if t.accept("}"):
                break
            t.expect("message")
            m = self.message(lambda n: f"{camel(name.upper())}{camel(n)}", name, "", f"WIRE_{name.upper()}_",
                             f"{name.upper()}_", "", doc)
            self.add_message(family.messages, m)
            family.rows.append(Row(m, 0, -1, -1, m.limit or family.limit))
            ids.append((m.name, m.id))
        if not ids:
            t.fail(f"the family '{name}' is empty", where)
        if name not in self.d.enums:  # fields may name the family's ids as their enumeration
            self.d.enums[name] = Enum(name, False, ids, "type ids", unprefixed=True)
        family.rows.sort(key=lambda r: r.message.id)
        self.d.families.append(family)

    # ---- fields

    def enum_name(self):
        where = self.t.where
        name = self.t.word("an enumeration")
        self.enum_uses.append((where, name))
        return name

    def body(self, struct, scope):
        self.t.expect("{")
        self.names = {}
        struct.fields = self.fields(scope)
        self.check_rest(struct)
        self.t.finish()

    def check_rest(self, struct):
        if struct.has_rest:
            last = struct.fields[-1]
            if any(Struct("", struct.where, fields=[n]).has_rest for n in struct.fields[:-1]):
                raise WireError(struct.where, "what runs to the end of the message must stand last")
            if isinstance(last, (When, Switch)):
                raise WireError(struct.where, "what runs to the end of the message may not be conditional")
            if struct.pointers:
                raise WireError(struct.where, "a message with pointers cannot run to the end of the body")

    def fields(self, scope):
        t = self.t
        nodes = []
        while True:
            doc = t.doc()
            if t.accept("}"):
                return nodes
            if t.kind() == "eof":
                t.fail("a '{' is not closed")
            nodes.append(self.field(scope, doc))
            if nodes[-1].name and not isinstance(nodes[-1], Switch):
                scope.names[nodes[-1].name] = nodes[-1]
            t.finish()

    def new_name(self):
        where = self.t.where
        name = self.t.word("the field's name")
        if name in C_WORDS:
            self.t.fail(f"'{name}' cannot be a field's name", where)
        if name in self.names:
            self.t.fail(f"the field '{name}' is there already", where)
        self.names[name] = True
        return name

    def field(self, scope, doc):
        t = self.t
        where = t.where
        if t.accept("pad"):
            return Pad("", where, doc, t.number("a number of bytes", {}))
        if t.accept("when"):
            return self.when(scope, where, doc)
        if t.accept("switch"):
            return self.switch(scope, where, doc)
        if t.accept("at"):
            name = self.new_name()
            t.expect("{")
            nodes = self.fields(scope)
            for n in nodes:
                if not isinstance(n, Items) or not n.scalar or n.far or n.length is None:
                    t.fail("an 'at' block holds counted arrays of integers only", n.where)
            return At(name, where, doc, nodes)
        if t.accept("("):
            return self.far_items(scope, where, doc)
        far = "@!" if t.accept("@!") else "@" if t.accept("@") else ""
        kind = t.word("a type")
        if kind in SCALARS:
            return self.scalar(scope, where, doc, far, kind)
        if kind not in self.d.structs:
            t.fail(f"unknown type '{kind}'", where)
        struct = self.d.structs[kind]
        args = []
        if t.accept("("):
            while not t.accept(")"):
                args.append(self.reference(scope))
        if len(args) != len(struct.params):
            t.fail(f"{kind} takes {len(struct.params)} parameters", where)
        if t.accept("["):
            length, maximum = self.length(scope)
            node = Items(self.new_name(), where, doc, "", struct, args, length, far, maximum)
            if struct.min_size == 0:
                t.fail(f"the elements of an array take at least one byte", where)
            if struct.pointers or struct.has_rest or (length is None and struct.min_size != struct.max_size):
                t.fail(f"{kind} cannot be the element of such an array", where)
            return self.counted(node)
        if far:
            if struct.params or struct.has_rest:
                t.fail(f"{kind} cannot be pointed to", where)
            return Far(self.new_name(), where, doc, struct, far == "@!")
        return Nested(self.new_name(), where, doc, struct, args)

    def scalar(self, scope, where, doc, far, kind):
        t = self.t
        if not t.accept("["):
            if far:
                t.fail("a single integer is not pointed to", where)
            node = Scalar(self.new_name(), where, doc, kind)
            if t.accept(":"):
                node.enum = self.enum_name()
            return node
        length, maximum = self.length(scope)
        name = self.new_name()
        if kind == "u8":
            return self.counted(Bytes(name, where, doc, length, far, maximum))
        if length and length[0] == "num" and not far:
            return Scalar(name, where, doc, kind, fixed=length[1])
        return self.counted(Items(name, where, doc, kind, None, [], length, far, maximum))

    def far_items(self, scope, where, doc):
        t = self.t
        t.expect("@!")
        kind = t.word("a structure")
        t.expect(")")
        t.expect("[")
        length, maximum = self.length(scope)
        struct = self.d.structs.get(kind) or t.fail(f"unknown structure '{kind}'", where)
        if length is None or struct.pointers or struct.has_rest or struct.params:
            t.fail(f"{kind} cannot be the target of an array of pointers", where)
        return self.counted(FarItems(self.new_name(), where, doc, struct, length, maximum))

    def counted(self, node):
        """A field that is the whole length of an array counts it, and leaves the C struct."""
        length = node.length
        if length is None:
            if getattr(node, "far", ""):
                self.t.fail("an array that runs to the end is not pointed to", node.where)
        elif length[0] == "name" and isinstance(length[1], Scalar):
            length[1].counts.append(node)
            if length[1].in_expression:
                self.t.fail(f"'{length[1].name}' is a count and cannot be used otherwise", node.where)
        elif length[0] == "num":
            if not isinstance(node, Bytes) or node.far:
                self.t.fail("an array of a fixed number of such elements is not supported", node.where)
        elif isinstance(node, FarItems):
            self.t.fail("an array of pointers needs a count", node.where)
        elif not isinstance(node, Bytes):
            self.t.fail("only bytes can have a computed length", node.where)
        return node

    def when(self, scope, where, doc):
        t = self.t
        condition = self.condition(scope)
        t.expect("{")
        then = self.fields(Scope(scope))
        other = []
        if t.accept("else"):
            t.expect("{")
            other = self.fields(Scope(scope))
        return When("", where, doc, condition, then, other)

    def switch(self, scope, where, doc):
        t = self.t
        on = self.reference(scope)
        enum = self.d.enums.get(on.enum or "")
        if enum is None or enum.is_flags:
            t.fail("a switch needs a field with an enumeration", where)
        if not isinstance(on, Scalar) or "u" in self.names:
            t.fail("a structure has one switch, on one of its own fields", where)
        self.names["u"] = True
        node = Switch("u", where, doc, on, enum)
        values = dict(enum.items)
        seen = set()
        t.expect("{")
        while True:
            case_doc = t.doc()
            if t.accept("}"):
                break
            constants = []
            while not t.accept(":"):
                case_where = t.where
                if t.kind() != "word":
                    t.fail(f"expected ':', found '{t.shown()}'")
                item = t.next()
                if item not in values:
                    t.fail(f"{enum.name} has no {item}", case_where)
                if item in seen:
                    t.fail(f"{item} has a case already", case_where)
                seen.add(item)
                constants.append(enum.c_name(item))
            if not constants:
                t.fail("a case names at least one value")
            field = self.field(Scope(), case_doc)
            if not isinstance(field, (Nested, Far)) and not (isinstance(field, Scalar) and not field.fixed):
                t.fail("a case holds one integer, structure or pointer", field.where)
            node.cases.append((constants, field))
            t.finish()
        return node


def read(path, text):
    return Parser(path, text).parse()
