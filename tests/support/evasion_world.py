"""What tests of evasions share: an agent that watches for deeds, and what `tiercel doctor` says is open on this kernel."""

import json
import os
import subprocess

import tiercel as support


def attach_flags(options):
    return ["--attach", options.attach] if options.attach else []


def doctor_rows(options, config=None):
    """{evasion: {"open": [...], "closed": [...], "detail": text, "means": text}}"""
    argv = [options.tiercel, "doctor", "--json"] + attach_flags(options) + (["--config", config] if config else [])
    got = subprocess.run(argv, capture_output=True, timeout=support.WAIT_S, check=False)
    try:
        rows = json.loads(got.stdout)
    except json.JSONDecodeError:
        raise support.Failure(f"{' '.join(argv)} says no JSON: {got.stdout[-500:]} {got.stderr[-500:]}") from None
    return {row["evasion"]: row for row in rows if "evasion" in row}


def closed(options, number, key):
    return key in doctor_rows(options)[number]["closed"]


class World:
    """A folder, an agent with rules over it, and a barrier: after settle() every event before it has been judged."""

    def __init__(self, options, folder, rules, config):
        self.options, self.folder = options, folder
        self.barriers = 0
        self.seen = []  # alerts
        text = rules.replace("FOLDER", folder.path).replace("PROGRAMS", os.path.realpath(options.programs))
        text += f"""
- rule: Barrier
  desc: everything before it was judged
  condition: evt.type = openat and fd.name startswith {folder.path}/barrier-
  output: "%fd.name"
  priority: NOTICE
"""
        self.agent = support.Agent(options.tiercel, folder.file("evasions.yaml", text), config=config,
                                   extra=attach_flags(options))

    def path(self, name):
        return os.path.join(self.folder.path, name)

    def program(self, name):
        return os.path.realpath(os.path.join(self.options.programs, name))

    def file(self, name, text="x"):
        return self.folder.file(name, text)

    def mark(self, name):
        """A file that nobody has opened."""
        path = self.path(name)
        os.mknod(path, 0o644)
        return path

    def settle(self):
        self.barriers += 1
        path = self.path(f"barrier-{self.barriers}")
        try:
            os.open(path, os.O_RDONLY)
        except FileNotFoundError:
            pass

        def reached():
            for line in self.agent.child.lines[len(self.seen):]:
                self.seen.append(json.loads(line))
                if self.seen[-1]["rule"] == "Barrier" and self.seen[-1]["output_fields"]["fd.name"] == path:
                    return True
            return False

        support.wait_until(reached, f"{path} to be judged; the agent said:\n{self.agent.child.stderr()[-2000:]}")
        return self.seen

    def told(self, rule):
        """The fields of that rule's alerts, of all that happened until now."""
        return [a["output_fields"] for a in self.settle() if a["rule"] == rule]

    def run(self, *argv, **more):
        """A deed to its end: what it said, as text."""
        got = subprocess.run(argv, capture_output=True, timeout=support.WAIT_S, check=False, **more)
        if got.returncode not in more.get("good", (0,)):
            raise support.Failure(f"{argv} ended with {got.returncode}: {got.stderr.decode()}")
        return got.stdout.decode()

    def deed(self, *argv):
        return json.loads(self.run(self.program("ev_deeds"), *argv).splitlines()[0])

    def __enter__(self):
        return self

    def __exit__(self, *error):
        return self.agent.__exit__(*error)
