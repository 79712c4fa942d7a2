#!/usr/bin/env python3
"""The chart, rendered with several values: valid values and objects, references that fit, privileges by name, Falco's keys,
messages for what cannot be meant. With --tiercel also: the program takes every tiercel.yaml that comes out.

Where a helm is in PATH (no distribution has it), it lints the chart and must render the same objects.
"""

import argparse
import base64
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

import yaml

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.normpath(os.path.join(HERE, "..", ".."))
sys.path.insert(0, HERE)
sys.path.insert(0, os.path.join(HERE, "..", "support"))
import schema  # noqa: E402
import template  # noqa: E402
import tiercel as support  # noqa: E402

CHART = os.path.join(ROOT, "packaging", "helm", "tiercel")
SEED = "seed-falco-runtime-security.md"
LEAST = ["BPF", "PERFMON", "SYS_PTRACE", "DAC_READ_SEARCH", "SYS_NICE"]
SEED_RESOURCES = {"requests": {"cpu": "100m", "memory": "512Mi"}, "limits": {"cpu": "1000m", "memory": "1024Mi"}}
# values that cannot be meant -> what the chart says
REFUSED = [
    ({"ebpf": {"enabled": False}}, "there is no kernel module"),
    ({"falco": {"rules": ["/a.yaml"], "rulesFiles": ["/b.yaml"]}}, "two names for one list"),
    ({"falco": {"rules": ["/etc/falco/a.yaml"]}, "customRules": {"b.yaml": "[]"}}, "add /etc/falco/b.yaml to that list"),
    ({"falco": {"httpOutput": {"enabled": True}}}, "falco.httpOutput.url"),
    ({"manager": {"enrolment": {"password": "x"}}}, "manager.host"),
    ({"manager": {"caConfigMap": "x"}}, "manager.host"),
    ({"serviceMonitor": {"enabled": True}, "metrics": {"service": False}}, "metrics.service: true"),
]
# values that the schema refuses -> the place
WRONG = [
    ({"falco": {"jsonoutput": True}}, "values.falco: unknown key jsonoutput"),
    ({"tolerance": []}, "values: unknown key tolerance"),
    ({"metrics": {"port": "9376"}}, "values.metrics.port"),
    ({"extraCapabilities": ["CAP_NET_ADMIN"]}, "values.extraCapabilities[0]"),
    ({"customRules": {"../x.yaml": "[]"}}, "values.customRules"),
    ({"image": {"digest": "latest"}}, "values.image.digest"),
    ({"outputs": [{"config": {}}]}, "values.outputs[0]: type is missing"),
    ({"falco": {"httpOutput": {"url": "falcosidekick:2801"}}}, "values.falco.httpOutput.url"),
]


def by_kind(found, kind):
    return [one for one in found if one["kind"] == kind]


class Rendered:
    def __init__(self, values, **release):
        self.values = values
        self.objects = template.objects(template.render_chart(CHART, values, **release))
        self.names = {(one["kind"], one["metadata"]["name"]) for one in self.objects}
        (self.daemonset,) = by_kind(self.objects, "DaemonSet")
        self.pod = self.daemonset["spec"]["template"]["spec"]
        (self.agent,) = self.pod["containers"]

    def config_text(self):
        for one in self.objects:
            for text in ("data", "stringData"):
                if "tiercel.yaml" in one.get(text, {}):
                    return one[text]["tiercel.yaml"]
        raise support.Failure("there is no tiercel.yaml")

    def config(self):
        return yaml.safe_load(self.config_text())


