#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Shows that every check of layering.py lets pass what is right and finds what is planted: a small tree with objects
is made, one thing is done wrong in it, and the check must name it."""
import os
import shutil
import subprocess
import tempfile
import unittest

import layering

CC = os.environ.get("CC", "gcc")
SPDX = "/* SPDX-License-Identifier: LGPL-2.1-or-later */\n"

TREE = {
    "server/base/point.c": "void base_point(void);\nvoid base_point(void) {}\n",
    "server/base/point.h": "void base_point(void);\n",
    "server/core/log.c": "#include <stdio.h>\nint core_log(char *o, int n);\n"
                         "int core_log(char *o, int n) { return snprintf(o, n, \"%d\", n); }\n",
    "server/core/posix/time.c": "#include <time.h>\n#include <pthread.h>\n#include \"base/point.h\"\n"
                                "long core_posix_now(void);\nstatic long last;\n"
                                "long core_posix_now(void) { base_point(); return last = time(0); }\n",
    "server/wire/read.c": "#include <string.h>\n#include \"base/point.h\"\nint wire_read(const char *b);\n"
                          "const char *const wire_names[] = {\"a\", \"b\"};\n"
                          "int wire_read(const char *b) { base_point(); return (int)strlen(b); }\n",
    "server/session/pipe.c": "int wire_read(const char *b);\nint session_pipe(void);\n"
                             "int session_pipe(void) { return wire_read(\"x\"); }\n",
    "server/CMakeLists.txt": "# SPDX-License-Identifier: LGPL-2.1-or-later\n",
    "sim/run.c": "#include \"core/log.h\"\n#include \"wire/read.h\"\n",
    "ci/run-it": "#!/bin/bash\n# SPDX-License-Identifier: LGPL-2.1-or-later\n",
    "README.md": "Prose needs no licence line. See server/work/flow.md.\n",
}

ALLOWED = """
*: strings
    strlen memcpy
core: formatting
    snprintf __snprintf_chk
*: toolchain
    _GLOBAL_OFFSET_TABLE_ __stack_chk_fail
"""


class Planted(unittest.TestCase):
    def setUp(self):
        self.root = tempfile.mkdtemp(prefix="sumac-layering-selftest-")
        self.addCleanup(shutil.rmtree, self.root)
        for file, text in TREE.items():
            self.write(file, (SPDX if file.endswith((".c", ".h")) else "") + text)

    def write(self, file, text):
        path = os.path.join(self.root, file)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as out:
            out.write(text)

    def append(self, file, text):
        with open(os.path.join(self.root, file), "a", encoding="utf-8") as out:
            out.write(text)

    def archives(self):
        """The folders' libraries, built as CMake builds them: name.c becomes name.c.o, position independent."""
        found = {}
        for folder in sorted(layering.ARROWS):
            path = "core/posix" if folder == "core-posix" else folder
            objects = []
            top = os.path.join(self.root, "server", path)
            for name in sorted(os.listdir(top)) if os.path.isdir(top) else []:
                if name.endswith(".c"):
                    objects.append(os.path.join(self.root, f"{folder}-objects", name + ".o"))
                    os.makedirs(os.path.dirname(objects[-1]), exist_ok=True)
                    subprocess.run([CC, "-w", "-O1", "-g", "-fPIC", "-I", os.path.join(self.root, "server"), "-c",
                                    os.path.join(top, name), "-o", objects[-1]], check=True)
            if objects:
                found[folder] = os.path.join(self.root, f"libsumac-{folder}.a")
                if os.path.exists(found[folder]):
                    os.unlink(found[folder])
                subprocess.run(["ar", "rcs", found[folder], *objects], check=True)
        return found

    def allowed(self, text=ALLOWED):
        self.write("allowed", text)
        return layering.read_allowed(os.path.join(self.root, "allowed"))

    def symbols(self):
        archives = self.archives()
        return layering.check_complete(self.root, archives) + layering.check_symbols(archives, self.allowed())

    def expect(self, problems, *words):
        self.assertTrue(any(all(word in problem for word in words) for problem in problems), problems)


class Symbols(Planted):
    def test_right(self):
        self.assertEqual(self.symbols(), [])

    def test_clock(self):
        self.append("server/session/pipe.c", "long time(long *);\nlong now(void);\nlong now(void) { return time(0); }\n")
        self.expect(self.symbols(), "session/pipe.c.o uses time,")

    def test_errno(self):
        self.append("server/wire/read.c", "#include <errno.h>\nint why(void);\nint why(void) { return errno; }\n")
        self.expect(self.symbols(), "wire/read.c.o uses __errno_location")

    def test_thread_local(self):
        self.append("server/wire/read.c", "__thread int mine;\nint *where(void);\nint *where(void) { return &mine; }\n")
        self.expect(self.symbols(), "__tls_get_addr")

    def test_granted_to_another_folder(self):
        self.append("server/wire/read.c", "#include <stdio.h>\nint f(char *o, int n);\n"
                                          "int f(char *o, int n) { return snprintf(o, n, \"%d\", n); }\n")
        self.expect(self.symbols(), "wire/read.c.o uses", "snprintf")

    def test_upwards(self):
        self.append("server/wire/read.c", "int session_pipe(void);\nint up(void);\nint up(void) { return session_pipe(); }\n")
        self.expect(self.symbols(), "wire/read.c.o uses session_pipe of session")

    def test_past_the_seam(self):
        self.append("server/session/pipe.c", "long core_posix_now(void);\nlong n(void);\nlong n(void) { return core_posix_now(); }\n")
        self.expect(self.symbols(), "session/pipe.c.o uses core_posix_now of core-posix")

    def test_upward_symbol_cannot_be_granted(self):
        self.append("server/wire/read.c", "int session_pipe(void);\nint up(void);\nint up(void) { return session_pipe(); }\n")
        problems = layering.check_symbols(self.archives(), self.allowed(ALLOWED + "wire: no\n    session_pipe\n"))
        self.expect(problems, "session_pipe of session")

    def test_folder_without_library(self):
        archives = self.archives()
        del archives["wire"]
        self.expect(layering.check_complete(self.root, archives), "server/wire has sources")

    def test_source_without_object(self):
        archives = self.archives()
        self.write("server/wire/late.c", SPDX)
        self.expect(layering.check_complete(self.root, archives), "server/wire/late.c is not built")

    def test_unknown_folder(self):
        self.write("server/utils/u.c", SPDX + "int u(void);\nint u(void) { return 0; }\n")
        archives = self.archives()
        archives["utils"] = archives["base"]
        self.expect(layering.check_complete(self.root, archives), "utils", "no arrows")

    def test_group_without_reason(self):
        with self.assertRaises(SystemExit):
            self.allowed("*:\n    strlen\n")


