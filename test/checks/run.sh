#!/usr/bin/env bash
# run.sh: shows every check of ours a planted violation and sees that it catches exactly what `expect` lists; an empty tree must pass.
# Also: each banned function fails to compile, and the built program has its hardening.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 2
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

for check in layers sizes names bans docs; do
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

# The hardening of what is shipped: the test build has the flags of the release.
hardened() { # PROGRAM
    local header segments dynamic symbols
    header=$(readelf -h "$1") segments=$(readelf -Wl "$1") dynamic=$(readelf -Wd "$1") symbols=$(readelf -Ws --dyn-syms "$1")
    grep -q 'Type: *DYN' <<<"$header"
    verdict "$1 is position independent" $?
    grep -q 'GNU_STACK.* RW ' <<<"$segments"
    verdict "$1 has a stack that cannot be executed" $?
    grep -q 'GNU_RELRO' <<<"$segments" && grep -q 'BIND_NOW\|FLAGS_1.*NOW' <<<"$dynamic"
    verdict "$1 has read-only relocations" $?
    grep -q '__stack_chk_fail' <<<"$symbols"
    verdict "$1 has stack canaries" $?
    grep -q '_chk@' <<<"$symbols"
    verdict "$1 has fortified calls" $?
}
if [ -x build/test/stint ]; then
    hardened build/test/stint
elif [ -x build/test/test/unit ]; then
    hardened build/test/test/unit
fi

# A part of the store's tests that fails before the others have ended fails the suite.
run_store_with() { # WORD: the part with this argument fails at once; another ends when that is known
    local folder=build/check-run
    rm -rf $folder
    mkdir -p $folder/test
    mkfifo $folder/ended
    cat >$folder/test/store <<END
#!/bin/sh
if [ -n "$1" ] && [ "\$*" = "$1" ]; then
    (while kill -0 \$\$ 2>/dev/null; do :; done; echo >$folder/ended) &
    echo "0%: Checks: 1, Failures: 1"
    exit 1
fi
[ "\$*" != "! on memory" ] || [ -z "$1" ] || read -r line <$folder/ended
echo "100%: Checks: 1, Failures: 0"
END
    chmod +x $folder/test/store
    STINT_TEST_PG=none tools/run-tests.sh $folder store >/dev/null 2>&1
    local status=$?
    rm -rf $folder
    return $status
}
run_store_with ''
verdict "a store suite of which all parts pass passes" $?
! run_store_with differential.c
verdict "a store suite of which one part fails early fails" $?

total=$((passed + failed))
echo "$((passed * 100 / total))%: checks of our checks: $total, passed: $passed, failed: $failed"
[ $failed = 0 ]
