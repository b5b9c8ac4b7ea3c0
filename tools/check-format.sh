#!/usr/bin/env bash
# check-format.sh [--changed] [FILE...]: says which C files clang-format would change, and changes none.
# --changed looks only at what differs from the main branch. `make format` applies it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
command -v clang-format >/dev/null || { echo "format: clang-format is missing: tools/deps.sh ci" >&2; exit 1; }
if [ "${1:-}" = --changed ]; then
    base=$(git merge-base HEAD main 2>/dev/null || git merge-base HEAD origin/main 2>/dev/null || git rev-parse HEAD)
    mapfile -t files < <({ git diff --name-only --diff-filter=d "$base"; git ls-files -o --exclude-standard; } | sort -u)
elif [ $# -gt 0 ]; then
    files=("$@")
else
    mapfile -t files < <(git ls-files -co --exclude-standard)
fi
sources=()
for f in "${files[@]}"; do
    case "$f" in
    test/checks/planted/*) [ $# -gt 0 ] && [ "$1" != --changed ] && sources+=("$f") ;;
    *.c | *.h) [ -e "$f" ] && sources+=("$f") ;;
    esac
done
wrong=0
for f in "${sources[@]}"; do
    clang-format "$f" | cmp -s - "$f" || { echo "$f: make format would change it" >&2; wrong=$((wrong + 1)); }
done
[ $wrong -eq 0 ] || { echo "format: $wrong files" >&2; exit 1; }
echo "format: ok (${#sources[@]} files)"
