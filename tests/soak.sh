#!/bin/sh
# make soak: the live tests in their long form, an hour of faults at random among them; two million random cases of the rule
# oracle, the faults seeded into the engine that it has to catch, the packages for arm64 and other kernels in emulators.
# usage: tests/soak.sh JOBS
set -eu
jobs=$1
if [ "$(id -u)" != 0 ]; then
  echo "The live tests load BPF programs: run \`make soak\` as root (sudo make soak)." >&2
  exit 2
fi
cmake --build build/release -j "$jobs"
cmake --preset dev >/dev/null
cmake --build build/dev --target slack_drive report_drive -j "$jobs"
TIERCEL_SOAK=1 ctest --test-dir build/dev -R 'slack_webhook|report_' --output-on-failure --no-tests=error
for type in slack aws_security_hub; do
  TIERCEL_SOAK=1 python3 tests/kernel/test_hostile_outputs.py --tiercel build/release/tiercel --programs build/release/tests/kernel --type $type
done
for part in flood latency_rate delivered growth; do
  python3 tests/bench/$part.py --tiercel build/release/tiercel --programs build/release/tests --quick
done
python3 tests/kernel/test_unit.py --machine --tiercel build/release/tiercel
python3 tests/kernel/matrix/run.py --tiercel build/release/tiercel --programs build/release/tests/kernel
python3 tests/packaging/test_arm64.py --tiercel build/release/tiercel
python3 tests/faults/faults.py --jobs "$jobs" --sound-cases 2000000
TIERCEL_SOAK=1 exec ctest --test-dir build/release -L live --output-on-failure --no-tests=error --timeout 7200