class State(Planted):
    def state(self, exceptions=None):
        return layering.check_state(self.archives(), exceptions or {})

    def test_right(self):
        self.assertEqual(self.state(), [])

    def test_zeroed(self):
        self.append("server/wire/read.c", "int wire_count;\n")
        self.expect(self.state(), "wire_count")

    def test_initialised(self):
        self.append("server/wire/read.c", "int wire_count = 3;\n")
        self.expect(self.state(), "wire_count", ".data")

    def test_inside_a_function(self):
        self.append("server/wire/read.c", "int next(void);\nint next(void) { static int n; return n++; }\n")
        self.expect(self.state(), "wire/read.c.o: n (4 bytes")

    def test_thread_local(self):
        self.append("server/wire/read.c", "__thread int mine;\n")
        self.expect(self.state(), "mine")

    def test_table_that_is_not_constant(self):
        self.append("server/wire/read.c", "const char *wire_table[] = {\"a\"};\n")
        self.expect(self.state(), "wire_table")

    def test_listed(self):
        self.append("server/wire/read.c", "int wire_count;\n")
        self.assertEqual(self.state({"wire/wire_count": "because"}), [])
        self.expect(self.state({"session/wire_count": "because"}), "wire_count")


class Includes(Planted):
    def check(self):
        return layering.check_includes(self.root)

    def test_right(self):
        self.assertEqual(self.check(), [])

    def test_upwards(self):
        self.append("server/wire/read.c", '#include "session/pipe.h"\n')
        self.expect(self.check(), "server/wire/read.c:7", "from wire to session")

    def test_sideways(self):
        self.append("server/wire/read.c", '#  include "codec/lz.h"\n')
        self.expect(self.check(), "from wire to codec")

    def test_past_the_seam(self):
        self.append("server/session/pipe.c", '#include "core/posix/internal.h"\n')
        self.expect(self.check(), "from session to core-posix")

    def test_server_knows_no_simulator(self):
        self.append("server/session/pipe.c", '#include "sim/run.h"\n')
        self.expect(self.check(), "from session to sim")

    def test_simulator_uses_the_interface(self):
        self.append("sim/run.c", '#include "session/pipe.h"\n')
        self.expect(self.check(), "from sim to session")

    def test_system_header(self):
        self.append("server/session/pipe.c", "#include <pthread.h>\n")
        self.expect(self.check(), "<pthread.h>")

    def test_words(self):
        self.append("server/session/pipe.c", "static _Thread_local int n;\n")
        self.expect(self.check(), "_Thread_local")
        self.append("server/session/pipe.c", "unsigned long t = __builtin_ia32_rdtsc();\n")
        self.expect(self.check(), "rdtsc")

    def test_comments_and_strings_do_not_count(self):
        self.append("server/session/pipe.c", '/* errno and\n#include "sim/run.h"\n*/ const char *s = "errno"; // errno\n')
        self.assertEqual(self.check(), [])

    def test_nothing_to_look_at(self):
        shutil.rmtree(os.path.join(self.root, "server"))
        shutil.rmtree(os.path.join(self.root, "sim"))
        self.expect(self.check(), "no source files")


class Spdx(Planted):
    def check(self):
        return layering.check_spdx(self.root)

    def test_right(self):
        self.assertEqual(self.check(), [])

    def test_missing(self):
        self.write("server/wire/new.h", "#pragma once\n")
        self.expect(self.check(), "server/wire/new.h")

    def test_other_licence(self):
        self.write("server/wire/new.h", "/* SPDX-License-Identifier: MIT */\n")
        self.expect(self.check(), "server/wire/new.h")

    def test_script_without_suffix(self):
        self.write("ci/other", "#!/bin/bash\necho\n")
        self.expect(self.check(), "ci/other")


class Paths(Planted):
    def check(self):
        return layering.check_paths(self.root)

    def test_right(self):
        self.assertEqual(self.check(), [])

    def test_planted(self):
        for path in ("/wo" "rk/main/x", "/ho" "me/me/x", "/ro" "ot/x", "/tm" "p/build-x/y"):
            self.write("docs/how.md", f"First {path}\n")
            self.expect(self.check(), "docs/how.md:1", path)

    def test_any_file(self):
        self.write("scenarios/one.scenario", "see '/wo" "rk/shared'\n")
        self.expect(self.check(), "scenarios/one.scenario:1")


if __name__ == "__main__":
    unittest.main(verbosity=1)