def check_references(checks, name, got, external):
    """What objects say of each other fits."""
    volumes = {one["name"]: one for one in got.pod["volumes"]}
    mounts = got.agent["volumeMounts"]
    checks.equal({one["name"] for one in mounts}, set(volumes), f"{name}: mounts and volumes")
    paths = [one["mountPath"] for one in mounts]
    checks.equal(len(paths), len(set(paths)), f"{name}: every mount has a path of its own")
    for one in volumes.values():
        checks.equal(len(one), 2, f"{name}: the volume {one['name']} has one source")
        for kind, key in (("configMap", "name"), ("secret", "secretName")):
            if kind in one:
                wanted = (kind[0].upper() + kind[1:], one[kind][key])
                checks.check(wanted in got.names or wanted[1] in external, f"{name}: the volume {one['name']} is of {wanted}")
    labels = got.daemonset["spec"]["template"]["metadata"]["labels"]
    selectors = [got.daemonset["spec"]["selector"]["matchLabels"]]
    ports = {one["name"]: one["containerPort"] for one in got.agent["ports"]}
    for service in by_kind(got.objects, "Service"):
        selectors.append(service["spec"]["selector"])
        checks.check(all(port["targetPort"] in ports for port in service["spec"]["ports"]), f"{name}: the Service's port")
        for monitor in by_kind(got.objects, "ServiceMonitor"):
            have = {port["name"] for port in service["spec"]["ports"]}
            checks.check(all(one["port"] in have for one in monitor["spec"]["endpoints"]), f"{name}: the ServiceMonitor's port")
            wanted = monitor["spec"]["selector"]["matchLabels"]
            checks.check(wanted.items() <= service["metadata"]["labels"].items(), f"{name}: the ServiceMonitor finds the Service")
    for selector in selectors:
        checks.check(selector.items() <= labels.items(), f"{name}: {selector} finds the pods")
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        checks.check(got.agent[probe]["httpGet"]["port"] in ports, f"{name}: the port of {probe}")
    listen = got.config()["metrics"]["listen"]
    checks.equal(int(listen.rsplit(":", 1)[1]), ports["metrics"], f"{name}: the agent listens where the probes ask")
    account = got.pod["serviceAccountName"]
    checks.check(("ServiceAccount", account) in got.names or account == "nobody", f"{name}: the account {account}")


def check_privileges(checks, name, got, more):
    security = got.agent["securityContext"]
    checks.equal(security["capabilities"], {"drop": ["ALL"], "add": LEAST + more}, f"{name}: capabilities")
    for key, wanted in (("privileged", False), ("allowPrivilegeEscalation", False), ("readOnlyRootFilesystem", True)):
        checks.equal(security[key], wanted, f"{name}: {key}")
    checks.equal(security["seccompProfile"], {"type": "RuntimeDefault"}, f"{name}: seccomp")
    checks.equal(got.pod["automountServiceAccountToken"], False, f"{name}: no token")
    writable = {one["mountPath"] for one in got.agent["volumeMounts"] if not one.get("readOnly")}
    checks.equal(writable, {"/var/lib/tiercel", "/run/tiercel"}, f"{name}: what can be written to")
    host = {one["hostPath"]["path"] for one in got.pod["volumes"] if "hostPath" in one}
    checks.equal(host, {"/", "/sys/kernel/tracing", got.values["statePath"]}, f"{name}: folders of the node")


def check_default(checks, got):
    checks.equal(got.agent["resources"], SEED_RESOURCES, "default: the seed's resources")
    checks.equal(got.pod["tolerations"], [{"operator": "Exists"}], "default: on every node")
    checks.equal(got.pod["hostNetwork"], False, "default: hostNetwork")
    config = got.config()
    checks.equal(config["rules_files"], ["/usr/share/tiercel/rules"], "default: the shipped rules")
    checks.equal(config["outputs"], [{"type": "stdout", "config": {"format": "text"}}], "default: outputs")
    checks.check("wazuh" not in config, "default: no manager")
    checks.check(by_kind(got.objects, "Secret") == [], "default: no Secret")
    profile = got.agent["securityContext"].get("appArmorProfile")
    checks.equal(profile, {"type": "Unconfined"}, "default: AppArmor by the field")
    old = Rendered(got.values, kube_version="v1.29.4")
    checks.check("appArmorProfile" not in old.agent["securityContext"], "before 1.30 there is no such field")
    note = "container.apparmor.security.beta.kubernetes.io/agent"
    checks.equal(old.daemonset["spec"]["template"]["metadata"]["annotations"].get(note), "unconfined", "before 1.30: by annotation")


def check_seed(checks, got):
    config = got.config()
    checks.equal(got.agent["resources"], SEED_RESOURCES, "seed: resources")
    checks.equal(config["rules_files"], ["/etc/falco/falco_rules.yaml", "/etc/falco/custom_rules.yaml"], "seed: rules_files")
    checks.equal(config["json_include_output_property"], True, "seed: json_include_output_property")
    checks.equal(config["outputs"], [{"type": "stdout", "config": {"format": "json"}},
                                     {"type": "http_output", "config": {"url": "http://falcosidekick:2801"}}], "seed: outputs")
    shared = os.path.join(os.environ.get("TIERCEL_SHARED", os.path.join(ROOT, "..", "shared")), SEED)
    if os.path.exists(shared):
        with open(shared, encoding="utf-8") as file, open(os.path.join(HERE, "values", "seed.yaml"), encoding="utf-8") as mine:
            checks.check(mine.read() in file.read(), "values/seed.yaml is the seed's text")


