#!/bin/sh
# The pages in docs/reference and packaging/man are what the program prints. usage: reference_drift.sh TIERCEL
set -u
tiercel=$1
status=0
same() {
  page=$1
  shift
  if ! "$tiercel" "$@" | diff -u "$page" - >/dev/null; then
    echo "$page is out of date: \`make docs\` writes it; the first differences:"
    "$tiercel" "$@" | diff -u "$page" - | head -20
    status=1
  fi
}
for page in fields events operators codes evasions; do
  same "docs/reference/$page.md" "$page" --format markdown
done
same docs/reference/configuration.md config keys --format markdown
same docs/reference/tiercel.schema.json config keys --format json-schema
same packaging/etc/tiercel.yaml config keys --format yaml
same packaging/man/tiercel.8 help --format man
same packaging/man/tiercel.yaml.5 help --format man --page tiercel.yaml
exit $status
