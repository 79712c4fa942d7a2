#!/bin/sh
# What a manager gets is made from the rule files: made anew, it is the same; ids hold whatever the order of the files.
# usage: tests/golden/wazuh.sh TIERCEL
set -eu
tiercel=$(realpath "$1")
cd "$(dirname "$0")/../.."
file=rules/wazuh/4.x/tiercel_shipped_rules.xml
got=$(mktemp)
trap 'rm -f "$got"' EXIT
same() {
  diff -u "$1" "$got" || { echo "rule files changed: make wazuh-content"; exit 1; }
}
"$tiercel" rules export wazuh4 --ids "$file" rules >"$got" 2>/dev/null
same "$file"
# An order in which no file is where it was.
"$tiercel" rules export wazuh4 --ids "$file" $(ls -r rules/*.yaml | grep -v /base.yaml | sed '1i rules/base.yaml') >"$got" 2>/dev/null
same "$file"
"$tiercel" rules export wazuh4 --part sums rules >"$got"
same rules/wazuh/4.x/tiercel_sums_rules.xml
"$tiercel" rules export wazuh4 --part responses --ids "$file" rules >"$got"
same packaging/wazuh-manager/active-response.xml
"$tiercel" rules export wazuh5 rules >"$got" 2>/dev/null
same rules/wazuh/5.x/tiercel_rules.yml
# The techniques that the manager lacks are told, each with what stands for it, and are those of the page.
"$tiercel" rules export wazuh4 --ids "$file" rules 2>&1 >/dev/null |
  sed -n 's/^note: \(T[0-9.]*\) is newer than .*: written as \(T[0-9.]*\) (.*/\1 \2/p' >"$got"
row=$(awk '{ a = a sep $1; b = b sep $2; sep = ", " } END { print "| " a " | " b " |" }' "$got")
grep -qF "$row" docs/wazuh-content.md || { echo "docs/wazuh-content.md lacks the row: $row"; exit 1; }
