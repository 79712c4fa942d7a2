#!/bin/sh
# make image: the container image from the .deb in build/packages. usage: build.sh [NAME:TAG]
# With podman, buildah or docker (BUILDER chooses; the first that is there) by the Containerfile; with BUILDER=none, or where
# there is none of them, by image.py, which needs no network. The latter writes build/packages/tiercel-image.tar.
set -eu
here=$(dirname "$0")
packages=build/packages
arch=$(dpkg --print-architecture 2>/dev/null || echo amd64)
deb=$(ls -t "$packages"/tiercel_*_"$arch".deb 2>/dev/null | head -n 1)
[ -n "$deb" ] || { echo "no $packages/tiercel_*_$arch.deb: run \`make deb\` first" >&2; exit 2; }
reference=${1:-tiercel:$(dpkg-deb -f "$deb" Version | tr '~+' '--')}

builder=${BUILDER:-}
if [ -z "$builder" ]; then
  for one in podman buildah docker; do
    command -v $one >/dev/null 2>&1 && { builder=$one; break; }
  done
fi

case ${builder:-none} in
  none)
    tree=$(mktemp -d)
    trap 'rm -rf "$tree"' EXIT
    dpkg-deb -x "$deb" "$tree"
    python3 "$here/image.py" --tree "$tree" --archive "$packages/tiercel-image.tar" --reference "$reference"
    echo "load it with: docker load -i, podman load -i, ctr -n k8s.io image import"
    exit ;;
  podman | docker) build="$builder build" ;;
  buildah) build="buildah bud" ;;
  *) echo "BUILDER=$builder: podman, buildah, docker or none" >&2; exit 2 ;;
esac
# One package only: the folder may hold those of older versions.
context=$(mktemp -d)
trap 'rm -rf "$context"' EXIT
cp "$deb" "$context/"
$build ${BASE:+--build-arg "BASE=$BASE"} -t "$reference" -f "$here/Containerfile" "$context" || {
  echo "$builder could not build it. Without network or base image: make image BUILDER=none" >&2
  exit 1
}
