"""Where a built program runs: the youngest symbols that it asks glibc for, and the distributions that have them.

usage: portability.py PROGRAM [--at-most GLIBC]     exit status 1 if it asks for a younger glibc than --at-most

Also names every shared library that it loads by itself, each with the reason why it is not linked statically; one that has
no reason here is an error: it would keep the package off a distribution that has another version of it.
"""
import argparse
import re
import subprocess
import sys

# glibc of each, by their own package lists; all have OpenSSL 3 (libssl.so.3) and kernels of 5.14 with BTF or younger. The
# sensor's own floor is Linux 5.17 (ARCHITECTURE.md), so RHEL 9 (5.14) needs a kernel of ELRepo's or the like.
DISTRIBUTIONS = (
    ("Debian 12", "2.36"), ("Debian 13", "2.41"), ("Ubuntu 22.04", "2.35"), ("Ubuntu 24.04", "2.39"),
    ("RHEL, Alma and Rocky 9", "2.34"), ("RHEL, Alma and Rocky 10", "2.39"), ("Fedora 41", "2.40"),
    ("openSUSE Leap 15.6", "2.38"), ("Amazon Linux 2023", "2.34"),
)
LIBRARIES = {
    "libc.so.6": "the system's", "libm.so.6": "the system's", "ld-linux-x86-64.so.2": "the loader",
    "ld-linux-aarch64.so.1": "the loader", "libgcc_s.so.1": "the compiler's, the same name everywhere",
    "libssl.so.3": "security updates", "libcrypto.so.3": "security updates", "libcurl.so.4": "security updates",
    "libz.so.1": "the same name everywhere", "libelf.so.1": "the same name everywhere; LGPL",
    "libcap-ng.so.0": "the same name everywhere", "libseccomp.so.2": "the same name everywhere",
    "libsystemd.so.0": "the same name everywhere",
}


def number(version):
    return tuple(int(part) for part in version.split("."))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("--at-most", default="")
    args = parser.parse_args()
    dynamic = subprocess.run(["readelf", "-dW", args.program], capture_output=True, text=True, check=True).stdout
    symbols = subprocess.run(["readelf", "--dyn-syms", "-W", args.program], capture_output=True, text=True, check=True).stdout
    asked = {}
    for name, version in re.findall(r"UND (\S+)@GLIBC_([0-9.]+)", symbols):
        asked.setdefault(version, []).append(name)
    highest = max(asked, key=number)
    print(f"glibc {highest} ({', '.join(sorted(asked[highest])[:6])})")
    print("runs on: " + ", ".join(name for name, has in DISTRIBUTIONS if number(has) >= number(highest)))
    others = [name for name, has in DISTRIBUTIONS if number(has) < number(highest)]
    if others:
        print("not on: " + ", ".join(others))
    status = 0
    for library in sorted(re.findall(r"\(NEEDED\).*\[(.*)\]", dynamic)):
        print(f"  {library:22} {LIBRARIES.get(library, 'WRONG: link it statically, or say why not')}")
        status |= library not in LIBRARIES
    versions = sorted(set(re.findall(r"@(?!GLIBC_|GCC_|OPENSSL_3|ZLIB_|ELFUTILS_|LIBSYSTEMD_)(\S+)", symbols)))
    if versions:
        print("WRONG: symbol versions that not every distribution has: " + ", ".join(versions))
        status = 1
    if args.at_most and number(highest) > number(args.at_most):
        print(f"WRONG: younger than glibc {args.at_most}")
        status = 1
    return status


if __name__ == "__main__":
    sys.exit(main())
