#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Shows that every check of abi.py accepts what is right and refuses what is wrong: small libraries and header
folders are made, each with one thing planted, and the check must name it. Needs the installed library and headers,
but not ours."""
import os
import re
import shutil
import tempfile
import unittest

import abi

ROOT = os.path.dirname(os.path.dirname(abi.HERE))
INCLUDE = os.path.join(ROOT, "server", "include", "spice-server")
MAP = os.path.join(ROOT, "server", "libspice-server.map")
CC = os.environ.get("CC", "gcc")

# Enough of a library for a host to start, listen and stop, and for installed.c.
TINY_SERVER = r"""
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/un.h>
struct RedsState { SpiceCoreInterface *core; char path[100]; int listener, client; SpiceWatch *watch;
                   SpiceChannelEventInfo info; };
SpiceServer *spice_server_new(void) { return calloc(1, sizeof(SpiceServer)); }
int spice_server_set_port(SpiceServer *s, int port) { (void)s; return port > 65535 ? -1 : 0; }
void spice_server_set_addr(SpiceServer *s, const char *a, int f) { (void)f; strncpy(s->path, a, sizeof(s->path) - 1); }
int spice_server_set_noauth(SpiceServer *s) { (void)s; return 0; }
static void readable(int fd, int event, void *s_) { SpiceServer *s = s_; (void)event;
    s->client = accept(fd, 0, 0); s->core->channel_event(SPICE_CHANNEL_EVENT_CONNECTED, &s->info); }
int spice_server_init(SpiceServer *s, SpiceCoreInterface *core) {
    struct sockaddr_un a = {.sun_family = AF_UNIX}; strcpy(a.sun_path, s->path); s->core = core;
    s->listener = socket(AF_UNIX, SOCK_STREAM, 0); bind(s->listener, (struct sockaddr *)&a, sizeof(a));
    listen(s->listener, 5); s->watch = core->watch_add(s->listener, SPICE_WATCH_EVENT_READ, readable, s); return 0; }
void spice_server_destroy(SpiceServer *s) {
    if (s->core) { TEARDOWN close(s->client); close(s->listener); unlink(s->path); } free(s); }
