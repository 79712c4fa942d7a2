#!/bin/sh
# Runs a command where a build for another architecture finds its tools: a Debian 12 root in build/cross-ARCH, made at the first
# call. So the host itself gets neither a foreign architecture nor cross compilers. In there the checkout has the path that it
# has outside, and what is written belongs to who calls this; mounts end with the command. As root, or with sudo.
# usage: packaging/cross.sh arm64 COMMAND [ARGUMENT]...
set -eu
cd "$(dirname "$0")/.."
arch=$1
shift
[ "$arch" = arm64 ] || { echo "cross.sh: builds for arm64, not for $arch" >&2; exit 1; }
root=$PWD/build/cross-$arch
as_root=""
[ "$(id -u)" = 0 ] || as_root=sudo

packages() { # of SECTION; with a second argument: that architecture's libraries
  awk -v section="[$1]" -v arch="${2:-}" '
    /^\[/ { on = ($0 == section); next }
    on && NF && !/^#/ { print $1 (arch != "" && $1 ~ /-dev$/ && $2 != "all" ? ":" arch : "") }' packaging/dependencies.txt
}
wanted=$({ packages build "$arch"; packages packages; packages cross; } | sort | paste -sd , -)

if [ "$(cat "$root/packages" 2>/dev/null)" != "$wanted" ]; then
  echo "Making $root, once: Debian 12 with a cross compiler and the libraries for $arch" >&2
  # the mirror that the host uses, if that is for the same release
  sources=""
  for file in /etc/apt/sources.list.d/debian.sources /etc/apt/sources.list; do
    [ -n "$sources" ] || ! grep -qs bookworm "$file" || sources=$file
  done
  mkdir -p build
  $as_root rm -rf "$root" "$root.part"
  # shellcheck disable=SC2086
  $as_root mmdebstrap --quiet --variant=minbase --architectures="$(dpkg --print-architecture),$arch" --include="$wanted" \
    bookworm "$root.part" $sources >&2
  $as_root mkdir -p "$root.part$PWD"
  echo "$wanted" | $as_root tee "$root.part/packages" >/dev/null
  $as_root mv "$root.part" "$root"
fi

date=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || stat -c %Y CHANGELOG.md)} # there is no git in the root
inside='root=$1 here=$2 user=$3
shift 3
mount --bind "$here" "$root$here"
mount --bind /dev "$root/dev"
mount -t proc proc "$root/proc"
exec chroot --userspec="$user" "$root" "$@"'
exec $as_root unshare --mount --propagation private sh -ec "$inside" cross.sh "$root" "$PWD" "$(id -u):$(id -g)" \
  env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 HOME=/tmp SOURCE_DATE_EPOCH="$date" CCACHE_DIR="$PWD/build/ccache-$arch" \
  sh -c 'cd "$1" && shift && exec "$@"' cross.sh "$PWD" "$@"
