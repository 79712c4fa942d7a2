#include "agent/container/oci_annotations.h"

#include <string>

#include "agent/container/claim.h"

namespace tiercel::container {
namespace {

constexpr const char* kManager = "io.container.manager";

void take(std::string& to, const Json& annotations, const char* key, bool& cut) {
  if (std::string text = text_at(annotations, key, cut); !text.empty()) to = std::move(text);
}

void read_cri(Container& c, const Json& annotations) {
  c.type = "containerd";
  c.sandbox = text_at(annotations, "io.kubernetes.cri.container-type", c.cut) == "sandbox";
  take(c.sandbox_id, annotations, "io.kubernetes.cri.sandbox-id", c.cut);
  take(c.pod_name, annotations, "io.kubernetes.cri.sandbox-name", c.cut);
  take(c.pod_namespace, annotations, "io.kubernetes.cri.sandbox-namespace", c.cut);
  take(c.pod_uid, annotations, "io.kubernetes.cri.sandbox-uid", c.cut);
  take(c.name, annotations, "io.kubernetes.cri.container-name", c.cut);
  // A sandbox has no name but its pod's.
  if (c.sandbox) c.name = c.pod_name;
  std::string image = text_at(annotations, "io.kubernetes.cri.image-name", c.cut);
  if (image.empty()) image = text_at(annotations, "io.kubernetes.cri.podsandbox.image-name", c.cut);
  if (!image.empty()) set_image(c, std::move(image));
}

// "quay.io/app@sha256:1,docker.io/app@sha256:2": the digest of the image's own repository, else the first.
std::string digest_among(std::string_view digests, std::string_view repository) {
  std::string_view first;
  while (!digests.empty()) {
    const size_t comma = digests.find(',');
    const std::string_view one = digests.substr(0, comma);
    if (const size_t at = one.find('@'); at != std::string_view::npos) {
      if (one.substr(0, at) == repository) return std::string(one.substr(at + 1));
      if (first.empty()) first = one.substr(at + 1);
    }
    if (comma == std::string_view::npos) break;
    digests.remove_prefix(comma + 1);
  }
  return std::string(first);
}

// ImageName is a name that the image has, Image what was asked for; ImageRef its id, in older versions repo@digest.
void read_crio_image(Container& c, const Json& annotations) {
  const std::string asked = text_at(annotations, "io.kubernetes.cri-o.Image", c.cut);
  std::string name = text_at(annotations, "io.kubernetes.cri-o.ImageName", c.cut);
  std::string ref = text_at(annotations, "io.kubernetes.cri-o.ImageRef", c.cut);
  if (name.empty() && !is_long_id(asked)) name = asked;
  if (!name.empty()) set_image(c, name);
  if (const size_t at = ref.find('@'); at != std::string::npos) {
    if (c.image_digest.empty()) c.image_digest = ref.substr(at + 1);
    if (c.image.empty()) set_image(c, ref);
  } else {
    if (ref.starts_with("sha256:")) ref.erase(0, 7);
    if (is_long_id(ref)) c.image_id = ref;
  }
  if (c.image_id.empty() && is_long_id(asked)) c.image_id = asked;
  const std::string digests = text_at(annotations, "io.kubernetes.cri-o.ImageRepoDigests", c.cut);
  if (c.image_digest.empty()) c.image_digest = digest_among(digests, c.image_repository);
}

void read_crio(Container& c, const Json& annotations) {
  c.type = "cri-o";
  c.sandbox = text_at(annotations, "io.kubernetes.cri-o.ContainerType", c.cut) == "sandbox";
  // Names of its own making stand in for kubelet's.
  take(c.name, annotations, "io.kubernetes.cri-o.Name", c.cut);
  Labels labels =
      labels_in(text_at(annotations, "io.kubernetes.cri-o.Labels", c.cut, kLabelsMax * 2 * kLabelSizeMax), c.cut);
  read_kubernetes_labels(c, labels);
  take(c.sandbox_id, annotations, "io.kubernetes.cri-o.SandboxID", c.cut);
  take(c.pod_namespace, annotations, "io.kubernetes.cri-o.Namespace", c.cut);
  take(c.pod_ip, annotations, "io.kubernetes.cri-o.IP.0", c.cut);
  if (c.sandbox) {
    take(c.pod_name, annotations, "io.kubernetes.cri-o.KubeName", c.cut);
    if (!c.pod_name.empty()) c.name = c.pod_name;
    c.pod_labels = labels;
    c.pod_cni_json = text_at(annotations, "io.kubernetes.cri-o.CNIResult", c.cut, kCniSizeMax);
  }
  c.labels = std::move(labels);
  read_crio_image(c, annotations);
  if (c.ip.empty()) c.ip = c.pod_ip;
  if (uint64_t ns = time_ns_of(text_at(annotations, "io.kubernetes.cri-o.Created", c.cut))) c.created_ns = ns;
}

}  // namespace

void read_kubernetes_labels(Container& c, const Labels& labels) {
  auto take_label = [&](std::string& to, std::string_view key) {
    if (const std::string* value = find_label(labels, key); value && !value->empty()) to = *value;
  };
  take_label(c.pod_name, "io.kubernetes.pod.name");
  take_label(c.pod_namespace, "io.kubernetes.pod.namespace");
  take_label(c.pod_uid, "io.kubernetes.pod.uid");
  take_label(c.name, "io.kubernetes.container.name");
}

void read_annotations(Container& c, const Json& annotations) {
  if (!annotations.IsObject()) return;
  const std::string manager = text_at(annotations, kManager, c.cut);
  if (c.type == "cri-o" || (c.type.empty() && manager == "cri-o")) {
    read_crio(c, annotations);
  } else if (c.type.empty() && manager == "libpod") {
    c.type = "podman";
  } else if ((c.type.empty() || c.type == "containerd") &&
             member(annotations, "io.kubernetes.cri.container-type").IsString()) {
    read_cri(c, annotations);
  } else if ((c.type.empty() || c.type == "containerd") && member(annotations, "nerdctl/name").IsString()) {
    // nerdctl's labels, the user's among them, are the annotations.
    c.type = "containerd";
    take(c.name, annotations, "nerdctl/name", c.cut);
    take(c.hostname, annotations, "nerdctl/hostname", c.cut);
    c.labels = labels_of(annotations, c.cut);
  }
  if (c.type == "podman") {
    const std::string privileged = text_at(annotations, "io.podman.annotations.privileged", c.cut);
    if (!privileged.empty()) c.privileged = privileged == "TRUE";
  }
}

uint32_t missing_of_containerd(const Container& c) {
  const bool pod = !c.sandbox_id.empty();
  uint32_t missing = 0;
  if (c.image.empty() || (c.image_repository.empty() && !c.image_id.empty())) missing |= kMissingImage;
  if (c.image_digest.empty()) missing |= kMissingDigest;
  if (c.labels.empty()) missing |= kMissingLabels;
  if (c.name.empty()) missing |= kMissingName;
  if (pod) missing |= kMissingPodLabels | kMissingPodIp;
  return missing;
}

uint32_t missing_of_podman(const Container& c) {
  uint32_t missing = kMissingLabels;  // those are in Podman's database alone
  if (c.image.empty()) missing |= kMissingImage;
  if (c.name.empty()) missing |= kMissingName;
  if (c.image_digest.empty()) missing |= kMissingDigest;
  if (c.ip.empty() && !c.host_network.value_or(false)) missing |= kMissingIp;
  return missing;
}

uint32_t missing_of_crio(const Container& c) {
  uint32_t missing = 0;
  if (c.image.empty()) missing |= kMissingImage;
  if (c.name.empty()) missing |= kMissingName;
  if (c.image_digest.empty() && c.image_id.empty()) missing |= kMissingDigest;
  if (c.pod_labels.empty()) missing |= kMissingPodLabels;
  if (c.pod_ip.empty()) missing |= kMissingPodIp;
  return missing;
}

}  // namespace tiercel::container
