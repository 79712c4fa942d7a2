#!/bin/sh
# docs/reference/{fields,events,operators,codes}.md are what the program prints. usage: reference_drift.sh TIERCEL
set -u
status=0
for page in fields events operators codes; do
  if ! "$1" "$page" --format markdown | diff -u "docs/reference/$page.md" - >/dev/null; then
    echo "docs/reference/$page.md is out of date: \`make docs\` writes it; the first differences:"
    "$1" "$page" --format markdown | diff -u "docs/reference/$page.md" - | head -20
    status=1
  fi
done
exit $status
