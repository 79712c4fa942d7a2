#!/bin/sh
# Every C++ file is as clang-format would write it; `make format` mends it. (C is in the kernel's style.)
set -eu
git ls-files '*.cpp' '*.h' | grep -vE '^(bpf|tests/kernel/programs)/' | xargs clang-format --dry-run -Werror
