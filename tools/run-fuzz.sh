#!/usr/bin/env bash
# run-fuzz.sh FOLDER SECONDS [TARGET...]: runs libFuzzer targets, two at a time at most, from their seed corpus.
# What is found is left in build/fuzz/found/; a crash makes it end with 1.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
folder=$1 seconds=$2
shift 2
found=build/fuzz/found
mkdir -p "$found"
if [ $# = 0 ]; then
    for target in "$folder"/f_*; do
        [ ! -x "$target" ] || set -- "$@" "$(basename "$target")"
    done
fi

export UBSAN_OPTIONS=print_stacktrace=1
fuzz_one() { # TARGET
    local new=build/fuzz/corpus/$1 log=build/fuzz/$1.log
    mkdir -p "$new"
    if "$folder/$1" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -artifact_prefix="$found/$1-" \
        "$new" "test/fuzz/corpus/$1" >"$log" 2>&1; then
        echo "$1: $(grep -E '^Done ' "$log" | tail -1)"
    else
        tail -40 "$log"
        echo "$1: FAILED; the input is in $found/"
        return 1
    fi
}
export -f fuzz_one
export folder seconds found
printf '%s\n' "$@" | grep . | xargs -r -P 2 -I{} bash -c 'fuzz_one {}'
