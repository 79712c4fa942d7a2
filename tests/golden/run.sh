#!/bin/sh
# What a person reads, compared to the letter. UPDATE=1 writes the expectation anew: look at the difference then.
# usage: tests/golden/run.sh TIERCEL
set -eu
tiercel=$(realpath "$1")
cd "$(dirname "$0")"
got=$(mktemp)
trap 'rm -f "$got"' EXIT
status=0
"$tiercel" rules check ten_mistakes.yaml >"$got" 2>&1 || status=$?
echo "exit status $status" >>"$got"
[ -z "${UPDATE:-}" ] || cp "$got" ten_mistakes.expected
diff -u ten_mistakes.expected "$got"
[ "$(grep -c ': error: ' "$got")" = 10 ]
