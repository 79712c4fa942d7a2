"""A pod of a rendered chart on this host, without a kubelet: what kubelet and the runtime would make of its container, as
a `ctr run` of a containerd of the test's own. Only what the chart's template uses; anything else of the pod is an error, so
that nothing of the template is passed over.
"""

import base64
import os
import re

import tiercel as support

SKIPPED_POD = {"serviceAccountName", "automountServiceAccountToken", "enableServiceLinks", "priorityClassName", "tolerations",
               "nodeSelector", "terminationGracePeriodSeconds"}  # nothing of it reaches the container
KNOWN_POD = SKIPPED_POD | {"hostPID", "hostNetwork", "containers", "volumes"}
KNOWN_CONTAINER = {"name", "image", "imagePullPolicy", "args", "env", "ports", "startupProbe", "livenessProbe", "readinessProbe",
                   "resources", "securityContext", "volumeMounts"}
KNOWN_SECURITY = {"runAsUser", "runAsGroup", "privileged", "allowPrivilegeEscalation", "readOnlyRootFilesystem", "capabilities",
                  "seccompProfile", "appArmorProfile"}
PROPAGATION = {"HostToContainer": "rslave", "None": "rprivate", "Bidirectional": "rshared"}
# What containerd gives where nothing is said; `drop: [ALL]` takes it.
RUNTIME_GIVES = """CHOWN DAC_OVERRIDE FSETID FOWNER MKNOD NET_RAW SETGID SETUID SETFCAP SETPCAP NET_BIND_SERVICE SYS_CHROOT KILL
AUDIT_WRITE""".split()
UNITS = {"Ki": 1 << 10, "Mi": 1 << 20, "Gi": 1 << 30}


def expect(keys, known, what):
    if set(keys) - known:
        raise support.Failure(f"the {what} has {sorted(set(keys) - known)}, which pod.py does not know")


class Network:
    """A pod's network: a namespace with loopback up and the pod's address."""

    ADDRESS = "10.244.0.7"

    def __enter__(self):
        self.holder = support.Child(["unshare", "--net", "sh", "-ec",
                                     f"ip link set lo up; ip addr add {self.ADDRESS}/32 dev lo; echo ready >&2; exec sleep 600"])
        self.holder.wait_stderr("ready", "the pod's network")
        self.path = f"/proc/{self.holder.pid}/ns/net"
        return self

    def __exit__(self, *_):
        self.holder.kill()


def projected(folder, files, mode):
    """A ConfigMap's or Secret's volume as kubelet makes it: a swap of the link ..data is an update."""
    number = len([name for name in os.listdir(folder) if name.startswith("..2")])
    version = os.path.join(folder, f"..2026_{number}")
    os.mkdir(version)
    for name, content in files.items():
        path = os.path.join(version, name)
        with open(path, "wb") as file:
            file.write(content)
        os.chmod(path, mode)
    fresh = os.path.join(folder, "..data_tmp")
    os.symlink(os.path.basename(version), fresh)
    os.rename(fresh, os.path.join(folder, "..data"))
    for name in files:
        if not os.path.lexists(os.path.join(folder, name)):
            os.symlink(os.path.join("..data", name), os.path.join(folder, name))


