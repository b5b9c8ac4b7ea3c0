#!/usr/bin/env bash
# run.sh: `make bench`; what it does, and what can be asked of it, stands in run.mjs.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
exec node bench/run.mjs "$@"
