#!/bin/sh
# lint.sh: our own checks of the source, all of them, whatever the first says; seconds.
cd "$(dirname "$0")/.." || exit 2
status=0
for check in layers sizes names bans docs; do
    node "tools/check-$check.mjs" || status=1
done
exit $status
