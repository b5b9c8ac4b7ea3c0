#!/usr/bin/env bash
# cluster.sh COMMAND...: runs the command with a PostgreSQL of its own, whose superuser database STINT_TEST_PG names.
# The cluster lives in a temporary folder and listens on a socket there only; it is stopped and removed when the command ends,
# and also when this script is killed. It flushes as in production; what makes it quick is that nothing else is asked of it.
# Without PostgreSQL on this machine the command runs without STINT_TEST_PG: its tests skip and say why, or fail with
# REQUIRE=pg. A STINT_TEST_PG that is set already is left as it is.
# STINT_TEST_POOLER names the same database through pgbouncer in transaction mode, where that is installed.
# For the bench: STINT_PG_FILES names the folder that the database's files go into, because /tmp may be memory, and
# STINT_PG_SETTINGS=default leaves PostgreSQL's settings as they are.
set -euo pipefail
unset "${!PG@}" # PGHOST and its like would turn everything below to another server
version=15
bin=${STINT_PG_BIN:-/usr/lib/postgresql/$version/bin}
PATH=$bin:$PATH # the psql of Debian's wrapper, which looks for a version first, takes three times as long

[ -z "${STINT_TEST_PG:-}" ] || exec "$@"
if [ ! -x "$bin/initdb" ]; then
    echo "cluster: no PostgreSQL in $bin: its tests are skipped (tools/deps.sh test installs it)" >&2
    exec "$@"
fi

as_owner=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/as_owner.sh
owner=$("$as_owner" id -un)

# In /tmp whatever TMPDIR says: the path of a socket has at most 107 bytes, and each folder above must let the owner pass.
dir=$(mktemp -d /tmp/stint-pg.XXXXXX)
files=$dir
[ -z "${STINT_PG_FILES:-}" ] || files=$(mktemp -d "$STINT_PG_FILES/pg.XXXXXX")
[ "$owner" = "$(id -un)" ] || chown "$owner" "$dir" "$files"

# Holds the other end of a pipe: it ends with this script, however that ends, and then the cluster goes. A session of its own
# outlives the signals that end ours.
remove_at_end() {
    trap '' INT TERM HUP
    cat >/dev/null
    [ ! -e "$dir/pooler.pid" ] || kill "$(cat "$dir/pooler.pid")" 2>/dev/null || true
    for data in "$files"/data "$files"/data.*; do # the others are standbys of tests
        [ ! -e "$data/postmaster.pid" ] || "$as_owner" "$bin/pg_ctl" stop -D "$data" -m immediate -s >/dev/null 2>&1 || true
    done
    rm -rf "$dir" "$files"
}
exec 8> >(exec setsid bash -c "$(declare -p dir files bin as_owner && declare -f remove_at_end) && remove_at_end")
remover=$!

finish() {
    exec 8>&-
    for ((i = 0; i < 300; i++)); do
        kill -0 "$remover" 2>/dev/null || break
        read -rt 0.05 <> <(:) || true
    done
}
trap finish EXIT

settings() {
    echo "listen_addresses = ''"
    echo "unix_socket_directories = '$dir'"
    [ "${STINT_PG_SETTINGS:-}" != default ] || return 0
    cat <<'CONF'
max_connections = 200
shared_buffers = 128MB
max_wal_size = 4GB
checkpoint_timeout = 1h
log_line_prefix = '%m [%p] %d %x '
CONF
}

start() {
    "$as_owner" "$bin/initdb" -D "$files/data" -U stint -A trust -E UTF8 --locale=C --no-sync --no-instructions &&
        settings >>"$files/data/postgresql.conf" &&
        "$as_owner" "$bin/pg_ctl" start -D "$files/data" -l "$dir/log" -w -s
}

start_pooler() {
    cat >"$dir/pooler.ini" <<CONF
[databases]
* = host=$dir
[pgbouncer]
listen_addr =
unix_socket_dir = $dir
logfile = $dir/pooler.log
pidfile = $dir/pooler.pid
auth_type = trust
auth_file = $dir/pooler.users
pool_mode = transaction
default_pool_size = 20
max_client_conn = 500
server_login_retry = 1
CONF
    echo '"stint" ""' >"$dir/pooler.users"
    chmod a+r "$dir/pooler.ini" "$dir/pooler.users"
    "$as_owner" pgbouncer -d -q "$dir/pooler.ini" || { cat "$dir/pooler.log" >&2; return 1; }
    for ((i = 0; i < 200; i++)); do # its socket comes a moment later
        [ ! -S "$dir/.s.PGSQL.6432" ] || return 0
        read -rt 0.05 <> <(:) || true
    done
    cat "$dir/pooler.log" >&2
    return 1
}
PATH=$PATH:/usr/sbin
pooler=
# In a shell of its own: a function whose redirection closes 8 keeps a copy of it, and a signal then would find the pipe held.
if ! (start) >"$dir/start" 2>&1 8>&-; then
    cat "$dir/start" "$dir/log" >&2 2>/dev/null || true
    echo "cluster: PostgreSQL does not start" >&2
    exit 1
fi

if command -v pgbouncer >/dev/null; then
    (start_pooler) 8>&-
    pooler="postgresql://stint@/postgres?host=$dir&port=6432"
fi

status=0
STINT_TEST_PG="postgresql://stint@/postgres?host=$dir" STINT_TEST_POOLER="$pooler" "$@" 8>&- || status=$?
# A server that died is a finding, whatever the tests say.
if [ ! -e "$files/data/postmaster.pid" ] || grep -E 'PANIC:|terminated by signal (4|6|7|8|11)' "$dir/log" >&2; then
    tail -50 "$dir/log" >&2
    echo "cluster: PostgreSQL crashed while the tests ran" >&2
    status=1
fi
exit $status
