#!/bin/sh
# Installs the packages of the named sections of dependencies.txt that are missing. Safe to run twice.
# usage: packaging/install-dependencies.sh build [test] [attacks]
set -eu
here=$(dirname "$0")
wanted=""
for section in "$@"; do
  wanted="$wanted $(awk -v s="[$section]" '/^\[/ { on = ($0 == s); next } on && NF && !/^#/ { print $1 }' "$here/dependencies.txt")"
done
missing=""
for package in $wanted; do
  dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed || missing="$missing $package"
done
if [ -z "$missing" ]; then
  exit 0
fi
if ! command -v apt-get >/dev/null 2>&1; then
  echo "Tiercel's build needs these Debian packages, or what your distribution calls them:$missing" >&2
  exit 2
fi
as_root=""
if [ "$(id -u)" != 0 ]; then
  if ! command -v sudo >/dev/null 2>&1; then
    echo "Not root and no sudo: install these packages first:$missing" >&2
    exit 2
  fi
  as_root=sudo
fi
# apt says nothing of its own with -qq: who waits is to know for what.
echo "Installing $(echo "$missing" | wc -w) packages and what they need, which takes a minute or more:$missing" | fold -s -w 79
$as_root apt-get update -qq
# Tests need daemons as programs, not as services that start by themselves: for as long as the installation takes, the
# distribution's own switch for that (invoke-rc.d(8)) is off, unless the machine has a policy of its own.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  trap '$as_root rm -f "$policy"' EXIT
  printf '#!/bin/sh\nexit 101\n' | $as_root tee "$policy" >/dev/null
  $as_root chmod 755 "$policy"
fi
DEBIAN_FRONTEND=noninteractive $as_root apt-get install -y -qq --no-install-recommends $missing >/dev/null
