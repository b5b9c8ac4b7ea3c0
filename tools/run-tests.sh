#!/usr/bin/env bash
# run-tests.sh BUILD_FOLDER SUITE...: runs the suites and repeats each runner's own closing lines and
# what failed at the end. A failed suite does not stop the others; the exit code is 1 when any failed.
# Most tests wait most of the time, for a disk, a lease, another process: so the suites are cut into parts, of which AT_ONCE (5) run at the
# same time, the longest first; each line that tells of a part's end has its seconds, and those of the processors (without PostgreSQL's).
# What they said comes when all are through, suite by suite; a single part says it at once.
# STINT_SMALL=1 asks the tests that loop for smaller counts (sanitizer runs set it), and for one suite at a time.
# Suites: unit store (Check), fuzz (corpus replay), checks (planted violations), and node:test files: e2e e2e-nodes e2e-pg pipeline chaos soak.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
build=$1
shift
export STINT_BIN=$PWD/$build/stint STINT_BUILD=$PWD/$build
PATH=$PWD/third_party/node/bin:$PATH # only there where the machine's Node.js is too old for them (tools/deps.sh)
export STINT_PATIENCE=${STINT_PATIENCE:-5} # the limits of tests are for those that hang, not for a machine with other work
# A change is not to be refused for a sequence of operations that it has nothing to do with; chaos and soak look for those, and draw their seeds.
case " $* " in *" chaos "* | *" soak "*) ;; *) export STINT_SEED=${STINT_SEED:-20261123} SEED=${SEED:-20261123} ;; esac
mkdir -p "$build/log"
failed=()

run_node() { # FILE...
    test/pg/cluster.sh node --test --test-reporter=spec "$@"
}

# e2e-nodes is about servers on PostgreSQL; e2e is the rest.
run_e2e() {
    local file files=() at_once=2
    [ "${STINT_SMALL:-}" != 1 ] || at_once=1 # under sanitizers there is no time left over
    for file in test/e2e/*.test.mjs; do
        case "$file" in */pg_* | */nodes.*) ;; *) files+=("$file") ;; esac
    done
    run_node --test-concurrency=$at_once "${files[@]}"
}
run_e2e_nodes() {
    local at_once=2 # one of them waits for half a minute
    [ "${STINT_SMALL:-}" != 1 ] || at_once=1
    run_node --test-concurrency=$at_once test/e2e/nodes.test.mjs test/e2e/pg_*.test.mjs
}

# What the API means must not depend on the engine: the same tests, on a database for each server.
run_e2e_pg() {
    local names="artifacts auth batches bulk depends errors families history hostile index_api jobs leases limits openapi proxy schedule_command schedules streams tenants work_all workers" name files=()
    for name in $names; do
        files+=("test/e2e/$name.test.mjs")
    done
    STINT_TEST_ENGINE=pg test/pg/cluster.sh bash -c '
        [ -n "${STINT_TEST_PG:-}" ] || { echo "e2e-pg: no test files: there is no PostgreSQL"; [[ ! ${REQUIRE:-} =~ (^|[ ,])pg($|[ ,]) ]]; exit; }
        exec node --test --test-reporter=spec "$@"' e2e-pg "${files[@]}"
}

# The files that have a process of their own take as long as all the rest. Those on PostgreSQL wait for its flushes most of the time.
STORE_APART=(copy.c postgres faults.c families.c report.c)
run_store() { # PART
    case "$1" in
    files) STINT_TEST_ENGINES=sqlite,memory "$build/test/store" '! on memory' ;;
    memory) STINT_TEST_ENGINES=sqlite,memory "$build/test/store" ' on memory' ;;
    pg-model) STINT_TEST_ENGINES=pg test/pg/cluster.sh "$build/test/store" differential.c ;;
    pg-apart) STINT_TEST_ENGINES=pg test/pg/cluster.sh "$build/test/store" "${STORE_APART[@]}" ;;
    pg) STINT_TEST_ENGINES=pg test/pg/cluster.sh "$build/test/store" ' on pg' '!differential.c' "${STORE_APART[@]/#/!}" ;;
    esac
}

run_fuzz() {
    local target
    for target in "$build"/test/fuzz/f_*; do
        case "$target" in *.d | *'*') continue ;; esac
        "$target" "test/fuzz/corpus/$(basename "$target")" || return 1
    done
}

