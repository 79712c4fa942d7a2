"""Runs the commands of the documents, as a reader would type them, each document in a shell of its own.

A command is what stands in a block ```sh, or behind "$ " in a block ```console. Before a block ```sh stands what each of its
commands does, one a line:

    <!-- run
    0 | a line of the output, or a part of one; ... stands for anything
    1 |                          nothing is said of the output
    0/1 | a line                 either status: what the command says depends on what the machine is doing
    0 again | the command is repeated until it has that line
    ^C | a line; the command goes on until somebody ends it: that is done once the line is there
    - | why this command is not run
    -->

or <!-- not run: the reason --> for all of them. A block ```yaml of tiercel.yaml's keys is checked as a configuration. Of a block ```console every line that it shows must come; a status that is not
0 is said by <!-- run: 1 -->. A block without a word about it is a failure, and so is a flag or command in `code` that
tiercel does not have. <!-- file: NAME --> before a block of any other kind puts it into that file. What a document takes for
granted, such as an agent that runs, is typed before all else, and no reader sees it; a line a command, as above with the
command behind it. Documents that take the same for granted share a shell, and it is typed once:

    <!-- before
    0 | is watching | tiercel run --no-manager &
    -->

The shells have a network, an /etc, a /var, a /run and a /tmp of their own, and the source tree, which they cannot write to,
below them. usage: commands.py TIERCEL [DOCUMENT...]
"""
import os
import re
import shutil
import signal
import subprocess
import sys
import time

ROOT = "/run/tiercel-docs"
NOT_DOCUMENTS = ("docs/reference/", "tests/", "CHANGELOG.md")
SECONDS_MAX = 150
REASON_WORDS_MIN = 2
TYPED = re.compile(r"(sudo|tiercel|make|apt|apt-get|dnf|sh|python3|systemctl|docker|kubectl|helm|curl|cp|cat|echo) ")


class Command:
    def __init__(self, text, line, statuses=(0,), shown=(), again=False, endless=False, reason=None):
        self.text, self.line, self.statuses, self.shown = text, line, statuses, list(shown)
        self.again, self.endless, self.reason = again, endless, reason


