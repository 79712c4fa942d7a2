# Cross build for arm64 with Debian's compiler and its libraries of that architecture (packaging/cross.sh has both). Tools that run
# during the build (clang, bpftool) are the build host's: a BPF object is the same from any of them.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_LIBRARY_ARCHITECTURE aarch64-linux-gnu)
# Runs the built program for what it says of itself (completions).
set(CMAKE_CROSSCOMPILING_EMULATOR qemu-aarch64-static)
set(ENV{PKG_CONFIG_LIBDIR} /usr/lib/aarch64-linux-gnu/pkgconfig:/usr/share/pkgconfig)
