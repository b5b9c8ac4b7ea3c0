#!/usr/bin/env bash
# run-demo.sh: what `make run` does once everything is built: starts stint (server, workers, a development key) on a store in
# ./var, indexes a git repository through it, asks the index three questions, and stays until Ctrl-C.
#   REPO=URL-or-path   the repository (default: this checkout)
#   DEMO=prompts       instead: a batch of prompts on two days, against a provider that comes with it, and its reports
#   DEMO=crawl         instead: the documentation of Python, served by an nginx of its own, to one Markdown document, twice
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
site=
stop() {
    for pid in $dev $provider $site; do
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
if [ "${DEMO:-}" = crawl ]; then
    tools/deps.sh crawl
    exec {said}< <(
        trap '' INT
        exec tools/serve-folder.sh /usr/share/doc/python3-doc/html var/demo-site
    )
    site=$!
    if ! read -r -u "$said" url; then
        echo "nginx did not start" >&2
        exit 1
    fi
    url=$url/index.html
    echo "The documentation of Python is served at $url."
    work=(--allow-net 127.0.0.1 --slots 4)
fi
exec {ready}< <(
    trap '' INT # Ctrl-C reaches the whole group; the trap above decides the order
    exec "$stint" dev "${store[@]}" --listen "${LISTEN:-127.0.0.1:7420}" "${allow[@]}" "${work[@]}" 2>var/dev.log
)
dev=$!
if ! read -r -u "$ready" line; then
    echo "stint did not start:" >&2
    tail -n 3 var/dev.log >&2
    echo "(LISTEN=127.0.0.1:0 make run takes any free port.)" >&2
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

show_crawl() {
    local -a crawl=(crawl "$url" --depth 3 -o var/python.md)
    say "${crawl[@]}"
    "$stint" "${crawl[@]}" | tail -n 15
    printf '\n$ head var/python.md\n'
    head -n 12 var/python.md
    say "${crawl[@]}"
    "$stint" "${crawl[@]}" | tail -n 4
}

if [ "${DEMO:-}" = prompts ]; then
    show_prompts
elif [ "${DEMO:-}" = crawl ]; then
    show_crawl
else
    show_index
fi

if [ -n "${ONCE:-}" ]; then
    exit 0
fi
echo
echo "$line"
wait "$dev"
