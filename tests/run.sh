#!/bin/sh
# make test: two builds (gcc's release for the live tests, clang's with sanitizers for unit tests and fuzzers), one ctest over them.
# usage: tests/run.sh JOBS
set -eu
jobs=$1
if [ "$(id -u)" != 0 ]; then
  echo "The live tests load BPF programs: run \`make test\` as root (sudo make test)." >&2
  exit 2
fi
for preset in release dev; do
  echo "== build $preset"
  cmake --preset $preset >build/$preset-configure.log 2>&1 || { cat build/$preset-configure.log; exit 1; }
  cmake --build build/$preset -j "$jobs"
done
# One list over both trees, so that the run ends with one count. Live tests have the machine to themselves (SERIAL).
printf 'subdirs("dev")\nsubdirs("release")\n' >build/CTestTestfile.cmake
exec ctest --test-dir build -j "$jobs" --output-on-failure --no-tests=error --timeout 900 ${CTEST_ARGS:-}
