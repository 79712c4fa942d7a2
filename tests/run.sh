#!/bin/sh
# make test: three builds (release for the live tests, ASan+UBSan for the unit tests, libFuzzer), one ctest over them.
# usage: tests/run.sh JOBS
set -eu
jobs=$1
if [ "$(id -u)" != 0 ]; then
  echo "The live tests load BPF programs: run \`make test\` as root (sudo make test)." >&2
  exit 2
fi
for preset in release dev fuzz; do
  echo "== build $preset"
  cmake --preset $preset >build/$preset-configure.log 2>&1 || { cat build/$preset-configure.log; exit 1; }
  cmake --build build/$preset -j "$jobs"
done
# One list over the three trees, so that the run ends with one count.
printf 'subdirs("dev")\nsubdirs("fuzz")\nsubdirs("release")\n' >build/CTestTestfile.cmake
exec ctest --test-dir build --output-on-failure --no-tests=error --timeout 900 ${CTEST_ARGS:-}
