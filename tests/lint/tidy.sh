#!/bin/sh
# clang-tidy over everything that the build in $1 compiles. usage: tests/lint/tidy.sh BUILD
set -eu
exec python3 "$(dirname "$0")/tidy.py" "$1"
