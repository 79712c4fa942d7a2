#!/bin/sh
# Every C++ file is as clang-format would write it; `make format` mends it. (bpf/ is in the kernel's style.)
set -eu
git ls-files '*.cpp' '*.h' | grep -v '^bpf/' | xargs clang-format --dry-run -Werror
