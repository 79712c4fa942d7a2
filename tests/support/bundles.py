"""Records of containers in the layouts of containerd's CRI plugin and of CRI-O, as those write them before a container's
first process: the OCI bundle with its annotations (containerd internal/cri/annotations, cri-o pkg/annotations), where each
keeps it, and the cgroup path in both drivers' forms. Use inside of places.Places, which has the folders to itself."""

import hashlib
import json
import os
import uuid

TASKS = "/run/containerd/io.containerd.runtime.v2.task/k8s.io"
STORAGE = "/var/lib/containers/storage"
STORAGE_RUN = "/run/containers/storage"
CAPABILITIES = ["CAP_CHOWN", "CAP_KILL", "CAP_NET_BIND_SERVICE"]
PASSWD = "root:x:0:0:root:/root:/bin/bash\nbundled:x:1000:1000::/home/bundled:/bin/sh\n"
GROUP = "root:x:0:\nbundles:x:1000:\n"


def hex_id(text):
    return hashlib.sha256(text.encode()).hexdigest()


def write(path, text, mode=0o600):
    os.makedirs(os.path.dirname(path), mode=0o711, exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    os.chmod(path, mode)


class Pod:
    def __init__(self, name, namespace="shop", quality="burstable"):
        self.name, self.namespace, self.quality = name, namespace, quality
        self.uid = str(uuid.uuid5(uuid.NAMESPACE_DNS, name))
        self.sandbox_id = hex_id("sandbox " + name)

    def cgroupfs(self):
        return f"/kubepods/{self.quality}/pod{self.uid}"

    def slice(self):
        return f"kubepods-{self.quality}-pod{self.uid.replace('-', '_')}.slice"

    def slice_path(self):
        return f"/kubepods.slice/kubepods-{self.quality}.slice/{self.slice()}"


class Bundle:
    """A container of a pod. runtime: containerd or cri-o; driver: cgroupfs or systemd."""

    def __init__(self, pod, name, runtime, driver, image="registry.example/shop/web:3.4"):
        self.pod, self.name, self.runtime, self.driver, self.image = pod, name, runtime, driver, image
        self.ident = hex_id(f"{pod.name} {name} {runtime} {driver}")
        scope = {"containerd": "cri-containerd", "cri-o": "crio"}[runtime]
        if driver == "systemd":
            self.cgroups_path = f"{pod.slice()}:{scope}:{self.ident}"
            self.cgroup = f"{pod.slice_path()}/{scope}-{self.ident}.scope"
        else:
            leaf = self.ident if runtime == "containerd" else f"crio-{self.ident}"
            self.cgroups_path = self.cgroup = f"{pod.cgroupfs()}/{leaf}"
        if runtime == "containerd":
            self.folder = os.path.join(TASKS, self.ident)
            self.rootfs = os.path.join(self.folder, "rootfs")
        else:
            self.folder = os.path.join(STORAGE_RUN, "overlay-containers", self.ident, "userdata")
            self.rootfs = os.path.join(STORAGE, "overlay", hex_id("layer " + self.ident), "merged")

    def _annotations(self):
        pod = self.pod
        if self.runtime == "containerd":
            return {"io.kubernetes.cri.container-name": self.name, "io.kubernetes.cri.container-type": "container",
                    "io.kubernetes.cri.image-name": self.image, "io.kubernetes.cri.sandbox-id": pod.sandbox_id,
                    "io.kubernetes.cri.sandbox-name": pod.name, "io.kubernetes.cri.sandbox-namespace": pod.namespace,
                    "io.kubernetes.cri.sandbox-uid": pod.uid}
        named = f"{pod.name}_{pod.namespace}_{pod.uid}_0"
        kubelets = {"io.kubernetes.container.name": self.name, "io.kubernetes.pod.name": pod.name,
                    "io.kubernetes.pod.namespace": pod.namespace, "io.kubernetes.pod.uid": pod.uid}
        image_id = hex_id("image " + self.image)
        own = {"Annotations": json.dumps({"io.kubernetes.container.restartCount": "0"}), "ContainerID": self.ident,
               "ContainerName": f"k8s_{self.name}_{named}", "ContainerType": "container", "Created": "2026-01-02T03:04:05.678901234Z",
               "Image": image_id, "ImageName": self.image, "ImageRef": image_id, "IP.0": "10.85.0.7",
               "Labels": json.dumps(kubelets), "LogPath": f"/var/log/pods/{pod.namespace}_{pod.name}_{pod.uid}/{self.name}/0.log",
               "Metadata": json.dumps({"name": self.name}), "MountPoint": self.rootfs, "Name": f"k8s_{self.name}_{named}",
               "SandboxID": pod.sandbox_id, "SandboxName": f"k8s_POD_{named}"}
        return {**kubelets, **{"io.kubernetes.cri-o." + key: value for key, value in own.items()}}

    def config(self):
        mount = {"destination": "/data", "type": "bind", "source": "/srv/shop", "options": ["rbind", "rprivate", "ro"]}
        return {"ociVersion": "1.0.2", "hostname": self.pod.name,
                "process": {"user": {"uid": 1000, "gid": 1000}, "args": ["/bin/web", "--listen"], "cwd": "/", "env": ["PATH=/bin"],
                            "capabilities": {kind: CAPABILITIES for kind in ("bounding", "effective", "permitted")}},
                "root": {"path": "rootfs" if self.runtime == "containerd" else self.rootfs},
                "mounts": [{"destination": "/proc", "type": "proc", "source": "proc"}, mount], "annotations": self._annotations(),
                "linux": {"cgroupsPath": self.cgroups_path, "namespaces": [{"type": kind} for kind in ("pid", "mount", "uts")]}}

    def write(self):
        text = json.dumps(self.config())
        write(os.path.join(self.folder, "config.json"), text)
        if self.runtime == "cri-o":
            write(os.path.join(STORAGE, "overlay-containers", self.ident, "userdata", "config.json"), text)
        for name, content in (("passwd", PASSWD), ("group", GROUP)):
            write(os.path.join(self.rootfs, "etc", name), content, 0o644)
        return self

    def give_to(self, uid):
        """As if an ordinary user had written it."""
        for path in (self.folder, os.path.join(self.folder, "config.json")):
            os.chown(path, uid, uid)