run_pipeline() {
    local at_once=2
    [ "${STINT_SMALL:-}" != 1 ] || at_once=1
    run_node --test-concurrency=$at_once test/pipeline/*.test.mjs
}

run_part() { # SUITE or SUITE.PART
    case "$1" in
    e2e) run_e2e ;;
    e2e-nodes) run_e2e_nodes ;;
    e2e-pg) run_e2e_pg ;;
    unit) test/pg/cluster.sh "$build/test/unit" ;;
    store.*) run_store "${1#store.}" ;;
    fuzz) run_fuzz ;;
    checks) test/checks/run.sh ;;
    pipeline) run_pipeline ;;
    *) run_node "test/$1"/*.test.mjs ;;
    esac
}

parts_of() { # SUITE
    case "$1" in
    store) echo store.pg-apart store.pg-model store.files store.pg store.memory ;;
    *) echo "$1" ;;
    esac
}

# The longest first.
in_order() { # SUITE...
    local known="e2e e2e-nodes e2e-pg store pipeline unit checks fuzz" suite
    for suite in $known; do
        case " $* " in *" $suite "*) echo "$suite" ;; esac
    done
    for suite in "$@"; do
        case " $known " in *" $suite "*) ;; *) echo "$suite" ;; esac
    done
}

log_of() { # PART
    echo "$build/log/part.$1"
}

run_and_tell() { # PART: its verdict and seconds go into a file
    local part=$1 start=$SECONDS verdict=ok
    TIMEFORMAT='%U %S'
    { time run_part "$part" >"$(log_of "$part")" 2>&1 </dev/null; } 2>"$(log_of "$part").time" || verdict=FAILED
    echo "$verdict $((SECONDS - start))" >"$(log_of "$part").verdict"
    awk -v part="$part" -v verdict=$verdict -v wall=$((SECONDS - start)) \
        '{ printf "-- %s: %s after %d s (processors: %d s)\n", part, verdict, wall, $1 + $2 }' "$(log_of "$part").time"
}

# Each part is a process group of its own, which ends with this script.
pids=()
end_all() {
    local pid
    for pid in "${pids[@]}"; do
        kill -TERM -- "-$pid" 2>/dev/null || true
    done
    wait
}
trap 'end_all; exit 130' INT TERM HUP

wait_below() { # COUNT
    local running # asked for in this shell: one behind a pipe has no jobs
    while running=$(jobs -rp) && [ "$(wc -w <<<"$running")" -ge "$1" ]; do
        wait -n || true
    done
}

begin() { # PART
    rm -f "$(log_of "$1").verdict"
    set -m
    run_and_tell "$1" &
    pids+=($!)
    set +m
}

run_all() { # SUITE...
    local suite part
    for suite in $(in_order "$@"); do
        [ "${STINT_SMALL:-}" != 1 ] || [[ $suite = e2e-* ]] || wait_below 1
        for part in $(parts_of "$suite"); do
            wait_below "${AT_ONCE:-5}"
            begin "$part"
        done
    done
    wait_below 1
}

# "ok" or "FAILED", and the seconds of the longest part.
verdict_of() { # SUITE
    local part verdict=ok longest=0 its seconds
    for part in $(parts_of "$1"); do
        read -r its seconds <"$(log_of "$part").verdict" || its=FAILED
        [ "$its" = ok ] || verdict=FAILED
        [ "${seconds:-0}" -le "$longest" ] || longest=$seconds
    done
    echo "$verdict $longest"
}

closing_lines() { # NAME: what the runner said last about the whole
    case "$1" in
    e2e | e2e-nodes | e2e-pg | pipeline | chaos | soak) grep -E '^(ℹ|#) (tests|pass|fail|cancelled|skipped|duration_ms) |no test files$' "$build/log/$1" | tr '\n' ' ' || true ;;
    fuzz) grep -c 'inputs replayed$' "$build/log/$1" | sed 's/$/ fuzz targets replayed their corpus/' || true ;;
    store) grep -hE '^[0-9]+%: ' "$build/log/store" | tr '\n' ' ' || true ;;
    *) tail -n 200 "$build/log/$1" | grep -E '^[0-9]+%: |passed' | tail -1 || true ;;
    esac
}

run_alone() { # PART
    local start=$SECONDS verdict=ok
    run_part "$1" 2>&1 | tee "$(log_of "$1")" || verdict=FAILED
    echo "$verdict $((SECONDS - start))" >"$(log_of "$1").verdict"
}

show() { # SUITE
    local part
    for part in $(parts_of "$1"); do
        cat "$(log_of "$part")"
    done | tee "$build/log/$1"
}

if [ $# = 1 ] && [ "$1" = "$(parts_of "$1")" ]; then
    run_alone "$1"
    show "$1" >/dev/null
else
    run_all "$@"
    for suite in "$@"; do
        echo "== $suite"
        show "$suite"
    done
fi
for suite in "$@"; do
    read -r verdict seconds < <(verdict_of "$suite")
    case "$verdict" in
    ok) echo "== $suite: $seconds s" ;;
    *)
        failed+=("$suite")
        echo "== $suite: FAILED after $seconds s"
        ;;
    esac
done

echo
for suite in "$@"; do
    echo "$suite: $(closing_lines "$suite")"
done
if [ ${#failed[@]} -gt 0 ]; then
    for suite in "${failed[@]}"; do
        grep -hE '^[^ ]+:[0-9]+:[FE]:|^✖ ' "$build/log/$suite" | sort -u | head -n 20 || true
    done
    echo "failed: ${failed[*]}"
    exit 1
fi