class Document:
    def __init__(self, path):
        self.path = path
        self.problems = []
        self.steps = []  # Commands, and (file, text) pairs
        self.granted, self.prepare = "", []  # what it takes for granted: as it stands there, as Commands
        self.inline = []
        self.settings = []
        self.read(open(path, encoding="utf-8").read().split("\n"))

    def problem(self, line, what):
        self.problems.append(f"{self.path}:{line}: {what}")

    def read(self, lines):
        mark, mark_line, at = None, 0, 0
        while at < len(lines):
            line = lines[at]
            if line.lstrip().startswith("<!--"):
                begin = at
                while "-->" not in lines[at]:
                    at += 1
                text = "\n".join(lines[begin:at + 1])
                text = text[text.index("<!--") + 4:text.index("-->")].strip()
                if re.match(r"(run|not run|file)\b", text):
                    mark, mark_line = text, begin + 1
                elif re.match(r"before\n", text):
                    self.granted = text
                    self.before(text.split("\n")[1:], begin + 2)
            elif line.lstrip().startswith("```"):
                depth = len(line) - len(line.lstrip())
                kind, begin = line.strip()[3:].strip(), at + 1
                at += 1
                while at < len(lines) and not lines[at].lstrip().startswith("```"):
                    at += 1
                self.block(kind, [inner[depth:] for inner in lines[begin:at]], begin + 1, mark, mark_line)
                mark = None
            elif line.startswith("    ") and (at == 0 or lines[at - 1] == "") \
                    and TYPED.match(line[4:]):
                self.problem(at + 1, "a command without a fence: write ```sh")
            elif line.strip():
                self.inline += [(at + 1, code) for code in re.findall(r"`(?:sudo )?(tiercel [^`]+)`", line)]
                if mark:
                    self.problem(mark_line, "no block follows")
                mark = None
            at += 1

    def block(self, kind, lines, number, mark, mark_line):
        if mark and mark.startswith("file:"):
            self.steps.append((mark[5:].strip(), "\n".join(lines) + "\n"))
        elif kind == "console":
            self.console(lines, number, mark or "run: 0")
        elif kind in ("sh", "bash", "shell"):
            self.shell(lines, number, mark, mark_line)
        elif kind == "yaml" and not mark:
            self.settings.append((number, "\n".join(lines) + "\n"))
        elif any(line.startswith("$ ") for line in lines) or (kind == "" and lines and TYPED.match(lines[0])):
            self.problem(number, "commands in a block that is not ```console")
        elif mark:
            self.problem(mark_line, "the block that follows has no commands")

    def refuse(self, reason, number):
        if len(reason.split()) < REASON_WORDS_MIN:
            self.problem(number, "say why it is not run")

    def console(self, lines, number, mark):
        if mark.startswith("not run:"):
            self.refuse(mark[8:], number)
            self.steps += [Command(line[2:], number + i, reason=mark[8:].strip())
                           for i, line in enumerate(lines) if line.startswith("$ ")]
            return
        statuses = [int(word) for word in mark.split(":")[1].replace(",", " ").split()]
        commands = []
        for i, line in enumerate(lines):
            if line.startswith("$ "):
                commands.append(Command(line[2:], number + i))
            elif commands and commands[-1].text.endswith("\\"):
                commands[-1].text += "\n" + line
            elif commands and line.strip():
                commands[-1].shown.append(line.rstrip())
        for i, command in enumerate(commands):
            command.statuses = (statuses[min(i, len(statuses) - 1)],)
            if not command.shown:
                self.problem(command.line, "no line of its output is shown")
        self.steps += commands

    def shell(self, lines, number, mark, mark_line):
        commands = split(lines, number)
        if mark is None:
            self.problem(number, "commands without a word about what they do: <!-- run --> or <!-- not run: why -->")
            return
        if mark.startswith("not run:"):
            self.refuse(mark[8:], mark_line)
            self.steps += [Command(text, line, reason=mark[8:].strip()) for line, text in commands]
            return
        says = [row.strip() for row in mark.split("\n")[1:] if row.strip()]
        if len(says) != len(commands):
            self.problem(mark_line, f"{len(says)} lines about {len(commands)} commands")
            return
        for row, (line, text) in zip(says, commands):
            what, _, shown = (part.strip() for part in row.partition("|"))
            if what == "-":
                self.refuse(shown, mark_line)
                self.steps.append(Command(text, line, reason=shown))
            else:
                self.command(text, line, what, shown)

    def before(self, rows, number):
        for at, row in enumerate(rows):
            if row.count("|") < 2:
                self.problem(number + at, f"no STATUS | LINE | COMMAND: {row}")
                continue
            what, shown, text = (part.strip() for part in row.split("|", 2))
            self.command(text, number + at, what, shown, self.prepare)

    def command(self, text, line, what, shown, steps=None):
        steps = self.steps if steps is None else steps
        if what == "^C":
            if not shown:
                self.problem(line, "a command without an end needs a line to wait for")
            steps.append(Command(text, line, shown=[shown], endless=True))
        elif found := re.fullmatch(r"(\d+(?:/\d+)?)( again)?", what):
            statuses = [int(status) for status in found[1].split("/")]
            steps.append(Command(text, line, statuses, [shown] if shown else [], bool(found[2])))
        else:
            self.problem(line, f"no status: {what}")


def split(lines, number):
    """Commands with their lines: as many lines as bash needs."""
    commands, begun, text = [], 0, ""
    for i, line in enumerate(lines):
        if not text and (not line.strip() or line.lstrip().startswith("#")):
            continue
        begun = begun if text else number + i
        text += ("\n" if text else "") + line
        said = subprocess.run(["bash", "-n"], input=text + "\n", capture_output=True, text=True)
        if said.returncode == 0 and not said.stderr and not line.endswith("\\"):
            commands.append((begun, text))
            text = ""
    if text:
        commands.append((begun, text))
    return commands


