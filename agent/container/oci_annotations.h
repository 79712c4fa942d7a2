// What runtimes write into an OCI bundle's annotations. Keys: containerd internal/cri/annotations, CRI-O
// internal/annotations, kubelet's labels (io.kubernetes.pod.*), nerdctl pkg/labels, Podman's io.container.manager. Pure
// functions, any thread. Only for sources of this folder.
#pragma once

#include "agent/container/container.h"
#include "agent/container/json_text.h"

namespace tiercel::container {

// `container.type`, if known from the cgroup, says whose annotations count: users of Podman and Docker write what they
// like. Where it is not known, it is set.
void read_annotations(Container& container, const Json& annotations);

// Kubelet's labels of a container or sandbox: pod name, namespace, uid, container name.
void read_kubernetes_labels(Container& container, const Labels& labels);

// What the runtime's socket may still tell.
uint32_t missing_of_containerd(const Container& container);
uint32_t missing_of_crio(const Container& container);
uint32_t missing_of_podman(const Container& container);

}  // namespace tiercel::container
