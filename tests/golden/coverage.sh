#!/bin/sh
# What is checked in about ATT&CK is what the rule files say now. usage: tests/golden/coverage.sh TIERCEL
set -eu
tiercel=$(realpath "$1")
cd "$(dirname "$0")/../.."
got=$(mktemp)
trap 'rm -f "$got"' EXIT
for form in markdown:COVERAGE.md svg:coverage.svg navigator:attack_navigator_layer.json; do
  "$tiercel" rules coverage --format "${form%%:*}" rules >"$got"
  diff -u "rules/${form#*:}" "$got" || { echo "rule files changed: make docs"; exit 1; }
done