class Pod:
    def __init__(self, folder, objects, address, node="node-1"):
        self.folder, self.objects, self.address, self.node = folder, objects, address, node
        (daemonset,) = [one for one in objects if one["kind"] == "DaemonSet"]
        self.spec = daemonset["spec"]["template"]["spec"]
        (self.container,) = self.spec["containers"]
        expect(self.spec, KNOWN_POD, "pod")
        expect(self.container, KNOWN_CONTAINER, "container")
        expect(self.container["securityContext"], KNOWN_SECURITY, "securityContext")
        self.volumes = {one["name"]: self._volume(one) for one in self.spec["volumes"]}

    def _object(self, kind, name):
        (found,) = [one for one in self.objects if one["kind"] == kind and one["metadata"]["name"] == name]
        files = {key: base64.b64decode(text) if kind == "Secret" else text.encode() for key, text in found.get("data", {}).items()}
        files.update({key: text.encode() for key, text in found.get("stringData", {}).items()})
        return files

    def _volume(self, volume):
        """The folder on this host."""
        (kind,) = set(volume) - {"name"}
        about = volume[kind]
        if kind == "hostPath":
            if about.get("type") == "DirectoryOrCreate":
                os.makedirs(about["path"], exist_ok=True)
            return about["path"]
        path = self.folder.folder("volume-" + volume["name"])
        if kind in ("configMap", "secret"):
            files = self._object(kind[0].upper() + kind[1:], about["name" if kind == "configMap" else "secretName"])
            if "items" in about:
                files = {item["path"]: files[item["key"]] for item in about["items"]}
            projected(path, files, about.get("defaultMode", 0o644))
        elif kind != "emptyDir":
            raise support.Failure(f"pod.py does not know volumes of {kind}")
        return path

    def update(self, volume, files):
        """Somebody changed the ConfigMap."""
        projected(self.volumes[volume], {name: text.encode() for name, text in files.items()}, 0o644)

    def _environment(self):
        fields = {"spec.nodeName": self.node, "status.podIP": self.address}
        out = {}
        for one in self.container["env"]:
            text = one.get("value", "")
            if "valueFrom" in one:
                text = fields[one["valueFrom"]["fieldRef"]["fieldPath"]]
            out[one["name"]] = re.sub(r"\$\((\w+)\)", lambda match: out.get(match.group(1), match.group(0)), text)
        return out

    def _security(self):
        security = self.container["securityContext"]
        caps = security["capabilities"]
        if security["privileged"] or security["runAsUser"] or security["runAsGroup"] or caps["drop"] != ["ALL"]:
            raise support.Failure(f"pod.py knows root without privileges only, and drop: [ALL]: {security}")
        args = []
        for name in RUNTIME_GIVES:
            if name not in caps["add"]:
                args += ["--cap-drop", "CAP_" + name]
        for name in caps["add"]:
            args += ["--cap-add", "CAP_" + name]
        if security["readOnlyRootFilesystem"]:
            args.append("--read-only")
        if security["allowPrivilegeEscalation"]:
            args.append("--allow-new-privs")
        if security["seccompProfile"]["type"] == "RuntimeDefault":
            args.append("--seccomp")
        return args

    def _limits(self):
        limits = self.container["resources"]["limits"]
        number, unit = re.fullmatch(r"(\d+)(Ki|Mi|Gi)", limits["memory"]).groups()
        return ["--memory-limit", str(int(number) * UNITS[unit]), "--cpus", str(int(limits["cpu"].removesuffix("m")) / 1000)]

    def ctr_args(self, network, more):
        """Of `ctr run`, up to the image."""
        args = self._security() + self._limits()
        if self.spec["hostPID"]:
            args += ["--with-ns", f"pid:/proc/{os.getpid()}/ns/pid"]
        args += ["--net-host"] if self.spec["hostNetwork"] else ["--with-ns", "network:" + network]
        for name, text in self._environment().items():
            args += ["--env", f"{name}={text}"]
        for mount in self.container["volumeMounts"]:
            expect(mount, {"name", "mountPath", "readOnly", "mountPropagation"}, "volumeMount")
            options = ["rbind", "ro" if mount.get("readOnly") else "rw", PROPAGATION[mount.get("mountPropagation", "None")]]
            args += ["--mount", f"type=bind,src={self.volumes[mount['name']]},dst={mount['mountPath']},options={':'.join(options)}"]
        return args + more

    def probe(self, name):
        """The URL that kubelet asks."""
        asked = self.container[name]["httpGet"]
        (port,) = [one["containerPort"] for one in self.container["ports"] if one["name"] == asked["port"]]
        return f"http://{self.address}:{port}{asked['path']}"