def check_everything(checks, got):
    config = got.config()
    checks.equal(got.config()["metrics"]["listen"], "[${POD_IP}]:9999", "everything: an IPv6 address")
    checks.equal([one["type"] for one in config["outputs"]], ["stdout", "http_output", "slack", "syslog"], "everything: outputs")
    checks.equal(config["response"], {"enabled": True, "dry_run": True, "protect": ["my-database"]}, "everything: config is laid over")
    checks.equal(config["json_include_output_property"], False, "everything: json_include_output_property")
    checks.equal(config["wazuh"], {
        "managers": [{"host": "wazuh-manager.wazuh.svc", "port": 11514, "enrol_port": 11515, "protocol": "tcp"}],
        "agent_name": "prod-${NODE_NAME}", "groups": ["kubernetes", "linux"],
        "password_file": "/etc/tiercel/enrolment/password", "ca_file": "/etc/tiercel/manager-ca/ca.pem"}, "everything: wazuh")
    checks.equal(got.pod["dnsPolicy"], "ClusterFirstWithHostNet", "everything: names are the cluster's, with hostNetwork")
    checks.check(("Secret", "sensor-config") in got.names, "everything: with outputs the configuration is a Secret")
    password = got.values["manager"]["enrolment"]["password"]
    (secret,) = [one for one in by_kind(got.objects, "Secret") if one["metadata"]["name"] == "sensor-enrolment"]
    checks.equal(base64.b64decode(secret["data"]["password"]).decode(), password, "everything: the password")
    elsewhere = json.dumps([one for one in got.objects if one is not secret])
    checks.check(password not in elsewhere, "everything: the password is in its Secret alone")
    (rules,) = [one for one in by_kind(got.objects, "ConfigMap") if one["metadata"]["name"] == "sensor-rules"]
    checks.equal({file: text.rstrip("\n") for file, text in rules["data"].items()}, got.values["customRules"], "everything: rules as they were")
    checks.equal(got.agent["image"].split("@")[0], "registry.example.com/security/tiercel", "everything: the image")


def check_manager(checks, got):
    checks.equal(got.config()["rules_files"], ["/usr/share/tiercel/rules", "/etc/falco"], "manager: own rules after the shipped ones")
    (volume,) = [one for one in got.pod["volumes"] if one["name"] == "enrolment"]
    checks.equal(volume["secret"]["items"], [{"key": "authd.pass", "path": "password"}], "manager: the key of an existing Secret")
    checks.check(by_kind(got.objects, "Secret") == [], "manager: no Secret of the chart's own")


def check_least(checks, got):
    checks.equal({kind for kind, _ in got.names}, {"DaemonSet", "ConfigMap"}, "least: objects")
    checks.check("tolerations" not in got.pod and "priorityClassName" not in got.pod, "least: what is empty is left out")


CASES = {
    "default": (check_default, ["KILL"], ()),
    "seed": (check_seed, ["KILL"], ()),
    "everything": (check_everything, ["KILL", "NET_ADMIN", "SYS_ADMIN"], ("manager-ca", "logs-ca")),
    "manager": (check_manager, ["KILL"], ("wazuh-enrolment",)),
    "least": (check_least, [], ()),
}


def overs_of(name):
    return [] if name == "default" else [template.read_yaml(os.path.join(HERE, "values", name + ".yaml"))]


def check_refusals(checks, values_schema):
    for over, wanted in REFUSED:
        try:
            Rendered(template.values_of(CHART, over))
            checks.check(False, f"{over} is taken")
        except template.Failed as failed:
            checks.check(wanted in str(failed), f"{over}: '{failed}' says '{wanted}'")
    for over, wanted in WRONG:
        bad = schema.judge(template.values_of(CHART, over), values_schema)
        checks.check(any(wanted in text for text in bad), f"{over}: {bad} says '{wanted}'")


def check_judge(checks, kinds, got):
    """The judge of objects finds what is wrong in them."""
    for path, value in ((("spec", "template", "spec", "hostPIDs"), True), (("spec", "template", "spec", "hostPID"), "true"),
                        (("spec", "selector", "matchLabels"), None), (("metadata", "name"), "Upper")):
        one = json.loads(json.dumps(got.daemonset))
        at = one
        for key in path[:-1]:
            at = at[key]
        at[path[-1]] = value
        checks.check(kinds.judge(one), f"{'.'.join(path)}: {value!r} is found to be wrong")


