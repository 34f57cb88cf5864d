#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Does the house stand as it is drawn? (docs/architecture.md: folders, arrows, what comes only through core.h)

symbols   what objects need from outside their folder, compared with the arrows below and with allowed.txt
state     no object outside core/posix has memory of its own that can change
includes  #include "folder/..." follows the arrows; some system headers and words are for core/posix alone
spdx      every source file says its licence
paths     no file names a place on somebody's machine

Each prints what is wrong, one line each, and exits 0 only if nothing is. selftest.py plants violations.
"""
import argparse
import os
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))

# Which folders of server/ a folder may use, itself aside. Arrows go down only.
BELOW_SESSION = {"session", "link", "net", "wire", "core", "base"}
ARROWS = {
    "base": set(),
    "wire": {"base"},
    "codec": {"base"},
    "qxl": {"base"},
    "core": {"base"},
    "core-posix": {"core", "base"},
    "canvas": {"qxl", "codec", "base"},  # codec, for images that the guest gives as QUIC
    "net": {"wire", "core", "base"},
    "link": {"net", "wire", "core", "base"},  # net, for the server's OpenSSL context: net knows nothing of link
    "session": BELOW_SESSION,
    "channels": BELOW_SESSION,
    "agent": BELOW_SESSION,
    "migrate": BELOW_SESSION,
    "encode": BELOW_SESSION | {"codec", "qxl", "canvas"},
    "display": BELOW_SESSION | {"codec", "qxl", "canvas", "encode", "channels"},  # the worker is the home of the cursor channel
}
ARROWS["api"] = set(ARROWS) | {"api"}

# What lies beside the server uses it through core.h, wire/ and the public interface.
BESIDE = {"sim", "fake-qxl", "fake-client"}
BESIDE_MAY_USE = {"base", "core", "wire"} | BESIDE
BESIDE_MAY_ALSO_USE = {
    "sim": {"api"},  # for server_new(), which makes a server on the simulator's core
    "fake-qxl": {"codec"},  # its encoder of QUIC, by which guests give images
    "fake-client": {"codec"},  # its decoders, which other clients' images have been tried on
}

# Folders inside others that have arrows, and a library, of their own.
INNER = {"core-posix": "core/posix", "canvas": "display/canvas", "encode": "display/encode"}

# Folders of server/ without code.
NOT_CODE = {"include"}

# Headers and words that would bring in what only core may give. The symbols test sees calls; this sees what leaves no
# symbol behind.
FORBIDDEN_INCLUDES = {
    "assert.h": "base/check.h is ours",
    "pthread.h": "threads come from core",
    "threads.h": "threads come from core",
    "semaphore.h": "gates come from core",
    "sched.h": "threads come from core",
    "poll.h": "loops come from core",
    "sys/epoll.h": "loops come from core",
    "sys/select.h": "loops come from core",
    "sys/random.h": "entropy comes from core",
    "sys/time.h": "time comes from core",
    "sys/mman.h": "memory comes from core or malloc",
    "x86intrin.h": "its clock and random instructions leave no symbol",
}
FORBIDDEN_WORDS = {
    r"\b(__thread|_Thread_local|thread_local)\b": "no thread-local state",
    r"\b__builtin_ia32_rd(tscp?|rand\d+_step|seed\w+)\b|\b_rd(rand|seed)\d+_step\b|\b__rdtscp?\b": "time and entropy come from core",
    r"\berrno\b": "no errno outside core/posix: core calls return -Exxx",
}

SOURCE_SUFFIXES = (".c", ".h", ".cc", ".cpp", ".py", ".sh", ".cmake", ".map", ".in")
SKIPPED_FOLDERS = {".git", "build", ".cache", "__pycache__"}

# Spelled in pieces so that this file does not name what it looks for.
MACHINE_PATHS = re.compile(r"(?<![\w.$}/-])/(?:" + "|".join(
    ["wo" "rk/", "ho" "me/\\w", "ro" "ot/", "Us" "ers/\\w", "tm" "p/build"]) + ")")


def run(*argv):
    done = subprocess.run(argv, capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(argv)} failed:\n{done.stderr}")
    return done.stdout


# ---- objects ----

def symbols_of(archive):
    """{object: (needed, offered)}"""
    objects = {}
    for line in run("nm", "-A", "-P", archive).splitlines():
        where, name, kind = line.split()[:3]
        found = re.search(r"\[(.*)\]:$", where)
        needed, offered = objects.setdefault(found.group(1), (set(), set()))
        if kind in "Uwv":
            needed.add(name)
        elif kind.isupper():
            offered.add(name)
    return objects


def folder_sources(root, folder):
    server = os.path.join(root, "server")
    found = []
    for path, folders, names in os.walk(os.path.join(server, INNER.get(folder, folder))):
        folders[:] = [name for name in folders
                      if os.path.relpath(os.path.join(path, name), server) not in INNER.values()]
        found += [name for name in names if name.endswith(".c")]
    return sorted(found)


def check_complete(root, archives):
    """Every folder of server/ that has code is among the archives, and every .c file is in its archive."""
    problems = []
    server = os.path.join(root, "server")
    folders = [name for name in sorted(os.listdir(server)) if os.path.isdir(os.path.join(server, name))]
    folders = [name for name in folders if name not in NOT_CODE] + sorted(INNER)
    for folder in folders:
        sources = folder_sources(root, folder)
        if not sources:
            continue
        if folder not in archives:
            problems.append(f"server/{folder} has sources, but there is no library sumac-{folder} to look at")
            continue
        members = set(run("ar", "t", archives[folder]).split())
        for name in sources:
            if name + ".o" not in members:
                problems.append(f"server/{folder}/{name} is not built into sumac-{folder}")
    for folder in archives:
        if folder not in ARROWS:
            problems.append(f"sumac-{folder}: no arrows are drawn for this folder (layering.py, ARROWS)")
    return problems


def read_allowed(path):
    """[(folders or None for all, {symbols}, reason)]

    A line that starts at the margin, "folder folder: reason" or "*: reason", opens a group; indented lines are its
    symbols."""
    groups = []
    with open(path, encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            text = line.rstrip()
            if not text or text.startswith("#"):
                continue
            if not text[0].isspace():
                folders, colon, reason = text.partition(":")
                if not colon or not reason.strip():
                    raise SystemExit(f"{path}:{number}: a group needs folders, a colon and a reason")
                names = set(folders.split())
                unknown = names - set(ARROWS) - {"*"}
                if unknown:
                    raise SystemExit(f"{path}:{number}: no such folder: {' '.join(sorted(unknown))}")
                groups.append((None if "*" in names else names, set(), reason.strip()))
            elif not groups:
                raise SystemExit(f"{path}:{number}: symbols before the first group")
            else:
                groups[-1][1].update(text.split())
    return groups


def check_symbols(archives, allowed):
    problems = []
    contents = {folder: symbols_of(path) for folder, path in archives.items()}
    offered = {folder: set().union(*(o for _, o in objects.values())) for folder, objects in contents.items()}
    used = set()
    for folder in sorted(contents):
        if folder == "core-posix":
            continue
        free = set().union(*(names for folders, names, _ in allowed if folders is None or folder in folders), set())
        for obj, (needed, _) in sorted(contents[folder].items()):
            for name in sorted(needed - offered[folder]):
                owners = sorted(other for other in offered if name in offered[other])
                if any(other in ARROWS.get(folder, ()) for other in owners):
                    continue
                if owners:
                    problems.append(f"{folder}/{obj} uses {name} of {owners[0]}: no arrow goes from {folder} there")
                elif name in free:
                    used.add(name)
                else:
                    problems.append(f"{folder}/{obj} uses {name}, which allowed.txt does not allow it")
    # What one folder alone was granted for a reason should go when the reason goes.
    idle = sorted(set().union(*(names for folders, names, _ in allowed if folders), set()) - used)
    if idle:
        print("granted to a folder, but not used now:", " ".join(idle))
    return problems


def changeable(archive):
    """[(object, section, symbol, bytes)]: memory that can change. Constants with addresses in them (.data.rel.ro) are
    written only by the dynamic linker, before we run."""
    found = []
    obj = None
    for line in run("objdump", "-t", archive).splitlines():
        header = re.match(r"(\S+):\s+file format", line)
        if header:
            obj = header.group(1)
            continue
        part = re.match(r"[0-9a-f]+ (.{7}) (\S+)\s+([0-9a-f]+)\s+(?:\.hidden |\.internal |\.protected )?(\S+)$", line)
        if not part:
            continue
        flags, section, size, name = part.group(1), part.group(2), int(part.group(3), 16), part.group(4)
        writable = section == "*COM*" or re.match(r"\.(data|bss|tdata|tbss|ldata|lbss|sdata|sbss)(?!\.rel\.ro)", section)
        if writable and "d" not in flags and size > 0:
            found.append((obj, section, name, size))
    return found


def check_state(archives, exceptions):
    problems = []
    for folder in sorted(archives):
        if folder == "core-posix":
            continue
        for obj, section, name, size in changeable(archives[folder]):
            # A static variable inside a function carries a number that compilers choose.
            plain = re.sub(r"\.\d+$", "", name)
            if f"{folder}/{plain}" not in exceptions:
                problems.append(f"{folder}/{obj}: {plain} ({size} bytes in {section}) can change: "
                                "two servers in one process would share it")
    return problems


def read_exceptions(path):
    """{"folder/symbol": reason}"""
    exceptions = {}
    with open(path, encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            if line.strip() and not line.startswith("#"):
                part = line.split(None, 1)
                if len(part) != 2 or "/" not in part[0]:
                    raise SystemExit(f"{path}:{number}: wanted \"folder/symbol reason\"")
                exceptions[part[0]] = part[1].strip()
    return exceptions


# ---- sources ----

def files(root):
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders if name not in SKIPPED_FOLDERS)
        for name in sorted(names):
            yield os.path.relpath(os.path.join(folder, name), root)


def read_text(root, file):
    """None for what is no text."""
    with open(os.path.join(root, file), "rb") as source:
        data = source.read()
    if b"\0" in data:
        return None
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return None


def without_comments(text):
    """The same lines, comments and the insides of strings blanked (but not the names of includes)."""
    def blank(match):
        token = match.group(0)
        return token if token.startswith("#") else re.sub(r"[^\n]", " ", token)
    return re.sub(r'^[ \t]*#[ \t]*include[ \t]+["<][^">\n]*[">]|/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"', blank, text,
                  flags=re.S | re.M)


def folder_of(file):
    """The folder whose arrows count for a source file; None: none do."""
    part = file.split("/")
    if part[0] in BESIDE:
        return part[0]
    if part[0] != "server" or len(part) < 3 or part[1] in NOT_CODE:
        return None
    return inner_of("/".join(part[1:])) or part[1]


def inner_of(file):
    return next((folder for folder, path in INNER.items() if file.startswith(path + "/")), None)


def check_includes(root):
    problems = []
    seen = 0
    for file in files(root):
        folder = folder_of(file)
        text = read_text(root, file) if folder and file.endswith((".c", ".h")) else None
        if text is None:
            continue
        seen += 1
        for number, line in enumerate(without_comments(text).splitlines(), 1):
            where = f"{file}:{number}"
            found = re.match(r'\s*#\s*include\s+(["<])([^">]+)[">]', line)
            if found:
                kind, name = found.groups()
                if kind == "<":
                    if name in FORBIDDEN_INCLUDES and folder in ARROWS and folder != "core-posix":
                        problems.append(f"{where}: <{name}>: {FORBIDDEN_INCLUDES[name]}")
                elif "/" in name:
                    target = inner_of(name) or name.split("/")[0]
                    may = BESIDE_MAY_USE | BESIDE_MAY_ALSO_USE.get(folder, set()) if folder in BESIDE else ARROWS.get(folder, set()) | {folder}
                    if target not in may:
                        problems.append(f"{where}: \"{name}\": no arrow goes from {folder} to {target}")
            elif folder in ARROWS and folder != "core-posix":
                for pattern, reason in FORBIDDEN_WORDS.items():
                    word = re.search(pattern, line)
                    if word:
                        problems.append(f"{where}: {word.group(0)}: {reason}")
    print(f"{seen} files")
    return problems if seen else ["no source files found"]


def check_spdx(root):
    problems = []
    seen = 0
    for file in files(root):
        name = os.path.basename(file)
        source = name.endswith(SOURCE_SUFFIXES) or name == "CMakeLists.txt"
        text = read_text(root, file) if source or "." not in name else None
        if text is None or not source and not text.startswith("#!"):
            continue
        seen += 1
        if not any("SPDX-License-Identifier: LGPL-2.1-or-later" in line for line in text.splitlines()[:3]):
            problems.append(f"{file}: no line SPDX-License-Identifier: LGPL-2.1-or-later in its first three")
    print(f"{seen} files")
    return problems if seen else ["no source files found"]


def check_paths(root):
    problems = []
    seen = 0
    for file in files(root):
        text = read_text(root, file)
        if text is None or file == ".git":  # the latter is a file in a linked work tree
            continue
        seen += 1
        for number, line in enumerate(text.splitlines(), 1):
            found = MACHINE_PATHS.search(line)
            if found:
                problems.append(f"{file}:{number}: names {line[found.start():].split()[0]}")
    print(f"{seen} files")
    return problems if seen else ["no files found"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("check", choices=["symbols", "state", "includes", "spdx", "paths"])
    parser.add_argument("archives", nargs="*", metavar="folder=libsumac-folder.a")
    args = parser.parse_args()
    archives = dict(pair.split("=", 1) for pair in args.archives)
    if args.check in ("symbols", "state"):
        problems = check_complete(ROOT, archives)
        if args.check == "symbols":
            problems += check_symbols(archives, read_allowed(os.path.join(HERE, "allowed.txt")))
        else:
            problems += check_state(archives, read_exceptions(os.path.join(HERE, "state.txt")))
    else:
        problems = {"includes": check_includes, "spdx": check_spdx, "paths": check_paths}[args.check](ROOT)
    for problem in problems:
        print(problem)
    print(f"layering {args.check}: {'FAILED, %d problem(s)' % len(problems) if problems else 'as drawn'}")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
