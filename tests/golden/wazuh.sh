#!/bin/sh
# The manager's rules are those of the rule files: made anew, they are the same; ids hold whatever the order of the files.
# usage: tests/golden/wazuh.sh TIERCEL
set -eu
tiercel=$(realpath "$1")
cd "$(dirname "$0")/../.."
file=rules/wazuh/4.x/tiercel_shipped_rules.xml
got=$(mktemp)
trap 'rm -f "$got"' EXIT
"$tiercel" rules export wazuh4 --ids "$file" rules >"$got"
diff -u "$file" "$got" || { echo "rule files changed: make docs"; exit 1; }
# An order in which no file is where it was.
"$tiercel" rules export wazuh4 --ids "$file" $(ls -r rules/*.yaml | grep -v /base.yaml | sed '1i rules/base.yaml') >"$got"
diff -u "$file" "$got"
