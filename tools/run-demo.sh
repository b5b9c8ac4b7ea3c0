#!/usr/bin/env bash
# run-demo.sh: what `make run` does once everything is built: stint with server and workers in the foreground.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
exec build/release/stint dev "$@"
