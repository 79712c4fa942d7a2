#!/bin/sh
# make run: the agent in the foreground, with an embedded manager unless a real one is named.
# usage: packaging/run.sh TIERCEL [MANAGER]
set -eu
tiercel=$1
manager=${2:-}
as_root=""
if [ "$(id -u)" != 0 ]; then
  if ! command -v sudo >/dev/null 2>&1; then
    echo "The sensor needs root: run \`make run\` as root, or install sudo." >&2
    exit 2
  fi
  as_root=sudo
fi
state=${TIERCEL_STATE_DIR:-/var/lib/tiercel}
$as_root mkdir -p "$state"
set -- --rules rules --state-dir "$state"
if [ -n "$manager" ]; then
  set -- "$@" --manager "$manager"
else
  set -- "$@" --embedded-manager
fi
exec $as_root "$tiercel" run "$@"
