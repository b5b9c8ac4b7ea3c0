#!/usr/bin/env bash
# run-demo.sh: what `make run` does once everything is built: starts stint (server, workers, a development key) on a store in
# ./var, indexes a git repository through it, asks the index three questions, and stays until Ctrl-C.
#   REPO=URL-or-path   the repository (default: this checkout)
#   DEMO=prompts       instead: a batch of prompts on two days, against a provider that comes with it, and its reports
#   ONCE=1             stop after the answers
#   LISTEN=HOST:PORT   the address (default 127.0.0.1:7420)
#   STORE=postgres     on a PostgreSQL of its own, which goes at the end; or STORE=postgresql://…: on yours
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
stint=build/release/stint
repo=${REPO:-.}

if [ "${STORE:-}" = postgres ]; then
    tools/deps.sh test
    export -n STINT_TEST_PG
    STORE='' exec test/pg/cluster.sh "$0"
fi
store=()
[ -z "${STORE:-${STINT_TEST_PG:-}}" ] || store=(--store "${STORE:-$STINT_TEST_PG}")

dev=
provider=
stop() {
    for pid in $dev $provider; do
        kill -TERM "$pid" 2>/dev/null || true
        wait "$pid" 2>/dev/null || true
    done
}
trap stop EXIT
trap 'exit 130' INT TERM

allow=()
if [ -d "$repo" ]; then
    allow=(--allow-path "$(cd "$repo" && pwd)")
fi
mkdir -p -m 700 var
work=()
if [ "${DEMO:-}" = prompts ]; then
    exec {said}< <(
        trap '' INT
        exec node tools/demo-provider.mjs var/demo
    )
    provider=$!
    if ! read -r -u "$said" url; then
        echo "the provider did not start" >&2
        exit 1
    fi
    echo "A provider of language models plays its part at $url."
    export STINT_SECRET_DEMO=demo-key
    work=(--providers var/demo/providers.json --slots 16)
fi
exec {ready}< <(
    trap '' INT # Ctrl-C reaches the whole group; the trap above decides the order
    exec "$stint" dev "${store[@]}" --listen "${LISTEN:-127.0.0.1:7420}" "${allow[@]}" "${work[@]}" 2>>var/dev.log
)
dev=$!
if ! read -r -u "$ready" line; then
    echo "stint did not start:" >&2
    tail -n 3 var/dev.log >&2
    exit 1
fi
echo "$line"
echo "The log is in var/dev.log."

say() { printf '\n$ stint %s\n' "$*"; }
do_it() { say "$@"; "$stint" "$@"; }
ask() { say "$@"; "$stint" "$@" --repo "$repo"; }

show_index() {
    local best file name
    do_it index "$repo"

    # Something to ask about: for another repository the function that the index ranks first, and the file that holds it.
    if [ -n "${REPO:-}" ]; then
        best=$("$stint" sym --repo "$repo" --kind function --limit 1)
        file=${best%%:*}
        name=$(printf '%s\n' "$best" | awk '{print $3; exit}')
    else
        file=src/queue/queue.h
        name=queue_claim
    fi
    if [ -n "$name" ]; then
        ask sym "${name##*.}" --limit 5
        ask deps "$file" --reverse --depth all --limit 8
        ask outline "$file" | head -n 14
    fi
}

show_prompts() {
    local yesterday today
    today=$(date -u +%F)
    yesterday=$(date -u -d yesterday +%F)
    do_it batch run var/demo/prompts.json --dry-run
    do_it batch run var/demo/prompts.json --date "$yesterday" --wait
    do_it batch run var/demo/prompts.json --date "$today" --wait
    do_it batch run var/demo/prompts.json --date "$today"
    do_it batch compare "visibility:$yesterday" "visibility:$today"
}

if [ "${DEMO:-}" = prompts ]; then
    show_prompts
else
    show_index
fi

if [ -n "${ONCE:-}" ]; then
    exit 0
fi
echo
echo "$line"
wait "$dev"