def check_files(checks, values_schema):
    """values.yaml, its schema and Chart.yaml know of each other."""
    def compare(values, wanted, path):
        keys = wanted.get("properties")
        if not keys or not isinstance(values, dict) or wanted.get("additionalProperties", True) is not False:
            return
        checks.equal(set(values), set(keys) - {"global", "localhostProfile", "level", "role", "user"} if values else set(),
                     f"keys of {path or 'values.yaml'} and of the schema")
        for key, value in values.items():
            if value != {}:
                compare(value, keys.get(key, {}), f"{path}.{key}")

    compare(template.values_of(CHART), {**values_schema, "properties": dict(values_schema["properties"])}, "")
    with open(os.path.join(ROOT, "docs", "kubernetes.md"), encoding="utf-8") as file:
        guide = file.read()
    for key in template.values_of(CHART):
        checks.check(f"`{key}" in guide, f"docs/kubernetes.md says where {key} belongs")
    about = template.read_yaml(os.path.join(CHART, "Chart.yaml"))
    with open(os.path.join(ROOT, "CMakeLists.txt"), encoding="utf-8") as file:
        version = re.search(r"project\(tiercel VERSION ([\d.]+)", file.read()).group(1)
    checks.equal(about["appVersion"], version, "the chart's appVersion is the program's")


def without_sums(found):
    """Objects by name, with what depends on a YAML writer's taste taken apart."""
    out = {}
    for one in json.loads(json.dumps(found)):
        if one["kind"] == "DaemonSet":
            one["spec"]["template"]["metadata"]["annotations"].pop("checksum/config")
        for text in ("data", "stringData"):
            if "tiercel.yaml" in one.get(text, {}):
                one[text]["tiercel.yaml"] = yaml.safe_load(one[text]["tiercel.yaml"])
        out[one["kind"], one["metadata"]["name"]] = one
    return out


def check_helm(checks, helm, name, got):
    files = [] if name == "default" else ["-f", os.path.join(HERE, "values", name + ".yaml")]
    lint = subprocess.run([helm, "lint", "--strict", CHART] + files, capture_output=True, text=True, check=False)
    checks.equal(lint.returncode, 0, f"helm lint --strict with {name}: {lint.stdout}")
    done = subprocess.run([helm, "template", "tiercel", CHART, "-n", "security", "--kube-version", "v1.31.0"] + files,
                          capture_output=True, text=True, check=False)
    theirs = without_sums([one for one in yaml.safe_load_all(done.stdout) if one])
    checks.equal(without_sums(got.objects), theirs, f"helm renders {name} as template.py does {done.stderr}")


def check_program(checks, tiercel, name, got):
    """The agent reads the configuration; the recording that is not there comes after that."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "tiercel.yaml")
        with open(path, "w", encoding="utf-8") as file:
            file.write(got.config_text())
        host = "fd00::7" if got.values["metrics"]["ipv6"] else "10.244.0.7"
        env = {**os.environ, "POD_IP": host, "NODE_NAME": "node-1", "SLACK_URL": "https://hooks.slack.com/services/x"}
        recording = os.path.join(folder, "no-recording")
        done = subprocess.run([tiercel, "replay", "--config", path, "--host-root", "/", "--rules", os.path.join(ROOT, "rules"), recording],
                              env=env, capture_output=True, text=True, check=False)
        checks.check("has mistakes" not in done.stderr and recording in done.stderr, f"{name}: the program takes its tiercel.yaml: {done.stderr}")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tiercel", help="a built program, to judge the configurations")
    options = parser.parse_args()
    checks = support.Checks()
    with open(os.path.join(CHART, "values.schema.json"), encoding="utf-8") as file:
        values_schema = json.load(file)
    kinds, helm = schema.Kinds(), shutil.which("helm")
    for name, (check, more, external) in CASES.items():
        values = template.values_of(CHART, *overs_of(name))
        checks.equal(schema.judge(values, values_schema), [], f"{name}: values")
        got = Rendered(values)
        for one in got.objects:
            checks.equal(kinds.judge(one), [], f"{name}: {one['kind']} {one['metadata']['name']}")
        check_references(checks, name, got, external)
        check_privileges(checks, name, got, more)
        check(checks, got)
        if name == "default":
            check_judge(checks, kinds, got)
        if helm:
            check_helm(checks, helm, name, got)
        if options.tiercel:
            check_program(checks, options.tiercel, name, got)
    check_refusals(checks, values_schema)
    check_files(checks, values_schema)
    return checks.finish("the chart" + (" (helm compared)" if helm else ""))


if __name__ == "__main__":
    support.main(main, "helm_render")
