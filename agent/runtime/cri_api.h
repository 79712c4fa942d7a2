// The Container Runtime Interface, spoken by containerd (with its CRI plugin) and CRI-O: what it says of pods, and
// CRI-O of containers. The readers are pure and take hostile bytes; the rest blocks, on a lane's thread. Facts:
// kubernetes/cri-api pkg/apis/runtime/v1/api.proto; the text under "info" of a verbose answer is the runtime's own:
// containerd's cniResult, CRI-O's annotation io.kubernetes.cri-o.CNIResult.
#pragma once

#include <string>
#include <string_view>

#include "agent/container/container.h"
#include "agent/runtime/dialogue.h"

namespace tiercel::runtime {

// Of a container in a pod the address is the pod's.
inline constexpr uint32_t kCriTellsOfPods =
    container::kMissingPodLabels | container::kMissingPodIp | container::kMissingIp;
inline constexpr uint32_t kCriTellsOfContainers = container::kMissingRecord | container::kMissingName |
                                                  container::kMissingImage | container::kMissingDigest |
                                                  container::kMissingLabels;

// "" if the container is in no pod that we know.
[[nodiscard]] std::string sandbox_of(const container::Container& container);

// PodSandboxStatusResponse, ContainerStatusResponse. They fill what `missing` names, and clear those bits; false if
// this is no answer about that pod or container.
bool read_cri_sandbox(container::Container& container, std::string_view message);
bool read_cri_container(container::Container& container, std::string_view message);

Outcome ask_cri_sandbox(const Dialogue& dialogue, container::Container& container);
// CRI-O: the container, then its pod.
Outcome ask_crio(const Dialogue& dialogue, const std::string& type, container::Container& container);

}  // namespace tiercel::runtime
