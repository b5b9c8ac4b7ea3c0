#!/usr/bin/env bash
# run-tests.sh BUILD_FOLDER SUITE...: runs the suites one after the other and repeats each runner's own closing lines and
# what failed at the end. A failed suite does not stop the others; the exit code is 1 when any failed.
# STINT_SMALL=1 asks the tests that loop for smaller counts (sanitizer runs set it).
# Suites: unit store (Check), fuzz (corpus replay), checks (planted violations), and node:test files: e2e e2e-nodes e2e-pg pipeline chaos soak.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
build=$1
shift
export STINT_BIN=$PWD/$build/stint STINT_BUILD=$PWD/$build
export STINT_PATIENCE=${STINT_PATIENCE:-5} # the limits of tests are for those that hang, not for a machine with other work
# A change is not to be refused for a sequence of operations that it has nothing to do with; chaos and soak look for those, and draw their seeds.
case " $* " in *" chaos "* | *" soak "*) ;; *) export STINT_SEED=${STINT_SEED:-20261123} ;; esac
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

# The tests on PostgreSQL wait for its flushes most of the time: they run beside the others, and are printed behind them. The files that
# have a process of their own take as long as all the rest.
run_store() {
    local status=0 pid pids=() apart="copy.c postgres faults.c families.c report.c" not_apart
    not_apart=$(printf ' !%s' $apart)
    STINT_TEST_ENGINES=pg test/pg/cluster.sh "$build/test/store" differential.c >"$build/log/store-pg.1" 2>&1 &
    pids+=($!)
    STINT_TEST_ENGINES=pg test/pg/cluster.sh "$build/test/store" $apart >"$build/log/store-pg.2" 2>&1 &
    pids+=($!)
    STINT_TEST_ENGINES=pg test/pg/cluster.sh "$build/test/store" " on pg" '!differential.c' $not_apart >"$build/log/store-pg.3" 2>&1 &
    pids+=($!)
    STINT_TEST_ENGINES=sqlite,memory "$build/test/store" || status=1
    for pid in "${pids[@]}"; do # by number: a list of jobs leaves out those that have ended
        wait "$pid" || status=1
    done
    cat "$build"/log/store-pg.?
    return $status
}

# Most of them wait most of the time: so node runs two files of e2e at once, and the suites of servers on PostgreSQL begin together with e2e, and
# are printed behind it.
ahead=
begin_ahead() { # SUITE...
    local suite
    {
        for suite in "$@"; do
            case "$suite" in e2e-*) { run_suite "$suite" && echo 0 || echo 1; } >"$build/log/ahead.$suite" 2>&1 & ;; esac
        done
        wait
    } &
    ahead=$!
}
end_ahead() { # SUITE
    sed '$ d' "$build/log/ahead.$1"
    return "$(tail -n 1 "$build/log/ahead.$1")"
}

run_fuzz() {
    local target
    for target in "$build"/test/fuzz/f_*; do
        case "$target" in *.d | *'*') continue ;; esac
        "$target" "test/fuzz/corpus/$(basename "$target")" || return 1
    done
}

run_suite() { # NAME
    case "$1" in
    e2e) run_e2e ;;
    e2e-nodes) run_e2e_nodes ;;
    e2e-pg) run_e2e_pg ;;
    unit) test/pg/cluster.sh "$build/test/unit" ;;
    store) run_store ;;
    fuzz) run_fuzz ;;
    checks) test/checks/run.sh ;;
    *) run_node "test/$1"/*.test.mjs ;;
    esac
}

run_or_end() { # SUITE
    case "$ahead/$1" in
    [0-9]*/e2e-*) end_ahead "$1" ;;
    *) run_suite "$1" ;;
    esac
}

closing_lines() { # NAME: what the runner said last about the whole
    case "$1" in
    e2e | e2e-nodes | e2e-pg | pipeline | chaos | soak) grep -E '^(ℹ|#) (tests|pass|fail|cancelled|skipped|duration_ms) |no test files$' "$build/log/$1" | tr '\n' ' ' || true ;;
    fuzz) grep -c 'inputs replayed$' "$build/log/$1" | sed 's/$/ fuzz targets replayed their corpus/' || true ;;
    store) grep -hE '^[0-9]+%: ' "$build/log/store" | tr '\n' ' ' || true ;;
    *) tail -n 200 "$build/log/$1" | grep -E '^[0-9]+%: |passed' | tail -1 || true ;;
    esac
}

for suite in "$@"; do
    echo "== $suite"
    start=$SECONDS
    case "$suite" in
    e2e) begin_ahead "$@" ;;
    e2e-*) [ -z "$ahead" ] || wait "$ahead" ;;
    esac
    if (set -o pipefail; run_or_end "$suite" 2>&1 | tee "$build/log/$suite"); then
        echo "== $suite: $((SECONDS - start)) s"
    else
        failed+=("$suite")
        echo "== $suite: FAILED after $((SECONDS - start)) s"
    fi
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
