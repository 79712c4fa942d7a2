#!/bin/sh
# The manual pages are clean for groff and mandoc, where they are, and tiercel(8) has every command. usage: man.sh TIERCEL
set -u
tiercel=$1
status=0
for page in packaging/man/tiercel.8 packaging/man/tiercel.yaml.5; do
  said=""
  if command -v groff >/dev/null; then said=$(groff -man -Tutf8 -z -ww "$page" 2>&1); fi
  if [ -n "$said" ]; then
    echo "$page: $said"
    status=1
  fi
  if command -v mandoc >/dev/null; then
    said=$(mandoc -T lint -W warning "$page" | grep -v 'missing date')
    if [ -n "$said" ]; then
      echo "$page: $said"
      status=1
    fi
  fi
done
for command in $("$tiercel" --help | sed -n '/^Subcommands:/,$ s/^  \([a-z-][a-z-]*\) .*/\1/p' | sed 's/-/\\-/g'); do
  if ! grep -qF ".SS \"tiercel $command" packaging/man/tiercel.8; then
    echo "tiercel.8 has no section for $command"
    status=1
  fi
done
exit $status
