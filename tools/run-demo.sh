#!/usr/bin/env bash
# run-demo.sh: what `make run` does once everything is built: starts stint (server, workers, a development key) on a store in
# ./var, indexes a git repository through it, asks the index three questions, and stays until Ctrl-C.
#   REPO=URL-or-path   the repository (default: this checkout)
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
stop() {
    if [ -n "$dev" ]; then
        kill -TERM "$dev" 2>/dev/null || true
        wait "$dev" 2>/dev/null || true
    fi
}
trap stop EXIT
trap 'exit 130' INT TERM

allow=()
if [ -d "$repo" ]; then
    allow=(--allow-path "$(cd "$repo" && pwd)")
fi
mkdir -p -m 700 var
exec {ready}< <(
    trap '' INT # Ctrl-C reaches the whole group; the trap above decides the order
    exec "$stint" dev "${store[@]}" --listen "${LISTEN:-127.0.0.1:7420}" "${allow[@]}" 2>>var/dev.log
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
ask() { say "$@"; "$stint" "$@" --repo "$repo"; }

say index "$repo"
"$stint" index "$repo"

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

if [ -n "${ONCE:-}" ]; then
    exit 0
fi
echo
echo "$line"
wait "$dev"
