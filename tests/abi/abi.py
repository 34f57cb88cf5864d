#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Is our library a drop-in? Compares it with the installed libspice-server.so.1 and its headers.

Each subcommand is one test: it prints what differs, one line each, and exits 0 only if nothing does. A tool or file
that is missing is a failure with a line that says so, never a pass. selftest.py shows that each of them can fail.
"""
import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
SONAME = "libspice-server.so.1"
# Macros that may differ from those of the installed headers: the version that is reported.
MACROS_THAT_DIFFER = {"SPICE_SERVER_VERSION"}


class Broken(Exception):
    """The test cannot be made: the reason, for people."""


def run(*argv, check=True, **kwargs):
    try:
        done = subprocess.run(argv, capture_output=True, text=True, **kwargs)
    except FileNotFoundError:
        raise Broken(f"{argv[0]} is not installed (ci/install-deps installs it)")
    if check and done.returncode != 0:
        raise Broken(f"{' '.join(argv)} failed with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done


# ---- ELF facts ----

def exported(library):
    """{name: (version, is_default, kind)} of all that the library defines dynamically, version nodes aside."""
    symbols = {}
    for line in run("readelf", "-W", "--dyn-syms", library).stdout.splitlines():
        part = line.split()
        if len(part) < 8 or not part[0].endswith(":") or part[6] in ("UND", "Ndx"):
            continue
        kind, bind, index, name = part[3], part[4], part[6], part[7]
        if bind == "LOCAL" or index == "ABS" and kind == "OBJECT":
            continue
        default = "@@" in name
        plain, _, version = name.replace("@@", "@").partition("@")
        if plain in symbols:
            version = symbols[plain][0] + "+" + version
        symbols[plain] = (version, default, kind)
    return symbols


def version_chain(library):
    """[(node, parent or None)] in the order of the file, the base entry left out."""
    chain = []
    section = False
    for line in run("readelf", "-W", "-V", library).stdout.splitlines():
        if line.startswith("Version "):
            section = line.startswith("Version definition")
        elif section and "Rev:" in line and "BASE" not in line:
            chain.append([line.split("Name: ")[1].strip(), None])
        elif section and "Parent 1:" in line:
            chain[-1][1] = line.split("Parent 1: ")[1].strip()
    return [tuple(node) for node in chain]


def soname(library):
    found = re.search(r"\(SONAME\).*\[(.*)\]", run("readelf", "-W", "-d", library).stdout)
    return found.group(1) if found else None


# ---- the installed library: the reference ----

def reference_library(cc):
    path = run(cc, f"-print-file-name={SONAME}").stdout.strip()
    if not os.path.isabs(path) or not os.path.exists(path):
        raise Broken(f"{SONAME} is not installed (package libspice-server1)")
    path = os.path.realpath(path)
    if any(node.startswith("SUMAC_") for node, _ in version_chain(path)):
        raise Broken(f"{path} is this library itself: there is nothing to compare with")
    return path


def reference_include():
    path = run("pkg-config", "--variable=includedir", "spice-server").stdout.strip() + "/spice-server"
    if not os.path.exists(path + "/spice.h") or os.path.exists(path + "/sumac.h"):
        raise Broken("the headers of the existing library are not installed (package libspice-server-dev)")
    return path


def protocol_flags():
    return run("pkg-config", "--cflags", "spice-protocol").stdout.split()


def read_additions(path):
    """{symbol: node}"""
    additions = {}
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            if line.strip() and not line.startswith("#"):
                name, node, _why = line.split(None, 2)
                additions[name] = node
    return additions


# ---- 1: names and version nodes ----

def compare_symbols(reference, ours, additions):
    problems = []
    if soname(ours) != SONAME:
        problems.append(f"SONAME is {soname(ours)}, not {SONAME}")
    theirs = exported(reference)
    if not theirs:
        raise Broken(f"no symbols found in {reference}")
    mine = exported(ours)
    wanted = {name: (version, True, kind) for name, (version, _, kind) in theirs.items()}
    wanted.update({name: (node, True, "FUNC") for name, node in additions.items()})
    for name in sorted(wanted.keys() | mine.keys()):
        want, have = wanted.get(name), mine.get(name)
        if have is None:
            problems.append(f"{name} is missing (wanted under {want[0]})")
        elif want is None:
            problems.append(f"{name} is exported under {have[0] or 'no version'}, and is not in the list of additions")
        elif have != want:
            problems.append("%s: wanted %s%s %s, found %s%s %s" % (
                name, "@@" if want[1] else "@", want[0], want[2], "@@" if have[1] else "@", have[0], have[2]))
    chain = version_chain(reference)
    for node in dict.fromkeys(additions.values()):
        chain.append((node, chain[-1][0]))
    if version_chain(ours) != chain:
        problems.append("version nodes: wanted %s, found %s" % (chain, version_chain(ours)))
    return problems


# ---- 2: layouts and constants ----

def strip_comments(text):
    return re.sub(r"//[^\n]*", "", re.sub(r"/\*.*?\*/", " ", text, flags=re.S))


def public_names(include):
    """(fields {"Struct.field"}, enumerators) that the headers in a folder define; a plain reading of C, good enough
    for headers that declare one member per line or statement."""
    fields, enumerators = set(), set()
    for file in sorted(os.listdir(include)):
        if not file.startswith("spice") or not file.endswith(".h"):
            continue
        with open(os.path.join(include, file), encoding="utf-8") as source:
            text = re.sub(r"#if 0\n.*?#endif", "", strip_comments(source.read()), flags=re.S)
        text = re.sub(r"^#.*(\\\n.*)*$", "", text, flags=re.M)
        for body in re.findall(r"\benum\s*\w*\s*\{([^}]*)\}", text):
            enumerators.update(re.findall(r"(\w+)\s*(?:=[^,]*)?(?:,|$)", body.strip()))
        text = re.sub(r"union\s*\{([^{}]*)\}\s*;", r"\1", text)  # anonymous: its members are the struct's
        for name, body in re.findall(r"\bstruct\s+(\w+)\s*\{([^}]*)\}", text):
            for member in body.split(";"):
                member = member.replace("SPICE_GNUC_DEPRECATED", "").strip()
                pointer = re.search(r"\(\s*\*\s*(\w+)\s*\)", member)
                if pointer:
                    fields.add(f"{name}.{pointer.group(1)}")
                elif member:
                    fields.update(name + "." + re.search(r"(\w+)\s*$", one).group(1) for one in member.split(","))
    return fields, enumerators


def macros(cc, include, source):
    """{name: value without spaces}, header guards left out."""
    flags = (["-I" + include] if include else []) + protocol_flags()
    text = run(cc, *flags, "-dM", "-E", "-x", "c", "-", input=source).stdout
    found = {}
    for line in text.splitlines():
        name, _, value = line[len("#define "):].partition(" ")
        if not re.fullmatch(r"SPICE\w*_H_", name):
            found[name] = re.sub(r"\s", "", value)
    return found


def public_macros(cc, include):
    below = macros(cc, None, "#include <stdint.h>\n#include <stdio.h>\n#include <sys/socket.h>\n"
                             "#include <spice/qxl_dev.h>\n#include <spice/vd_agent.h>\n#include <spice/macros.h>\n")
    return {name: value for name, value in macros(cc, include, "#include <spice.h>\n").items() if name not in below}


def printed_layout(cc, include, work, name):
    program = os.path.join(work, name)
    run(cc, "-Wno-deprecated-declarations", "-I" + include, *protocol_flags(), os.path.join(HERE, "layout.c"),
        "-o", program)
    return run(program).stdout.splitlines()


def compare_layout(cc, their_include, our_include, table, work):
    problems = []
    theirs = printed_layout(cc, their_include, work, "layout-theirs")
    try:
        ours = printed_layout(cc, our_include, work, "layout-ours")
    except Broken as broken:
        return [f"layout.c does not compile with our headers: {broken}"]
    with open(table, encoding="utf-8") as lines:
        wanted = [line.rstrip("\n") for line in lines if not line.startswith("#")]
    for title, have in (("the installed headers", theirs), ("our headers", ours)):
        for line in sorted(set(wanted) ^ set(have)):
            problems.append(f"{title}: {'has no' if line in wanted else 'has, the table has no'} \"{line}\"")
    listed = {re.split(r" |$", line)[0] for line in ours}
    for title, include in (("the installed headers", their_include), ("our headers", our_include)):
        fields, enumerators = public_names(include)
        if len(fields) < 100 or len(enumerators) < 15:
            raise Broken(f"only {len(fields)} fields and {len(enumerators)} enumerators found in {title}")
        for name in sorted((fields | enumerators) - listed):
            problems.append(f"{title}: {name} is not in layout.c")
    their_macros, our_macros = public_macros(cc, their_include), public_macros(cc, our_include)
    if len(their_macros) < 40:
        raise Broken(f"only {len(their_macros)} macros found in the installed headers")
    for name in sorted(their_macros.keys() | our_macros.keys()):
        if name not in MACROS_THAT_DIFFER and their_macros.get(name) != our_macros.get(name):
            problems.append(f"macro {name}: theirs {their_macros.get(name)}, ours {our_macros.get(name)}")
    return problems


# ---- 3: abidiff ----

def write_stub(cc, include, path, extra_include=()):
    """A C file that defines every function the headers declare, and nothing else."""
    with tempfile.TemporaryDirectory() as work:
        aux = os.path.join(work, "aux")
        source = "#include <spice.h>\n" + "".join(f"#include <{name}>\n" for name in extra_include)
        run(cc, "-I" + include, *protocol_flags(), "-aux-info", aux, "-x", "c", "-c", "-", "-o", os.devnull,
            input=source)
        with open(aux, encoding="utf-8") as lines:
            declared = [line.split("*/ extern ", 1)[1].strip() for line in lines if f" {include}/" in line]
    if len(declared) < 90:
        raise Broken(f"only {len(declared)} functions declared in {include}")
    with open(path, "w", encoding="utf-8") as out:
        out.write(source)
        for prototype in declared:
            out.write(prototype.rstrip(";") + " { " + ("" if prototype.startswith("void spice") else "__builtin_trap(); ")
                      + "}\n")


def build_stub(cc, include, version_script, path, extra_include=(), extra_source=""):
    write_stub(cc, include, path + ".c", extra_include)
    with open(path + ".c", "a", encoding="utf-8") as out:
        out.write(extra_source)
    run(cc, "-w", "-g", "-O0", "-shared", "-fPIC", "-I" + include, *protocol_flags(), path + ".c", "-o", path,
        f"-Wl,-soname,{SONAME}", f"-Wl,--version-script={version_script}")


def abidiff(*argv):
    """What abidiff reports, [] when the two are compatible. Bit 0 of its status: it could not do its work."""
    done = run("abidiff", "--no-added-syms", *argv, check=False)
    if done.returncode & 3:
        raise Broken(f"abidiff {' '.join(argv)}: status {done.returncode}\n{done.stdout}{done.stderr}")
    return (done.stdout.strip().splitlines() or ["abidiff reports a change"]) if done.returncode else []


def compare_types(cc, reference, their_include, ours, our_include, version_script, work):
    if ".debug_info" not in run("readelf", "-W", "-S", ours).stdout:
        raise Broken(f"{ours} has no debug information: build it with -g")
    stub = os.path.join(work, SONAME + ".stub")
    build_stub(cc, their_include, version_script, stub)
    return (["symbols: " + line for line in abidiff(reference, ours)]
            + ["types: " + line for line in abidiff("--headers-dir1", their_include, "--headers-dir2", our_include,
                                                    stub, ours)])


# ---- 4: a host that was built for the existing library ----

def run_host(cc, reference, their_include, ours, work):
    names = sorted(exported(reference))
    with open(os.path.join(work, "every_function.h"), "w", encoding="utf-8") as out:
        out.write("".join(f"(void *){name},\n" for name in names))
    host = os.path.join(work, "host")
    run(cc, "-Wno-deprecated-declarations", "-I" + work, "-I" + their_include, *protocol_flags(),
        os.path.join(HERE, "host.c"), "-o", host, reference)
    problems = []
    for title, library in (("the installed library", reference), ("our library", ours)):
        folder = tempfile.mkdtemp(dir=work)
        os.symlink(os.path.abspath(library), os.path.join(folder, SONAME))
        path = os.path.join(folder, "socket")
        env = dict(os.environ, LD_LIBRARY_PATH=folder, LD_BIND_NOW="1")
        try:
            done = run(host, path, check=False, env=env, timeout=30)
        except subprocess.TimeoutExpired:
            problems.append(f"with {title}: does not end")
            continue
        facts = dict(line.split(" ", 1) for line in done.stdout.splitlines() if " " in line)
        print(f"with {title}: {facts}")
        if done.returncode != 0:
            problems.append(f"with {title}: status {done.returncode}: {done.stdout}{done.stderr}")
        elif os.path.realpath(facts["library"]) != os.path.realpath(library):
            problems.append(f"with {title}: {facts['library']} was loaded instead")
        elif title == "our library":
            for fact, want in (("disconnected", "1"), ("timers", "0"), ("watches", "0")):
                if facts[fact] != want:
                    problems.append(f"with {title}: {facts[fact]} {fact} after destroy, wanted {want}")
    return problems


# ---- 5: installation ----

def install_and_build(cc, cmake, build, work):
    prefix = os.path.join(work, "prefix")
    shutil.rmtree(prefix, ignore_errors=True)
    run(cmake, "--install", build, "--prefix", prefix)
    pc = [os.path.join(root, name) for root, _, names in os.walk(prefix) for name in names
          if name == "spice-server.pc"]
    if len(pc) != 1:
        return [f"spice-server.pc installed {len(pc)} times"]
    problems = []
    env = dict(os.environ, PKG_CONFIG_PATH=os.path.dirname(pc[0]))
    ask = lambda *argv: run("pkg-config", *argv, env=env).stdout.split()
    libdir = ask("--variable=libdir", "spice-server")[0]
    flags = ask("--cflags", "--libs", "spice-server")
    # The installed library of the system has the same name: what is named first must be ours.
    if not libdir.startswith(prefix) or f"-I{prefix}/include/spice-server" not in flags:
        problems.append(f"pkg-config points elsewhere: {libdir}, {flags}")
    if ask("--modversion", "spice-server") != ["0.16.0"]:
        problems.append(f"pkg-config says version {ask('--modversion', 'spice-server')}")
    if "spice-protocol" not in " ".join(ask("--print-requires", "spice-server")):
        problems.append("spice-server.pc does not require spice-protocol")
    for name in (SONAME, "libspice-server.so"):
        if not os.path.exists(os.path.join(libdir, name)):
            problems.append(f"{name} is not installed in {libdir}")
    names = sorted(os.listdir(os.path.join(prefix, "include", "spice-server")))
    wanted = sorted(os.listdir(reference_include()) + ["sumac.h"])
    if names != wanted:
        problems.append(f"headers installed: {names}, wanted {wanted}")
    if problems:
        return problems
    program = os.path.join(work, "installed")
    # As C and as C++, for hosts are written in both.
    for language in ("c", "c++"):
        run(cc, "-x", language, "-Wall", "-Werror", os.path.join(HERE, "installed.c"), "-x", "none",
            *flags, "-Wl,-z,defs", "-o", program)
        done = run(program, check=False, env=dict(os.environ, LD_LIBRARY_PATH=libdir), timeout=30)
        if done.returncode != 0:
            problems.append(f"program built as {language}: status {done.returncode} {done.stderr}")
    return problems


def check_programs(prefix, man):
    """Each program is there with its page, says what it is, and runs with the library beside it; each page of `man` is there."""
    problems = []
    pages = sorted(name for _, _, names in os.walk(os.path.join(prefix, "share", "man")) for name in names)
    if pages != sorted(os.listdir(man)):
        problems.append(f"manual pages installed: {pages}, wanted {sorted(os.listdir(man))}")
    folder = os.path.join(prefix, "bin")
    programs = sorted(os.listdir(folder)) if os.path.isdir(folder) else []
    wanted = sorted(name[:-2] for name in os.listdir(man) if name.endswith(".1"))
    if programs != wanted:
        problems.append(f"programs installed: {programs}, wanted {wanted}")
    env = {name: value for name, value in os.environ.items() if name != "LD_LIBRARY_PATH"}
    for name in programs:
        path = os.path.join(folder, name)
        done = run(path, "--help", check=False, env=env, timeout=30)
        if done.returncode != 0 or f"sage: {name} " not in done.stdout:
            problems.append(f"{name} --help: status {done.returncode} {done.stdout[:100]}{done.stderr[:300]}")
        library = re.search(re.escape(SONAME) + r" => (\S+)", run("ldd", path, env=env).stdout)
        if library and not os.path.realpath(library.group(1)).startswith(os.path.realpath(prefix) + "/"):
            problems.append(f"{name} takes {library.group(1)}")
    return problems


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("test", choices=["symbols", "layout", "types", "host", "install"])
    parser.add_argument("--cc", default="gcc")
    parser.add_argument("--cmake", default="cmake")
    parser.add_argument("--ours", help="our libspice-server.so.1")
    parser.add_argument("--include", help="our public headers")
    parser.add_argument("--version-script")
    parser.add_argument("--build", help="build folder")
    parser.add_argument("--man", help="our manual pages")
    args = parser.parse_args()
    try:
        with tempfile.TemporaryDirectory(prefix="sumac-abi-") as work:
            if args.test == "symbols":
                problems = compare_symbols(reference_library(args.cc), args.ours,
                                           read_additions(os.path.join(HERE, "additions.txt")))
            elif args.test == "layout":
                problems = compare_layout(args.cc, reference_include(), args.include,
                                          os.path.join(HERE, "layout.txt"), work)
            elif args.test == "types":
                problems = compare_types(args.cc, reference_library(args.cc), reference_include(), args.ours,
                                         args.include, args.version_script, work)
            elif args.test == "host":
                problems = run_host(args.cc, reference_library(args.cc), reference_include(), args.ours, work)
            else:
                problems = install_and_build(args.cc, args.cmake, args.build, work)
                problems += check_programs(os.path.join(work, "prefix"), args.man)
    except Broken as broken:
        problems = [str(broken)]
    for problem in problems:
        print(problem)
    print(f"abi {args.test}: {'FAILED, %d difference(s)' % len(problems) if problems else 'as wanted'}")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