def has_line(output, shown):
    pattern = ".*?".join(re.escape(part) for part in shown.split("..."))
    pattern = re.sub(r"(\\ )+", r"\\s+", pattern)
    return re.search(pattern, output) is not None


class Shell:
    """A bash that goes on from command to command, in a folder of its own."""

    def __init__(self, path, tree):
        self.folder = os.path.join(ROOT, "work", path.replace("/", "_"))
        os.makedirs(self.folder)
        for name in os.listdir(tree):
            if not name.startswith("."):
                os.symlink(os.path.join(tree, name), os.path.join(self.folder, name))
        self.logs = os.path.join(ROOT, "logs", path.replace("/", "_"))
        os.makedirs(self.logs)
        read, write = os.pipe()
        os.set_inheritable(write, True)
        self.said = os.fdopen(read)
        self.bash = subprocess.Popen(["bash", "--norc", "--noprofile"], stdin=subprocess.PIPE, cwd=self.folder, text=True,
                                     stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
                                     pass_fds=(write,))
        self.report = write
        os.close(write)
        self.count = 0

    def run(self, command):
        """A problem, or None."""
        until = time.monotonic() + SECONDS_MAX
        if command.endless:
            return self.until_line(command, until)
        while True:
            status, output = self.once(command.text, until)
            missing = [line for line in command.shown if not has_line(output(), line)]
            background = command.text.rstrip().endswith("&")
            while background and missing and time.monotonic() < until:
                time.sleep(0.05)
                missing = [line for line in missing if not has_line(output(), line)]
            if status in command.statuses and not missing:
                return None
            if not command.again or time.monotonic() > until:
                break
            time.sleep(0.2)
        return self.told(command, output, f"no line \"{missing[0]}\"" if status in command.statuses
                         else f"exit status {status}, not {' or '.join(map(str, command.statuses))}")

    def told(self, command, output, what):
        return f"{what}\n    $ {command.text}\n" + "".join(f"    {line}\n" for line in output().split("\n")[-12:])

    def until_line(self, command, until):
        """Ctrl-C once the line is there: with job control the command has a process group, as at a terminal."""
        script, log, output = self.write(command.text)
        group = self.say(f"set -m; . {script} >{log} 2>&1 </dev/null & echo $! >&{self.report}; set +m", until)
        while not (found := has_line(output(), command.shown[0])) and time.monotonic() < until and not ended(group):
            time.sleep(0.05)
        early = ended(group)
        try:
            os.killpg(group, signal.SIGINT)
        except ProcessLookupError:
            pass
        self.say(f"wait {group}; echo $? >&{self.report}", until)
        if found and not early:
            return None
        return self.told(command, output, "it ended by itself" if found else f"no line \"{command.shown[0]}\"")

    def write(self, text):
        self.count += 1
        script, log = (os.path.join(self.logs, f"{self.count}.{end}") for end in ("sh", "out"))
        open(script, "w").write(text + "\n")
        return script, log, lambda: open(log, errors="replace").read() if os.path.exists(log) else ""

    def say(self, line, until):
        """The number that the shell answers."""
        self.bash.stdin.write(line + "\n")
        self.bash.stdin.flush()
        timer = signal.setitimer(signal.ITIMER_REAL, max(until - time.monotonic(), 0.1))
        try:
            return int(self.said.readline() or -1)
        finally:
            signal.setitimer(signal.ITIMER_REAL, *timer)

    def once(self, text, until):
        script, log, output = self.write(text)
        return self.say(f". {script} >{log} 2>&1 </dev/null; echo $? >&{self.report}", until), output

    def end(self):
        """Ends what the shell started, and itself: its session, by pid."""
        for sign in (signal.SIGTERM, signal.SIGKILL):
            until = time.monotonic() + 5
            while (left := session(self.bash.pid)) and time.monotonic() < until:
                for pid in left:
                    try:
                        os.kill(pid, sign)
                    except ProcessLookupError:
                        pass
                self.bash.poll()
                time.sleep(0.02)
        self.bash.wait()


