#!/usr/bin/env bash
# check-shell.sh: shellcheck over every shell script that git knows.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
command -v shellcheck >/dev/null || { echo "shell: shellcheck is missing: tools/deps.sh ci" >&2; exit 1; }
mapfile -t scripts < <(git ls-files -co --exclude-standard '*.sh' .ci/run)
shellcheck -S warning "${scripts[@]}" || { echo "shell: problems" >&2; exit 1; }
echo "shell: ok (${#scripts[@]} scripts)"
