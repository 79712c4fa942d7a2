#!/usr/bin/env python3
"""The DaemonSet's pod on this host: the image that packaging/container/image.py makes, run by containerd with the capabilities,
mounts, namespaces, system-call filter, limits and read-only root that the rendered template says, and with the seed's
values. It detects an attack on the host and one in another container, reads a changed ConfigMap, answers its probes.
"""

import argparse
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.normpath(os.path.join(HERE, "..", ".."))
sys.path.insert(0, HERE)
sys.path.insert(0, os.path.join(HERE, "..", "support"))
import images  # noqa: E402
import pod as pods  # noqa: E402
import template  # noqa: E402
import tiercel as support  # noqa: E402
from containerd import Containerd  # noqa: E402
from places import Places, _call, share_mounts  # noqa: E402

CHART = os.path.join(ROOT, "packaging", "helm", "tiercel")
IMAGE = "docker.io/library/tiercel:test"
AGENT = "tiercel-agent"
VICTIM = "registry.example/tiercel-test/victim:1.0"
TRACING = "/sys/kernel/tracing"
FORBIDDEN = """
- rule: Forbidden File Opened
  desc: Judged in user space, since a file is opened, and answered there
  condition: evt.type in (open, openat, openat2) and fd.name endswith /tiercel-forbidden
  output: "%user.name opened it in %container.id"
  priority: ERROR
- rule: Kill Who Opened It
  desc: In earnest
  condition: rule.name = "Forbidden File Opened"
  action: {type: kill, target: process}
"""
LONG_S = 180  # a busy machine is no fault of the agent's
PLANTED = "Planted Later"
LATER = f"""- rule: {PLANTED}
  desc: A rule that came with an update of the ConfigMap
  condition: evt.type in (execve, execveat) and evt.failed = false and proc.args startswith "planted-later"
  output: "%proc.args in %container.id"
  priority: NOTICE
"""


def install_tree(folder, tiercel):
    """What the package puts on a host, as far as the image wants it."""
    tree = folder.folder("tree")
    os.makedirs(os.path.join(tree, "usr/bin"))
    subprocess.run(["strip", "-o", os.path.join(tree, "usr/bin/tiercel"), tiercel], check=True)
    rules = os.path.join(tree, "usr/share/tiercel/rules")
    os.makedirs(rules)
    for name in os.listdir(os.path.join(ROOT, "rules")):
        if name.endswith(".yaml"):
            shutil.copy(os.path.join(ROOT, "rules", name), rules)
    return tree


def make_image(folder, tree):
    path = os.path.join(folder.path, "image.tar")
    subprocess.run([sys.executable, os.path.join(ROOT, "packaging", "container", "image.py"), "--tree", tree, "--archive", path,
                    "--plain", "--reference", "tiercel:test"], check=True, stdout=subprocess.DEVNULL)
    return path


def rendered(folder):
    """The seed's values, with its rules in the place that they name."""
    with open(os.path.join(ROOT, "tests", "data", "seed_rules.yaml"), encoding="utf-8") as file:
        rules = file.read() + FORBIDDEN
    over = [template.read_yaml(os.path.join(HERE, "values", "seed.yaml")),
            {"statePath": os.path.join(folder.path, "state"), "customRules": {"custom_rules.yaml": rules},
             "config": {"response": {"protect": ["bash"]}}}]
    return template.objects(template.render_chart(CHART, template.values_of(CHART, *over))), rules


def status_of(pid):
    with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as file:
        return dict(line.split(":\t", 1) for line in file.read().splitlines() if ":\t" in line)


def annotations():
    """What a cluster's containerd notes of a pod's container, for the one that is to be known."""
    out = []
    for key, text in (("container-type", "container"), ("container-name", "agent"), ("sandbox-id", "5" * 64),
                      ("sandbox-name", "tiercel-x7k2p"), ("sandbox-namespace", "security"), ("image-name", IMAGE)):
        out += ["--annotation", f"io.kubernetes.cri.{key}={text}"]
    return out


