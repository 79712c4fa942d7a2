"""clang-tidy over a build's compile commands, as many at a time as there are cores.

With TIERCEL_LINT_ALL=1 (`make lint`) the tests' own files too, which fail by themselves, and every check of .clang-tidy
over all others; without it QUICK, the checks that find most for what they cost: most of the others' time goes into headers
of the system. A file that passed is not looked at again until it, a header or the configuration changes: a stamp in the build folder
holds the hash of all of them. usage: tidy.py BUILD
"""
import concurrent.futures
import hashlib
import json
import os
import subprocess
import sys


QUICK = ",".join(("-*", "bugprone-use-after-move", "bugprone-dangling-handle", "bugprone-infinite-loop", "bugprone-sizeof-expression",
                  "bugprone-unused-return-value", "misc-unused-using-decls", "performance-move-const-arg",
                  "performance-for-range-copy", "modernize-use-override"))


def digest(paths):
    h = hashlib.sha256()
    for path in sorted(paths):
        with open(path, "rb") as f:
            h.update(path.encode() + b"\0" + f.read())
    return h.hexdigest()


def main():
    build = sys.argv[1]
    root = os.getcwd()
    stamps = os.path.join(build, "tidy-stamps")
    os.makedirs(stamps, exist_ok=True)
    tracked = subprocess.run(["git", "ls-files", "--cached", "--others", "--exclude-standard"], capture_output=True,
                             text=True, check=True).stdout.split("\n")
    shared = digest([p for p in tracked if p.endswith((".h", ".def", ".clang-tidy")) and os.path.exists(p)])
    with open(os.path.join(build, "compile_commands.json")) as f:
        files = sorted({c["file"] for c in json.load(f)})
    files = [f for f in files if f.startswith(root + os.sep) and f.endswith(".cpp")]
    everything = os.environ.get("TIERCEL_LINT_ALL") == "1"
    if not everything:
        files = [f for f in files if not f.startswith(os.path.join(root, "tests") + os.sep)]

    def look(path):
        name = os.path.relpath(path, root)
        stamp = os.path.join(stamps, hashlib.sha256(name.encode()).hexdigest()[:16])
        want = shared + digest([name]) + str(everything)
        if os.path.exists(stamp) and open(stamp).read() == want:
            return name, True, ""
        # The analyzer follows every path through doctest's macros: minutes a file, for tests that fail by themselves.
        less = []
        if not everything or name.startswith("tests/"):
            less = ["--checks=" + (QUICK if not everything else "-clang-analyzer-*"), "--extra-arg=-Wno-error"]
        done = subprocess.run(["clang-tidy", "--quiet", "-p", build, *less, name], capture_output=True, text=True)
        if done.returncode == 0:
            with open(stamp, "w") as f:
                f.write(want)
        return name, done.returncode == 0, done.stdout

    bad = 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for name, good, text in pool.map(look, files):
            if not good:
                bad += 1
                print(f"{name}:\n{text}")
    print(f"clang-tidy: {len(files)} files, {bad} with findings")
    return 1 if bad or not files else 0


if __name__ == "__main__":
    sys.exit(main())