def ended(pid):
    """Also one that nobody waited for yet."""
    try:
        return open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()[0] == "Z"
    except OSError:
        return True


def session(leader):
    pids = []
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            fields = open(f"/proc/{name}/stat").read().rsplit(")", 1)[1].split()
        except OSError:
            continue
        if int(fields[3]) == leader and fields[0] != "Z":
            pids.append(int(name))
    return pids


def known_commands(tiercel):
    """Each path of commands, with its options."""
    table = subprocess.run([tiercel, "completions", "bash"], capture_output=True, text=True, check=True).stdout
    known = {}
    for path, options in re.findall(r"^    '(tiercel[^']*)'\)\n +commands=.*\n +options='([^']*)'", table, re.M):
        known[path] = set(options.split())
    return known


def check_inline(document, known):
    for line, code in document.inline:
        words = code.split()
        path = words.pop(0)
        while words and f"{path} {words[0]}" in known:
            path += " " + words.pop(0)
        if path == "tiercel falco":
            continue  # Falco's flags, the removed ones, too
        inner = [other for other in known if other.startswith(path + " ")]
        if inner and words and re.fullmatch(r"[a-z][a-z-]+", words[0]):
            document.problem(line, f"`{code}`: there is no command `{path} {words[0]}`")
        for word in words:
            flag = re.match(r"\[?(--[a-z][a-z0-9-]*)", word)
            if flag and flag[1] not in known[path] | {"--help"}:
                document.problem(line, f"`{code}`: `{path}` has no {flag[1]}")


def check_settings(document, tiercel):
    """Blocks of tiercel.yaml have keys that there are, with values that they take."""
    listed = subprocess.run([tiercel, "config", "keys"], capture_output=True, text=True, check=True).stdout
    tops = set(re.findall(r"^  ([a-z0-9_]+)", listed, re.M))
    for number, text in document.settings:
        keys = re.findall(r"^([a-z0-9_]+):", text, re.M)
        if not keys or keys[0] not in tops or "rule" in keys or document.path == "docs/rule-tests.md":
            continue
        file = f"{ROOT}/settings.yaml"
        open(file, "w").write(text)
        environment = dict(os.environ, SLACK_WEBHOOK="https://hooks.example/x", TOKEN="t")
        got = subprocess.run([tiercel, "config", "check", file], capture_output=True, text=True, env=environment)
        if got.returncode != 0:
            document.problem(number, "no configuration that is taken:\n" + got.stdout)


