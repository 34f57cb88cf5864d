# SPDX-License-Identifier: LGPL-2.1-or-later
"""wiregen.py DESCRIPTION OUTPUT...: makes the outputs, told apart by their file names:

    messages.h  encode.c  decode.c  print.c  tables.c     server/wire
    random.h  random.c                                    instances for tests and corpora
    protocol.md                                           docs
    *.dict                                                libFuzzer's dictionary

A bad description is reported as file:line: error: ..., exit status 1.
"""

import os
import sys

import description
import emit_decode
import emit_docs
import emit_encode
import emit_header
import emit_print
import emit_random
import emit_tables
from model import WireError

MAKERS = {
    "messages.h": emit_header.header,
    "encode.c": emit_encode.source,
    "decode.c": emit_decode.source,
    "print.c": emit_print.source,
    "tables.c": emit_tables.source,
    "random.h": emit_random.header,
    "random.c": emit_random.source,
    "protocol.md": emit_docs.protocol,
}


def main(arguments):
    if len(arguments) < 2:
        print(__doc__, file=sys.stderr)
        return 2
    try:
        with open(arguments[0], encoding="utf-8") as file:
            d = description.read(arguments[0], file.read())
    except (WireError, OSError) as problem:
        print(problem, file=sys.stderr)
        return 1
    for output in arguments[1:]:
        name = os.path.basename(output)
        maker = emit_tables.dictionary if name.endswith(".dict") else MAKERS.get(name)
        if maker is None:
            print(f"wiregen.py: {name} is nothing it can make", file=sys.stderr)
            return 2
        with open(output, "w", encoding="utf-8") as file:
            file.write(maker(d))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
