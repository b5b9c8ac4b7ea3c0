#!/usr/bin/env bash
# as_owner.sh COMMAND...: becomes the command, as the user whom the tests' PostgreSQL belongs to. PostgreSQL refuses to run as root.
set -euo pipefail
[ "$(id -u)" = 0 ] || exec "$@"

owner=nobody
getent passwd postgres >/dev/null && owner=postgres
become=(setpriv --reuid="$owner" --regid="$(id -g "$owner")" --clear-groups)
# Images of machines may have a root folder that is root's alone, and what the owner may not pass it cannot run. The securebit keeps
# access() from judging without the capability.
if ! "${become[@]}" true 2>/dev/null; then
    become+=(--inh-caps=+dac_read_search --ambient-caps=+dac_read_search --securebits=+no_setuid_fixup)
fi
exec "${become[@]}" "$@"