def set_up(tiercel, tree):
    """Inside of namespaces of our own: what the commands may write to is ours."""
    def mount(*words):
        subprocess.run(["mount", *words], check=True)

    mount("-t", "tmpfs", "tmpfs", "/run")
    os.makedirs(f"{ROOT}/tree")
    mount("--bind", tree, f"{ROOT}/tree")
    mount("-o", "remount,bind,ro", f"{ROOT}/tree")
    for name in ("bin", "work", "logs", "program"):
        os.makedirs(f"{ROOT}/{name}")
    mount("--bind", os.path.dirname(tiercel), f"{ROOT}/program")
    os.symlink(f"{ROOT}/program/{os.path.basename(tiercel)}", f"{ROOT}/bin/tiercel")
    with open(f"{ROOT}/bin/sudo", "w") as out:
        out.write('#!/bin/sh\nexec "$@"\n')
    os.chmod(f"{ROOT}/bin/sudo", 0o755)
    for folder in ("etc", "var", "usr/share"):
        for part in ("up", "inner"):
            os.makedirs(f"{ROOT}/{folder}/{part}")
        mount("-t", "overlay", "overlay", "-o",
              f"lowerdir=/{folder},upperdir={ROOT}/{folder}/up,workdir={ROOT}/{folder}/inner", f"/{folder}")
    for installed in ("/etc/tiercel", "/var/lib/tiercel", "/var/log/tiercel", "/usr/share/tiercel"):
        shutil.rmtree(installed, ignore_errors=True)
    # As a package leaves it: the shipped rules are in the first folder that is read when nobody says.
    keys = subprocess.run([f"{ROOT}/bin/tiercel", "config", "keys"], capture_output=True, text=True, check=True).stdout
    shipped = re.search(r"^  rules_files \(.*?\[([^],]+)", keys, re.M)[1]
    os.makedirs("/etc/tiercel/rules.d")
    os.makedirs(shipped, exist_ok=True)
    shutil.copy(f"{ROOT}/tree/packaging/etc/tiercel.yaml", "/etc/tiercel/tiercel.yaml")
    for name in os.listdir(f"{ROOT}/tree/rules"):
        if name.endswith(".yaml"):
            shutil.copy(f"{ROOT}/tree/rules/{name}", shipped)
    mount("-t", "tmpfs", "tmpfs", "/tmp")
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    os.environ["PATH"] = f"{ROOT}/bin:" + os.environ["PATH"]
    for name in ("TIERCEL_SHARED", "LS_COLORS"):
        os.environ.pop(name, None)
    os.environ.update(HOME="/root", LC_ALL="C.UTF-8")


def too_late(*_):
    raise TimeoutError


def run_steps(document, steps, shell):
    ran = 0
    for step in steps:
        if isinstance(step, tuple):
            with open(os.path.join(shell.folder, step[0]), "w") as out:
                out.write(step[1])
        elif step.reason is None:
            ran += 1
            try:
                problem = shell.run(step)
            except TimeoutError:
                document.problem(step.line, f"still running after {SECONDS_MAX} s: {step.text}")
                return ran
            if problem:
                document.problem(step.line, problem)
    return ran


def run(documents, tree):
    """Documents that share a shell; returns the number of their commands that ran."""
    shell = Shell(documents[0].path, tree)
    ran = 0
    try:
        for document in documents:
            begun = time.monotonic()
            here = run_steps(document, document.prepare if document is documents[0] else [], shell)
            here += run_steps(document, document.steps, shell)
            if here:
                print(f"{document.path}: {here} commands, {time.monotonic() - begun:.1f} s")
            ran += here
    finally:
        shell.end()
    return ran


def main():
    tiercel, wanted = os.path.realpath(sys.argv[1]), sys.argv[2:]
    if os.environ.get("TIERCEL_DOCS_INSIDE") != "1":
        if os.geteuid() != 0:
            print("not root: no namespaces, no agent")
            return 77
        os.environ["TIERCEL_DOCS_INSIDE"] = "1"
        os.execvp("unshare", ["unshare", "--mount", "--net", "--propagation", "private", sys.executable, __file__, tiercel,
                              *wanted])
    paths = subprocess.run(["git", "-c", "safe.directory=*", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"],
                           capture_output=True, text=True, check=True).stdout.split("\n")
    documents = [Document(path) for path in paths
                 if path and os.path.exists(path) and not path.startswith(NOT_DOCUMENTS) and (not wanted or path in wanted)]
    known = known_commands(tiercel)
    signal.signal(signal.SIGALRM, too_late)
    set_up(tiercel, os.getcwd())
    ran = left = 0
    groups = {}
    for document in documents:
        check_inline(document, known)
        check_settings(document, f"{ROOT}/bin/tiercel")
        left += sum(1 for step in document.steps if isinstance(step, Command) and step.reason)
        if document.steps:
            groups.setdefault(document.granted or document.path, []).append(document)
    for group in groups.values():
        ran += run(group, f"{ROOT}/tree")
    problems = [problem for document in documents for problem in document.problems]
    for problem in problems:
        print(problem)
    print(f"documents: {ran} commands run, {left} with a reason not to, {len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
