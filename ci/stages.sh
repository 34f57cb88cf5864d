# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC2034
# Sourced by ci/test and ci/nightly: runs named stages, times them, keeps their results for ci/summary.
#
# RESULTS is a folder with stages.tsv (name, status, seconds) and one name.xml per stage that ran ctest.
# A stage that fails does not end the run: the others still say what they have to say.

cd "$(dirname "${BASH_SOURCE[0]}")/.."
JOBS=$(nproc)
# GLib's own pools would hide from sanitizers what becomes of a block.
export G_SLICE=always-malloc

# stage NAME COMMAND...: the command may be a function. Sets STAGE_OK for those that depend on it.
stage() {
    local name=$1 start=$SECONDS
    shift
    printf '\n==== %s\n' "$name"
    # A subshell with -e of its own: `if` and `||` would switch -e off inside the command.
    set +e
    (
        set -e
        "$@"
    )
    local status=$?
    set -e
    STAGE_OK=$((status == 0))
    printf '%s\t%d\t%d\n' "$name" "$status" $((SECONDS - start)) >>"$RESULTS/stages.tsv"
    local verdict="done"
    ((status == 0)) || verdict="FAILED ($status)"
    printf -- '---- %s: %s, %d s\n' "$name" "$verdict" $((SECONDS - start))
}

# compile PRESET [cmake -D options...]
compile() {
    local preset=$1
    shift
    cmake --preset "$preset" "$@" >"$RESULTS/configure-$preset.log" 2>&1 || {
        cat "$RESULTS/configure-$preset.log"
        return 1
    }
    cmake --build --preset "$preset" -j "$JOBS"
}

# compile_only TARGET PRESET: when the rest of it is not needed.
compile_only() {
    cmake --preset "$2" >"$RESULTS/configure-$2.log" 2>&1 || {
        cat "$RESULTS/configure-$2.log"
        return 1
    }
    cmake --build --preset "$2" -j "$JOBS" --target "$1"
}

# run_tests NAME BUILD_FOLDER LABEL... [-- ctest options...]: all tests with one of the labels, except those with one of $EXCEPT.
run_tests() {
    local name=$1 folder=$2 labels=
    shift 2
    while (($#)) && [[ $1 != -- ]]; do
        labels+=${labels:+|}$1
        shift
    done
    "${WRAP[@]}" ctest --test-dir "$folder" -L "^($labels)\$" -LE "^($EXCEPT)\$" -j "$JOBS" --no-tests=error \
        --output-on-failure --output-junit "$RESULTS/$name.xml" "${@:2}"
}
WRAP=()
EXCEPT="slow|bench"

# ThreadSanitizer cannot live with every layout of the address space that newer kernels choose.
no_randomisation() {
    WRAP=()
    if setarch -R true 2>/dev/null; then
        WRAP=(setarch -R)
    fi
}

# Our C sources, one per line; in an unpacked archive there is no git to ask.
sources() {
    if git rev-parse --is-inside-work-tree >/dev/null 2>&1; then
        git ls-files -- '*.c' '*.h'
    else
        find . -path ./build -prune -o -name '*.[ch]' -print
    fi
}

# tidy LOG [clang-tidy options...]: the compile commands of the asan build are clang's own, so clang-tidy understands
# them all. What is generated is judged through the description it comes from.
tidy() {
    local log=$1
    shift
    sources | grep '\.c$' | python3 -c '
import json, os, sys
known = {os.path.realpath(os.path.join(e["directory"], e["file"])) for e in json.load(open("build/asan/compile_commands.json"))}
print("\n".join(line for line in sys.stdin.read().split("\n") if line and os.path.realpath(line) in known))' |
        xargs -r -P "$JOBS" -n 4 clang-tidy -p build/asan --quiet --warnings-as-errors='*' "$@" 2>"$log" || {
        grep -v 'warnings generated\|^Suppressed' "$log" || true
        return 1
    }
}
