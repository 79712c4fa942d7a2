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
# Not the installed agent's /var/lib/tiercel: its keys and alerts are its own, and a program of another place that writes
# there is what the rule "Security Tool or Policy Tampered With" tells of.
state=${TIERCEL_STATE_DIR:-/var/lib/tiercel-checkout}
$as_root mkdir -p "$state"
set -- --rules rules --state-dir "$state"
if [ -n "$manager" ]; then
  set -- "$@" --manager "$manager"
else
  set -- "$@" --embedded-manager
fi
if [ -t 2 ]; then
  cat >&2 <<END

Starting the agent. Once it is watching, do in a second terminal what an
intruder might, and take it back:
  cp /bin/true ~/first-alert && chmod u+s ~/first-alert; rm ~/first-alert
and look at the agent, from this folder:
  ${as_root:+sudo }$tiercel status
  ${as_root:+sudo }$tiercel top
  ${as_root:+sudo }$tiercel alerts --state-dir $state
Ctrl-C ends the agent.

END
fi
exec $as_root "$tiercel" run "$@"
