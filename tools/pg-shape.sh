#!/usr/bin/env bash
# pg-shape.sh: writes sql/pg/shape.txt: what sql/pg/migrations make on a new database, as the query shape_lines sees it.
# Run by test/pg/cluster.sh (make pg-shape).
set -euo pipefail
cd "$(dirname "$0")/.."

export PGOPTIONS='-c client_min_messages=warning'
run() { psql -X -q -A -t -v ON_ERROR_STOP=1 "$STINT_TEST_PG" "$@"; }

for migration in sql/pg/migrations/*.sql; do
    run -1 -f - <"$migration" >/dev/null
done
query=$(awk '/^-- name: /{ on = $3 == "shape_lines"; next } on' sql/pg/queries/shape.sql)
run -c "SELECT line FROM (SELECT object || ': ' || state AS line FROM ($query) AS l) AS t ORDER BY line COLLATE \"C\"" >sql/pg/shape.txt.new
mv sql/pg/shape.txt.new sql/pg/shape.txt
