#!/usr/bin/env bash
# run.sh: shows every check of ours a planted violation and sees that it catches exactly what `expect` lists; an empty tree must pass.
# Also: each banned function fails to compile, and lock files hold no download addresses.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
planted=test/checks/planted
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
mkdir "$tmp/empty"
passed=0
failed=0

verdict() { # WHAT STATUS
    if [ "$2" = 0 ]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "checks: FAILED: $1"
    fi
}

for check in layers sizes bans docs; do
    output=$(node "tools/check-$check.mjs" "$planted/$check" 2>&1)
    [ $? = 1 ]
    verdict "$check fails on its planted violations" $?
    while read -r line; do
        grep -qF -- "$line" <<<"$output"
        verdict "$check says: $line" $?
    done <"$planted/$check/expect"
    node "tools/check-$check.mjs" "$tmp/empty" >/dev/null 2>&1
    verdict "$check passes on an empty tree" $?
done

if command -v clang-format >/dev/null; then
    ! tools/check-format.sh "$planted/format/wrong.c" >/dev/null 2>&1
    verdict "format catches a planted violation" $?
    tools/check-format.sh "$planted/format/right.c" >/dev/null
    verdict "format passes a well-formed file" $?
else
    echo "checks: format skipped: no clang-format here (tools/deps.sh ci)"
    [ -z "${CI:-}" ]
    verdict "clang-format is there where it is required" $?
fi

compiles() { # C TEXT
    echo "$1" | ${CC:-gcc} -std=gnu11 -D_GNU_SOURCE -include base/banned.h -Isrc -fsyntax-only -x c - 2>/dev/null
}
compiles 'int main(void) { return snprintf(NULL, 0, "x") > 0; }'
verdict "a function that is not banned compiles" $?
for name in sprintf vsprintf gets strcpy strcat strtok atoi localtime gmtime strerror system popen; do
    ! compiles "void *f(void); void *f(void) { return (void *)$name; }"
    verdict "$name does not compile" $?
done

total=$((passed + failed))
echo "$((passed * 100 / total))%: planted violations: $total, caught: $passed, missed: $failed"
[ $failed = 0 ]
