#!/usr/bin/env bash
# check-tidy.sh [FILE...]: clang-tidy over our sources with .clang-tidy, as many at a time as there are cores.
# A file that passed is not looked at again until it, what it includes, or .clang-tidy changes (build/tidy/).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
command -v clang-tidy >/dev/null || { echo "tidy: clang-tidy is missing: tools/deps.sh ci" >&2; exit 1; }
mkdir -p build/tidy
read -ra flags < <(make -s print-tidy-flags)
[ $# -gt 0 ] || mapfile -t files < <(find src -name '*.c' | sort)
[ $# -eq 0 ] || files=("$@")

tidy_one() { # FILE FLAGS...
    local file=$1 key
    shift
    [ "$file" = src/base/err.c ] || set -- "$@" -include tools/tidy.h
    key=build/tidy/$({ cat .clang-tidy; clang -E "$@" "$file" 2>/dev/null; cat "$file"; } | sha256sum | cut -c1-32)
    [ ! -e "$key" ] || return 0
    if clang-tidy --quiet "$file" -- "$@" >"$key.out" 2>"$key.err"; then
        rm -f "$key.out" "$key.err"
        touch "$key"
    else
        cat "$key.out"
        grep -E 'error:|fatal' "$key.err" || true
        rm -f "$key.out" "$key.err"
        return 1
    fi
}
export -f tidy_one
printf '%s\n' "${files[@]}" | xargs -P "$(nproc)" -I{} bash -c 'tidy_one "$@"' tidy {} "${flags[@]}" || { echo "tidy: problems" >&2; exit 1; }
echo "tidy: ok (${#files[@]} files)"
