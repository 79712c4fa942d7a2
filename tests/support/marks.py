"""Marks: programs that tests start inside and outside of containers carry one as their first argument, so a test knows
which event is whose without asking the agent; and a shell inside a container that does what a test says."""

import os
import subprocess

import tiercel as support

PREFIX = "tiercel-mark:"
PROGRAM = "/bin/true"
FIELDS = """container.id container.full_id container.name container.type container.image container.image.id
container.image.repository container.image.tag container.image.digest container.privileged container.host_pid
container.host_network container.host_ipc container.mounts container.labels container.user container.entrypoint
container.hostname container.capabilities container.created_ts container.verified container.missing k8s.ns.name k8s.pod.name
k8s.pod.uid k8s.pod.sandbox_id k8s.pod.labels user.name user.uid group.name group.gid proc.vpid proc.name proc.args
evt.num""".split()


def rules(*more):
    """A rule that tells of every start of a program with a mark, with FIELDS and more fields."""
    output = " ".join("%" + field for field in FIELDS + list(more))
    return f"""- rule: Mark
  desc: every program with a mark
  condition: evt.type in (execve, execveat) and evt.failed = false and proc.args startswith "{PREFIX}"
  output: '{output}'
  priority: NOTICE
"""


def command(mark):
    return [PROGRAM, PREFIX + mark]


def on_host(mark, **more):
    subprocess.run(command(mark), check=True, timeout=support.WAIT_S, **more)


def fields_of(alerts, mark):
    """output_fields of the alerts with that mark, in their order."""
    return [alert["output_fields"] for alert in alerts if alert["rule"] == "Mark"
            and alert["output_fields"]["proc.args"] == PREFIX + mark]


def wait(agent, mark, timeout_s=support.WAIT_S):
    """The fields of the first event with a mark."""
    return fields_of(agent.wait_alerts(lambda alerts: fields_of(alerts, mark), f"the event '{mark}'", timeout_s), mark)[0]


def is_empty(value):
    return value is None or value in ("", "<NA>", "N/A")


def is_true(value):
    return value is True or value == "true"


def is_false(value):
    return value is False or value == "false"


def missing(fields):
    """What an event says that is not known yet."""
    return set((fields.get("container.missing") or "").split())


class Shell:
    """A shell that is a container's first process and does line by line what is written into its FIFO."""

    PLACE = "/ctl"
    SCRIPT = 'exec 3<>/ctl/in; echo > /ctl/ready; while read -r -u 3 line; do eval "$line"; done'
    ARGV = ["/bin/bash", "-c", SCRIPT]

    def __init__(self, folder, name):
        self.name = name
        self.path = folder.folder("ctl-" + name)
        os.chmod(self.path, 0o777)
        os.mkfifo(os.path.join(self.path, "in"))
        os.chmod(os.path.join(self.path, "in"), 0o666)
        self._lines = 0

    def wait_ready(self):
        support.wait_until(lambda: os.path.exists(os.path.join(self.path, "ready")), f"the shell of {self.name}")

    def say(self, line):
        """Returns at once."""
        fifo = os.open(os.path.join(self.path, "in"), os.O_WRONLY | os.O_NONBLOCK)
        try:
            os.write(fifo, line.encode() + b"\n")
        finally:
            os.close(fifo)

    def do(self, line):
        """Returns when it is done."""
        self._lines += 1
        done = os.path.join(self.path, f"done-{self._lines}")
        self.say(f"{line}\necho > {self.PLACE}/done-{self._lines}")
        support.wait_until(lambda: os.path.exists(done), f"'{line}' in {self.name}")

    def mark(self, mark):
        self.do(" ".join(command(mark)))