int spice_server_set_multiple_clients(SpiceServer *s, int on) { (void)on; return s ? 0 : -1; }
"""
TEARDOWN = "s->core->channel_event(SPICE_CHANNEL_EVENT_DISCONNECTED, &s->info); s->core->watch_remove(s->watch);"


def edited(path, pattern, replacement):
    """Replaces in a file; the pattern must be there, or the test would test nothing."""
    with open(path, encoding="utf-8") as source:
        text = source.read()
    changed, times = re.subn(pattern, replacement, text, count=1, flags=re.S)
    assert times == 1, (path, pattern)
    with open(path, "w", encoding="utf-8") as out:
        out.write(changed)


class Planted(unittest.TestCase):
    def setUp(self):
        self.work = tempfile.mkdtemp(prefix="sumac-abi-selftest-")
        self.addCleanup(shutil.rmtree, self.work)
        self.include = os.path.join(self.work, "include")
        shutil.copytree(INCLUDE, self.include)
        self.map = os.path.join(self.work, "map")
        shutil.copy(MAP, self.map)
        self.reference = abi.reference_library(CC)
        self.their_include = abi.reference_include()
        self.additions = abi.read_additions(os.path.join(abi.HERE, "additions.txt"))

    def library(self, extra_source=""):
        path = os.path.join(self.work, "libours.so")
        abi.build_stub(CC, self.include, self.map, path, ["sumac.h"], extra_source)
        return path

    def tiny_server(self, teardown=TEARDOWN):
        path = os.path.join(self.work, "libtiny.so")
        abi.write_stub(CC, self.include, path + ".c", ["sumac.h"])
        with open(path + ".c", encoding="utf-8") as source:
            stubs = source.read()
        for name in re.findall(r"(spice_server_\w+)\(", TINY_SERVER):
            stubs = re.sub(r"^[^\n]*\b%s \([^\n]*\n" % name, "", stubs, flags=re.M)
        with open(path + ".c", "w", encoding="utf-8") as out:
            out.write(stubs + TINY_SERVER.replace("TEARDOWN", teardown))
        abi.run(CC, "-w", "-g", "-shared", "-fPIC", "-I" + self.include, *abi.protocol_flags(), path + ".c", "-o",
                path, f"-Wl,-soname,{abi.SONAME}", f"-Wl,--version-script={self.map}")
        return path

    def expect(self, problems, *words):
        """One of the problems says all of these words."""
        self.assertTrue(any(all(word in problem for word in words) for problem in problems), problems)


class Symbols(Planted):
    def check(self, library):
        return abi.compare_symbols(self.reference, library, self.additions)

    def test_right(self):
        self.assertEqual(self.check(self.library()), [])

    def test_removed(self):
        edited(self.map, r"    spice_qxl_oom;\n", "")
        self.expect(self.check(self.library()), "spice_qxl_oom is missing")

    def test_moved(self):
        edited(self.map, r"    spice_server_vm_stop;\n", "")
        edited(self.map, r"    spice_qxl_driver_unload;\n", "    spice_qxl_driver_unload;\n    spice_server_vm_stop;\n")
        self.expect(self.check(self.library()), "spice_server_vm_stop", "SPICE_SERVER_0.11.2", "SPICE_SERVER_0.12.3")

    def test_addition_under_the_wrong_node(self):
        edited(self.map, "spice_server_set_multiple_clients", "spice_qxl_gl_scanout2_")
        edited(self.map, "spice_qxl_gl_scanout2;", "spice_server_set_multiple_clients;")
        edited(self.map, "spice_qxl_gl_scanout2_;", "spice_qxl_gl_scanout2;")
        self.expect(self.check(self.library()), "spice_server_set_multiple_clients", "SUMAC_0.1")

    def test_one_too_many(self):
        edited(self.map, r"    spice_qxl_oom;\n", "    spice_qxl_oom;\n    leaked_helper;\n")
        self.expect(self.check(self.library("void leaked_helper(void);\nvoid leaked_helper(void) {}\n")),
                    "leaked_helper", "not in the list")

    def test_data(self):
        edited(self.map, r"    spice_qxl_oom;\n", "    spice_qxl_oom;\n    leaked_data;\n")
        self.expect(self.check(self.library("int leaked_data = 1;\n")), "leaked_data")

    def test_not_the_default_version(self):
        library = self.library()
        edited(library + ".c", "spice_qxl_oom", "spice_qxl_oom_")
        edited(self.map, r"    spice_qxl_oom;\n", "")
        with open(library + ".c", "a", encoding="utf-8") as out:
            out.write('__asm__(".symver spice_qxl_oom_, spice_qxl_oom@SPICE_SERVER_0.8.2");\n')
        abi.run(CC, "-w", "-shared", "-fPIC", "-I" + self.include, *abi.protocol_flags(), library + ".c", "-o", library,
                f"-Wl,-soname,{abi.SONAME}", f"-Wl,--version-script={self.map}")
        self.expect(self.check(library), "spice_qxl_oom", "@@")

    def test_node_missing(self):
        edited(self.map, r"SPICE_SERVER_0\.8\.1 \{.*?\} SPICE_SERVER_0\.8\.0;\n", "")
        edited(self.map, r"SPICE_SERVER_0\.8\.1;\n", "SPICE_SERVER_0.8.0;\n")
        self.expect(self.check(self.library()), "version nodes")

    def test_parent_changed(self):
        edited(self.map, r"\} SPICE_SERVER_0\.14\.3;", "} SPICE_SERVER_0.14.2;")
        self.expect(self.check(self.library()), "version nodes")

    def test_soname(self):
        library = self.library()
        abi.run(CC, "-w", "-shared", "-fPIC", "-I" + self.include, *abi.protocol_flags(), library + ".c", "-o", library,
                f"-Wl,--version-script={self.map}")
        self.expect(self.check(library), "SONAME")


class Layout(Planted):
    def check(self, table=os.path.join(abi.HERE, "layout.txt")):
        return abi.compare_layout(CC, self.their_include, self.include, table, self.work)

    def edit(self, header, pattern, replacement):
        edited(os.path.join(self.include, header), pattern, replacement)

    def test_right(self):
        self.assertEqual(self.check(), [])

    def test_field_inserted(self):
        self.edit("spice-qxl.h", r"    uint32_t qxl_ram_size;", "    uint32_t planted;\n    uint32_t qxl_ram_size;")
        problems = self.check()
        self.expect(problems, "QXLDevInitInfo.qxl_ram_size")
        self.expect(problems, "QXLDevInitInfo.planted is not in layout.c")

    def test_type_changed(self):
        self.edit("spice-core.h", r"int connection_id;", "int64_t connection_id;")
        self.expect(self.check(), "our headers", "SpiceChannelEventInfo.connection_id")

    def test_field_gone(self):
        self.edit("spice-char.h", r"const char \*portname;", "")
        self.expect(self.check(), "does not compile")

    def test_constant_changed(self):
        self.edit("spice-server.h", r"SPICE_STREAM_VIDEO_ALL = 2", "SPICE_STREAM_VIDEO_ALL = 7")
        self.expect(self.check(), "SPICE_STREAM_VIDEO_ALL")

    def test_macro_changed(self):
        self.edit("spice-char.h", r'"char_device"', '"chardevice"')
        self.expect(self.check(), "SPICE_INTERFACE_CHAR_DEVICE")

    def test_macro_added(self):
        self.edit("spice-qxl.h", r"SPICE_BEGIN_DECLS", "SPICE_BEGIN_DECLS\n#define SPICE_PLANTED 1")
        self.expect(self.check(), "macro SPICE_PLANTED")

    def test_enumerator_unlisted(self):
        self.edit("spice-audio.h", r"AUDIO_FMT_S16 = 1,", "AUDIO_FMT_S16 = 1, SPICE_PLANTED = 2")
        self.expect(self.check(), "SPICE_PLANTED is not in layout.c")

    def test_table_differs(self):
        table = os.path.join(self.work, "layout.txt")
        shutil.copy(os.path.join(abi.HERE, "layout.txt"), table)
        edited(table, r"QXLInterface size 144", "QXLInterface size 152")
        self.expect(self.check(table), "QXLInterface size")


class Types(Planted):
    def check(self, library):
        return abi.compare_types(CC, self.reference, self.their_include, library, self.include, self.map, self.work)

    def edit(self, header, pattern, replacement):
        edited(os.path.join(self.include, header), pattern, replacement)

    def test_right_with_private_types(self):
        private = "struct RedsState { int ours; };\nstruct QXLState { void *ours; };\nint keep(SpiceServer *, QXLState *);\n" \
                  "int keep(SpiceServer *s, QXLState *q) { return s->ours + !q->ours; }\n"
        self.assertEqual(self.check(self.library(private)), [])

    def test_function_removed(self):
        edited(self.map, r"    spice_qxl_oom;\n", "")
        library = self.library()
        shutil.copy(MAP, self.map)
        self.expect(self.check(library), "symbols:", "spice_qxl_oom")

    def test_parameter_changed(self):
        self.edit("spice-qxl.h", r"uint32_t y,\s+uint32_t w", "uint32_t y, uint64_t w")
        self.expect(self.check(self.library()), "types:", "spice_qxl_gl_draw_async")

    def test_return_type_changed(self):
        self.edit("spice-audio.h", r"uint32_t spice_server_get_best_playback_rate", "uint64_t spice_server_get_best_playback_rate")
        self.expect(self.check(self.library()), "types:", "spice_server_get_best_playback_rate")

    def test_struct_changed(self):
        self.edit("spice-qxl.h", r"uint32_t generation;", "uint64_t generation;")
        self.expect(self.check(self.library()), "types:", "QXLDevMemSlot")

    def test_no_debug_information(self):
        library = self.library()
        abi.run("strip", "-g", library)
        with self.assertRaisesRegex(abi.Broken, "debug information"):
            self.check(library)


class Host(Planted):
    def check(self, library):
        return abi.run_host(CC, self.reference, self.their_include, library, self.work)

    def test_right(self):
        self.assertEqual(self.check(self.tiny_server()), [])

    def test_traps(self):
        self.expect(self.check(self.library()), "our library", "status -")

    def test_symbol_gone(self):
        edited(self.map, r"    spice_replay_free;\n", "")
        self.expect(self.check(self.tiny_server()), "spice_replay_free")

    def test_watch_left_over(self):
        self.expect(self.check(self.tiny_server(TEARDOWN.split(";")[0] + ";")), "1 watches after destroy")

    def test_disconnected_not_said(self):
        self.expect(self.check(self.tiny_server(TEARDOWN.split(";")[1] + ";")), "0 disconnected after destroy")


class Install(Planted):
    """A build folder is only its cmake_install.cmake here."""

    def setUp(self):
        super().setUp()
        self.build = os.path.join(self.work, "build")
        os.makedirs(self.build)
        self.pc = os.path.join(self.build, "spice-server.pc")
        with open(os.path.join(ROOT, "server", "spice-server.pc.in"), encoding="utf-8") as source:
            text = source.read()
        for name, value in (("CMAKE_INSTALL_PREFIX", os.path.join(self.work, "prefix")),
                            ("SUMAC_PC_INCLUDEDIR", "${prefix}/include"), ("SUMAC_PC_LIBDIR", "${prefix}/lib"),
                            ("SPICE_SERVER_VERSION_TEXT", "0.16.0")):
            text = text.replace(f"@{name}@", value)
        with open(self.pc, "w", encoding="utf-8") as out:
            out.write(text)
        library = self.tiny_server()
        with open(os.path.join(self.build, "cmake_install.cmake"), "w", encoding="utf-8") as out:
            out.write(f'''
file(INSTALL DESTINATION ${{CMAKE_INSTALL_PREFIX}}/include/spice-server TYPE DIRECTORY FILES {self.include}/)
file(INSTALL DESTINATION ${{CMAKE_INSTALL_PREFIX}}/lib/pkgconfig TYPE FILE FILES {self.pc})
file(INSTALL DESTINATION ${{CMAKE_INSTALL_PREFIX}}/lib TYPE FILE RENAME {abi.SONAME} FILES {library})
file(CREATE_LINK {abi.SONAME} ${{CMAKE_INSTALL_PREFIX}}/lib/libspice-server.so SYMBOLIC)
''')

    def check(self):
        return abi.install_and_build(CC, "cmake", self.build, self.work)

    def test_right(self):
        self.assertEqual(self.check(), [])

    def test_header_missing(self):
        os.unlink(os.path.join(self.include, "spice-replay.h"))
        self.expect(self.check(), "headers installed")

    def test_wrong_version(self):
        edited(self.pc, "Version: 0.16.0", "Version: 0.15.1")
        self.expect(self.check(), "version")

    def test_no_requires(self):
        edited(self.pc, "Requires: [^\n]*", "")
        self.expect(self.check(), "spice-protocol")

    def test_flags_point_elsewhere(self):
        edited(self.pc, r"Cflags: [^\n]*", "Cflags: -I/usr/include/spice-server")
        self.expect(self.check(), "points elsewhere")

    def test_no_link_for_the_linker(self):
        edited(os.path.join(self.build, "cmake_install.cmake"), r"file\(CREATE_LINK[^\n]*", "")
        self.expect(self.check(), "libspice-server.so is not installed")


class Programs(Planted):
    """A prefix with one program that needs the library, as installed, and its page."""

    def setUp(self):
        super().setUp()
        self.prefix, self.man = os.path.join(self.work, "prefix"), os.path.join(self.work, "man")
        self.bin, self.lib = os.path.join(self.prefix, "bin"), os.path.join(self.prefix, "lib")
        self.page = os.path.join(self.prefix, "share", "man", "man1", "shower.1")
        for folder in (self.man, self.bin, self.lib, os.path.dirname(self.page)):
            os.makedirs(folder)
        for path in (self.page, os.path.join(self.man, "shower.1")):
            with open(path, "w", encoding="utf-8") as out:
                out.write(".TH SHOWER 1\n")
        shutil.copy(self.tiny_server(), os.path.join(self.lib, abi.SONAME))
        self.program("Usage: shower [options]", "$ORIGIN/../lib")

    def program(self, says, runpath):
        source = os.path.join(self.work, "shower.c")
        with open(source, "w", encoding="utf-8") as out:
            out.write(f'int puts(const char *); void *spice_server_new(void);\n'
                      f'int main(void) {{ return spice_server_new() == 0 || puts("{says}") < 0; }}\n')
        abi.run(CC, source, os.path.join(self.lib, abi.SONAME), "-o", os.path.join(self.bin, "shower"),
                f"-Wl,-rpath,{runpath}")

    def check(self):
        return abi.check_programs(self.prefix, self.man)

    def test_right(self):
        self.assertEqual(self.check(), [])

    def test_page_missing(self):
        os.unlink(self.page)
        self.expect(self.check(), "manual pages installed: []")

    def test_program_missing(self):
        os.unlink(os.path.join(self.bin, "shower"))
        self.expect(self.check(), "programs installed: []")

    def test_other_program(self):
        self.program("Usage: bather [options]", "$ORIGIN/../lib")
        self.expect(self.check(), "shower --help: status 0")

    def test_takes_another_library(self):
        other = os.path.join(self.work, "other")
        os.makedirs(other)
        shutil.copy(os.path.join(self.lib, abi.SONAME), other)
        self.program("Usage: shower [options]", other)
        self.expect(self.check(), "shower takes")

    def test_finds_no_library(self):
        self.program("Usage: shower [options]", "$ORIGIN/../nowhere")
        self.assertTrue(self.check())  # none, or that of the system


if __name__ == "__main__":
    unittest.main(verbosity=1)
