"""The house's rules that a compiler does not see: include edges, doors of third parties, sizes, words.

The edges are read from CMakeLists.txt (tiercel_folder), so there is no second list of them. usage: house.py
"""
import os
import re
import subprocess
import sys

LINES_MAX = 500
WORDS = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")
# library header -> the files that may include it
DOORS = {
    r"<bpf/(bpf|libbpf|btf)\.h>": ("agent/sensor/bpf_object.cpp", "agent/sensor/bpf_source.cpp", "agent/sensor/call_hooks.cpp", "agent/sensor/compat_calls.cpp",
                                                "agent/sensor/controller.cpp",
                                   "agent/sensor/guard.cpp", "agent/sensor/kernel_functions.cpp", "agent/sensor/kernel_responses.cpp", "agent/sensor/kernel_types.cpp", "agent/sensor/loss_table.cpp",
                                   "agent/sensor/missed.cpp",
                                   "agent/sensor/programs.cpp", "agent/sensor/push_programs.cpp", "agent/sensor/push_sets.cpp", "agent/sensor/start_time.cpp", "agent/sensor/uring.cpp", "agent/sensor/way.cpp", "tests/unit/sensor_uring.cpp",
                                   "tests/layout/layout_test.cpp", "tests/kernel/verdict_test.cpp"),
    r"<yaml-cpp/": ("agent/rule/yaml.cpp", "agent/config/load.cpp", "siem/wazuh/content5.cpp", "tests/unit/wazuh_content5.cpp"),
    r"<openssl/": ("siem/wazuh/crypto.cpp", "siem/wazuh/enroll.cpp", "siem/wazuh/manager/",
                   "tests/unit/syslog_support.cpp"),
    r"<zlib\.h>": ("siem/wazuh/frame.cpp",),
    r"<re2/": ("agent/match/regex.cpp", "tests/unit/siem_syslog_text.cpp"),
    r"<spdlog/": ("agent/base/log.cpp",),
    r"<curl/": ("agent/http/client.cpp", "agent/http/protocols.cpp", "agent/http/stream.cpp", "tests/unit/http_old_library.cpp"),
    r"<sqlite3\.h>": ("siem/database.cpp",),
    r"<cap-ng\.h>": ("agent/hardening/capabilities.cpp",),
    r"<seccomp\.h>": ("agent/hardening/seccomp.cpp",),
    r"<systemd/": ("agent/hardening/supervisor.cpp",),
    r"<(curses|ncurses|term)\.h>": ("agent/top/terminal.cpp",),
    r"<CLI/": ("agent/main.cpp", "agent/cli/"),
}


def files():
    out = subprocess.run(["git", "ls-files", "--cached", "--others", "--exclude-standard"], capture_output=True,
                         text=True, check=True).stdout.split("\n")
    return [f for f in out if f and os.path.exists(f)]


def edges():
    """target -> (folder, targets that its files may include)"""
    text = open("CMakeLists.txt").read()
    rows = {}
    for body in re.findall(r"tiercel_folder\(([^)]*)\)", text):
        words = body.split()
        rows[words[0]] = (words[1], [w for w in words[2:] if w not in ("DEPS", "PRIVATE_DEPS")])

    def closure(target, seen):
        for dep in rows[target][1]:
            if dep in rows and dep not in seen:
                seen.add(dep)
                closure(dep, seen)
        return seen

    return {folder: {rows[t][0] for t in closure(target, {target})} for target, (folder, _) in rows.items()}


def main():
    problems = []
    allowed = edges()
    for path in files():
        if not path.endswith((".cpp", ".h", ".c", ".def")):
            continue
        with open(path, errors="replace") as f:
            text = f.read()
        lines = text.count("\n")
        if lines > LINES_MAX and not path.endswith(".def"):  # a table may be long
            problems.append(f"{path}: {lines} lines, more than {LINES_MAX}: is it one thing?")
        if WORDS.search(text):
            problems.append(f"{path}: unfinished: {WORDS.search(text).group(0)}")
        folder = os.path.dirname(path)
        for number, line in enumerate(text.split("\n"), 1):
            include = re.match(r'\s*#\s*include\s+(["<][^">]+[">])', line)
            if not include:
                continue
            what = include.group(1)
            if what.startswith('"../') and not path.startswith("bpf/"):
                problems.append(f"{path}:{number}: include from the root, not {what}")
            for door, who in DOORS.items():
                if re.match(door, what) and not path.endswith(".bpf.c") and not path.startswith("bpf/") \
                        and not any(path == w or (w.endswith("/") and path.startswith(w)) for w in who):
                    problems.append(f"{path}:{number}: {what} has its door in {', '.join(who)}")
            if folder in allowed and what.startswith('"') and "/" in what:
                target = os.path.dirname(what.strip('"'))
                if target not in allowed[folder] and os.path.isdir(target):
                    problems.append(f"{path}:{number}: {folder} may not include {target}")
    for problem in problems:
        print(problem)
    print(f"house: {len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
