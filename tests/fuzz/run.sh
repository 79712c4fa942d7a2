#!/bin/sh
# One fuzz target for TIERCEL_FUZZ_SECONDS, on a corpus of its own that starts empty.
set -eu
corpus=$(mktemp -d)
trap 'rm -rf "$corpus"' EXIT
cd "$corpus"
mkdir seeds
"$1" -max_total_time="${TIERCEL_FUZZ_SECONDS:-15}" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 seeds