class AgentPod:
    """`ctr run` of the agent in the foreground: its two streams are ours."""

    def __init__(self, containerd, pod, network):
        self.containerd, self.pod, self.network = containerd, pod, network
        argv = ["ctr", "--address", "/run/containerd/containerd.sock", "--namespace", "tiercel-test", "run", "--rm"]
        argv += pod.ctr_args(network.path, ["--runc-binary", containerd.runtime, *annotations()])
        argv += [IMAGE, AGENT, "/usr/bin/tiercel"]
        self.child = support.Child(argv + pod.container["args"])
        self.child.wait_stderr("is watching", "the agent in the pod to watch", LONG_S)

    def pid(self):
        listed = self.containerd.ctr("task", "list").stdout.decode().splitlines()[1:]
        (pid,) = [int(line.split()[1]) for line in listed if line.split()[0] == AGENT]
        return pid

    def alerts(self, rule):
        return [alert for alert in (json.loads(line) for line in list(self.child.lines)) if alert["rule"] == rule]

    def wait(self, rule, good=lambda alert: True):
        def found():
            return next((alert for alert in self.alerts(rule) if good(alert)), None)

        try:
            return support.wait_until(found, f"the alert '{rule}'", LONG_S)
        except support.Failure as failure:
            raise support.Failure(f"{failure}; the agent said:\n{self.child.stderr()[-4000:]}") from None

    def receipt(self, response, container):
        def fits(alert):
            fields = alert["output_fields"]
            return fields["response.name"] == response and fields.get("response.container_id", "host") in (container, "")

        return self.wait("Tiercel internal: response", fits)["output_fields"]

    def ask(self, url):
        """(status, body), as the kubelet on the node asks."""
        done = subprocess.run(["nsenter", f"--net={self.network.path}", "curl", "-s", "-w", "\n%{http_code}", url],
                              capture_output=True, text=True, check=False, timeout=support.WAIT_S)
        body, code = done.stdout.rsplit("\n", 1)
        return int(code), body

    def stop(self):
        """As kubelet: SIGTERM, and the grace period is enough."""
        self.containerd.ctr("task", "kill", "--signal", "SIGTERM", AGENT)
        return self.child.wait()


def check_privileges(checks, agent, security):
    """What the running agent has is what the template says."""
    status = status_of(agent.pid())
    names = {"BPF": 39, "PERFMON": 38, "SYS_PTRACE": 19, "DAC_READ_SEARCH": 2, "SYS_NICE": 23, "KILL": 5}
    wanted = sum(1 << names[name] for name in security["capabilities"]["add"])
    for row in ("CapEff", "CapPrm", "CapBnd"):
        # The agent may give up more by itself.
        checks.equal(int(status[row], 16) & ~wanted, 0, f"{row}: nothing beyond the template")
    checks.equal(int(status["CapBnd"], 16) & (1 << 21), 0, "no CAP_SYS_ADMIN")
    checks.equal(os.getpriority(os.PRIO_PROCESS, agent.pid()), -10, "CAP_SYS_NICE: the reader of the rings goes first")
    checks.equal(status["NoNewPrivs"], "1", "NoNewPrivs")
    checks.equal(status["Seccomp"], "2", "the runtime's system-call filter")


def check_probes(checks, agent, pod):
    for probe in ("startupProbe", "livenessProbe"):
        code, body = agent.ask(pod.probe(probe))
        checks.equal(code, 200, f"{probe} {pod.probe(probe)}: {body}")
    code, body = agent.ask(pod.probe("readinessProbe"))
    checks.check(code in (200, 503) and body.startswith("{"), f"readinessProbe answers and says why: {code} {body}")
    code, body = agent.ask(pod.probe("livenessProbe").replace("/healthz", "/metrics"))
    checks.check(code == 200 and "tiercel_events_total" in body, f"/metrics: {code}")


def attack_container(checks, agent, containerd):
    """A miner in a container of somebody else."""
    ran = containerd.ctr("run", "--rm", "--runc-binary", containerd.runtime, VICTIM, "victim", "/bin/bash", "-c",
                         "cp /bin/sleep /tmp/xmrig && /tmp/xmrig 60", check=False)
    alert = agent.wait("Cryptomining Process")
    checks.equal(alert["output_fields"]["container.id"], "victim", "the miner's container")
    checks.equal(alert["priority"], "Error", "the miner's priority")
    checks.equal(agent.receipt("Kill Cryptominer", "victim")["response.result"], "done", "the seed's response")
    checks.equal(ran.returncode, 137, f"exit status of the miner, which was killed: {ran.stderr.decode()}")


