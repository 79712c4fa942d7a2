#!/bin/sh
# make deb, make rpm: a package of build/release's program through the install rules of cmake/Install.cmake, and one of its
# debug symbols. Nothing is compiled and nothing is fetched here.
# usage: packaging/package.sh deb|rpm [--build DIR] [--arch ARCH] [--version VERSION] [--output DIR]
set -eu
cd "$(dirname "$0")/.."
kind=$1
shift
build=build/release output=build/packages arch=$(dpkg --print-architecture 2>/dev/null || echo amd64)
version=$(sed -n 's/^project(tiercel VERSION \([0-9.]*\).*/\1/p' CMakeLists.txt)
while [ $# -gt 0 ]; do
  case $1 in
    --build) build=$2 ;;
    --arch) arch=$2 ;; # Debian's name of what the build is for
    --version) version=$2 ;;
    --output) output=$2 ;;
    *) echo "package.sh: unknown option $1" >&2 && exit 1 ;;
  esac
  shift 2
done
maintainer=$(sed -n 's/^Maintainer: //p' deb/control)
work=$output/staging-$kind-$version-$arch
rm -rf "$work"
mkdir -p "$work"
work=$(cd "$work" && pwd)
log=$work/log
export SOURCE_DATE_EPOCH="${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || stat -c %Y CHANGELOG.md)}"

stage() { # FOLDER
  umask 022
  DESTDIR=$1 cmake --install "$build" --prefix /usr --component tiercel >"$log" || { cat "$log" >&2; exit 1; }
}
failed() {
  cat "$log" >&2
  echo "package.sh: the $kind was not made; the log above is $log" >&2
  exit 1
}
# The lines @preseed@ and @undo@ of a template stand for these scripts, @changelog@ and @files@ for what is made of others.
fill() { # TEMPLATE
  awk -v root=packaging -v work="$work" '
    function put(file,   line) { while ((getline line < file) > 0) if (line !~ /^# usage/) print line; close(file) }
    /^@(preseed|undo)@$/ { put(root "/" substr($0, 2, length($0) - 2) ".sh"); next }
    /^@(files|changelog)@$/ { put(work "/" substr($0, 2, length($0) - 2)); next }
    { print }' "$1" | sed "s|@version@|$version|; s|@stage@|$work/stage|; s|@symbols@|$work/symbols|; s|@maintainer@|$maintainer|"
}

make_deb() {
  mkdir -p "$work/tiercel/debian"
  cp -R deb/. "$work/tiercel/debian"
  for template in deb/*.in; do
    name=${template##*/}
    rm "$work/tiercel/debian/$name"
    fill "$template" >"$work/tiercel/debian/${name%.in}"
  done
  python3 packaging/changelog.py deb "$version" >"$work/tiercel/debian/changelog"
  stage "$work/tiercel/stage"
  (cd "$work/tiercel" && dpkg-buildpackage -b -us -uc -a"$arch" >>"$log" 2>&1) || failed
  mv "$work"/*.deb "$output/"
  echo "$output/tiercel_${version}_$arch.deb"
}

# Every file with the words that rpm wants about it.
rpm_files() {
  (cd "$work/stage" && find . ! -type d | sort | sed 's|^\.||') | while read -r path; do
    case $path in
      /etc/*) echo "%config(noreplace) $path" ;;
      /usr/share/man/*) echo "%doc $path*" ;;
      /usr/share/doc/*) echo "%doc $path" ;;
      *) echo "$path" ;;
    esac
  done
  # Folders that no other package has; and those of shells, which are ours, too, on hosts without the shell.
  for folder in etc/tiercel usr/share/tiercel usr/share/doc/tiercel usr/share/bash-completion usr/share/zsh usr/share/fish; do
    (cd "$work/stage"; [ ! -e "$folder" ] || find "$folder" -type d) | sed 's|^|%dir /|'
  done
}

# The build's own, which knows its architecture.
tool() { # NAME
  sed -n "s/^CMAKE_$1:FILEPATH=//p" "$build/CMakeCache.txt"
}

# What dh_strip does for the .deb: symbols go where gdb looks for them, by the program's build id.
split_symbols() {
  program=$work/stage/usr/bin/tiercel
  id=$("$(tool READELF)" -n "$program" | sed -n 's/^ *Build ID: //p')
  [ -n "$id" ] || { echo "package.sh: $build/tiercel has no build id" >&2; exit 1; }
  folder=$work/symbols/usr/lib/debug/.build-id/$(echo "$id" | cut -c 1-2)
  mkdir -p "$folder"
  symbols=$folder/$(echo "$id" | cut -c 3-).debug
  "$(tool OBJCOPY)" --only-keep-debug --compress-debug-sections "$program" "$symbols"
  chmod 644 "$symbols"
  "$(tool STRIP)" --strip-unneeded --remove-section=.comment "$program"
}

make_rpm() {
  stage "$work/stage"
  split_symbols
  zsh=$work/stage/usr/share/zsh
  [ ! -e "$zsh" ] || mv "$zsh/vendor-completions" "$zsh/site-functions"
  gzip -9n "$work"/stage/usr/share/man/man*/*.[1-9] 2>/dev/null || true
  rpm_files | sed 's|\.\([1-9]\)\*$|.\1.gz|; s|\(man/.*\)\.gz\.gz$|\1.gz|' >"$work/files"
  python3 packaging/changelog.py rpm "$version" >"$work/changelog"
  fill packaging/rpm/tiercel.spec.in >"$work/tiercel.spec"
  case $arch in amd64) machine=x86_64 ;; arm64) machine=aarch64 ;; *) machine=$arch ;; esac # rpm's names
  # What Debian's rpmbuild does not say of itself; /usr/lib/rpm's checks of build hosts need tools of theirs.
  rpmbuild -bb --quiet --target "$machine" --define "_topdir $work/rpmbuild" --define "_rpmdir $work" --define "_dbpath $work/db" \
    --define "_binary_payload w6.zstdio" --define "__os_install_post %{nil}" --define "use_source_date_epoch_as_buildtime 1" \
    --define "clamp_mtime_to_source_date_epoch 1" --define "_buildhost tiercel" \
    "$work/tiercel.spec" >>"$log" 2>&1 || failed
  mv "$work"/*/*.rpm "$output/"
  echo "$output/tiercel-$version-1.$machine.rpm"
}

make_"$kind"
rm -rf "$work"