def private_folder():
    """A layer that gives /etc to the image's user alone."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        entry = tarfile.TarInfo("etc")
        entry.type, entry.mode, entry.uid, entry.gid = tarfile.DIRTYPE, 0o700, 1000, 1000
        tar.addfile(entry)
    return out.getvalue()


def attack_by_user(checks, agent, containerd):
    """A user in a container: named by a file that is the user's alone (CAP_DAC_READ_SEARCH), killed though no process of
    root's (CAP_KILL)."""
    ran = containerd.ctr("run", "--rm", "--runc-binary", containerd.runtime, VICTIM, "user", "/bin/bash",
                         "-c", "echo > /tmp/tiercel-forbidden; exec sleep 60", check=False)
    checks.equal(ran.returncode, 137, f"exit status of who opened it, who was killed: {ran.stderr.decode()}")
    alert = agent.wait("Forbidden File Opened")
    checks.check("app opened it in user" in alert["output"], f"the user's name: {alert['output']}")
    fields = agent.receipt("Kill Who Opened It", "user")
    checks.equal((fields["response.result"], fields["response.way"]), ("done", "user"), f"the response in user space: {fields}")


def protected_on_host(checks, agent, folder):
    """A program that must live, of another user's: which one it is, is read from its /proc (CAP_SYS_PTRACE)."""
    place = folder.folder("public")
    os.chmod(place, 0o777)
    with subprocess.Popen(["/bin/bash", "-c", f"echo > {place}/tiercel-forbidden; read line"], stdin=subprocess.PIPE, user=65534) as program:
        fields = agent.receipt("Kill Who Opened It", "host")
        checks.equal(fields["response.result"], "refused", f"a protected program of the host: {fields}")
        checks.check("response.protect" in fields["response.reason"], f"why it was refused: {fields}")
        program.stdin.close()


def attack_host(checks, agent):
    subprocess.run(["head", "-c", "1", "/etc/shadow"], check=True, stdout=subprocess.DEVNULL)
    alert = agent.wait("Shadow File Read by an Unusual Program", lambda alert: "head -c 1" in alert["output"])
    checks.equal(alert["output_fields"].get("container.id", "host"), "host", "the reader of the host")
    checks.equal(alert["hostname"], "node-1", "alerts name the node")


def update_rules(checks, agent, pod, rules):
    pod.update("rules", {"custom_rules.yaml": rules + "\n" + LATER})
    agent.child.wait_stderr("rules reloaded", "the changed ConfigMap to be read")
    subprocess.run(["/bin/true", "planted-later"], check=True)
    checks.check(agent.wait(PLANTED), "a rule of the changed ConfigMap")


def scene(options, checks, folder, containerd, network):
    containerd.ctr("image", "import", make_image(folder, install_tree(folder, options.tiercel)))
    containerd.load(VICTIM, [images.layer(["/bin/cp"], {"etc/passwd": images.PASSWD + "app:x:1000:1000::/:/bin/sh\n"}),
                             private_folder()], user="1000:1000")
    objects, rules = rendered(folder)
    pod = pods.Pod(folder, objects, network.ADDRESS)
    agent = AgentPod(containerd, pod, network)

    said = agent.child.stderr()
    checks.check("falco_rules.yaml: warning: is not there: Tiercel's own rules" in said, f"the absent stock rules are told: {said[-1500:]}")
    check_privileges(checks, agent, pod.container["securityContext"])
    attack_container(checks, agent, containerd)
    attack_by_user(checks, agent, containerd)
    protected_on_host(checks, agent, folder)
    attack_host(checks, agent)
    update_rules(checks, agent, pod, rules)
    check_probes(checks, agent, pod)
    own = [alert["output"] for line in list(agent.child.lines) if (alert := json.loads(line))["output_fields"].get("container.id") == AGENT]
    checks.equal(own, [], "nothing is said against the agent itself")
    checks.equal(agent.stop(), 0, "exit status at SIGTERM")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tiercel", required=True)
    options = parser.parse_args()
    support.require_kernel_tests()
    checks = support.Checks()
    with support.Folder("pod") as folder, Places():
        share_mounts()
        if not os.path.isdir(os.path.join(TRACING, "events")):  # what systemd does on a node
            _call("mount", b"tracefs", TRACING.encode(), b"tracefs", 0, None)
        with Containerd(folder) as containerd, pods.Network() as network:
            scene(options, checks, folder, containerd, network)
    return checks.finish("the DaemonSet's pod")


if __name__ == "__main__":
    support.main(main, "helm_pod")
