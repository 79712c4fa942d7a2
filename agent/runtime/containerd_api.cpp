#include "agent/runtime/containerd_api.h"

#include <vector>

#include "agent/container/json_text.h"
#include "agent/runtime/docker_api.h"
#include "agent/runtime/grpc.h"
#include "agent/runtime/limits.h"
#include "agent/runtime/wire.h"

namespace tiercel::runtime {
namespace {

using container::Container;
using Type = WireField::Type;

constexpr const char* kKubernetes = "k8s.io";
constexpr const char* kDocker = "moby";
constexpr std::string_view kKindLabel = "io.cri-containerd.kind";  // containerd's own note, not the pod's

// Container { id=1, labels=2, image=3, ... } inside of GetContainerResponse { container=1 }
struct Parts {
  std::string_view id, image;
  LabelSet labels;
};

bool read_parts(std::string_view message, Parts& parts) {
  WireReader outer(message);
  for (WireField field; outer.next(field);) {
    if (field.number != 1 || field.type != Type::kBytes) continue;
    WireReader reader(field.bytes);
    for (WireField part; reader.next(part);) {
      if (part.type != Type::kBytes) continue;
      std::pair<std::string_view, std::string_view> label;
      if (part.number == 1) parts.id = part.bytes;
      if (part.number == 3) parts.image = part.bytes;
      if (part.number != 2) continue;
      if (!read_entry(part.bytes, label)) return false;
      if (label.first != kKindLabel) parts.labels.add(label.first, label.second);
    }
    if (reader.broken()) return false;
  }
  return !outer.broken();
}

// containerd itself knows only ids; nerdctl and the kubelet give names by label.
std::string name_of(const Container& container, const container::Labels& labels) {
  for (const char* key : {"nerdctl/name", "io.kubernetes.container.name"})
    if (const std::string* name = container::find_label(labels, key); name != nullptr && !name->empty()) return *name;
  return container.full_id;
}

std::vector<std::string> namespaces_of(const Container& container) {
  if (!container.socket_namespace.empty()) return {container.socket_namespace};
  return {kKubernetes, "default", kDocker};
}

struct Asked {
  Outcome outcome = Outcome::kFailed;
  std::string message;
};

// Containers/Get and Images/Get ask by field 1 of both.
Asked get(const Dialogue& dialogue, const char* method, const std::string& socket_namespace, std::string_view name) {
  std::string request;
  write_text(request, 1, name);
  auto reply = grpc::call(dialogue, method, {{"containerd-namespace", socket_namespace}}, request);
  if (!reply) return {outcome_of(reply.error()), {}};
  if (reply->status == grpc::kNotFound) return {Outcome::kNotFound, {}};
  if (reply->status != grpc::kOk) return {Outcome::kFailed, {}};
  return {Outcome::kAnswered, std::move(reply->message)};
}

constexpr const char* kGetContainer = "containerd.services.containers.v1.Containers/Get";
constexpr const char* kGetImage = "containerd.services.images.v1.Images/Get";

Outcome ask_image(const Dialogue& dialogue, const std::string& image, Container& container) {
  if (image.empty()) {
    container.missing &= ~container::kMissingDigest;
    return Outcome::kAnswered;
  }
  const Asked asked = get(dialogue, kGetImage, container.socket_namespace, image);
  if (asked.outcome == Outcome::kNotFound) return Outcome::kAnswered;  // removed meanwhile
  if (asked.outcome != Outcome::kAnswered) return asked.outcome;
  return read_containerd_image(container, image, asked.message) ? Outcome::kAnswered : Outcome::kFailed;
}

// Docker keeps only the id there: now we know whom to ask for the rest.
Outcome read_dockers(Container& container, std::string_view message) {
  Parts parts;
  if (!read_parts(message, parts) || parts.id != container.full_id) return Outcome::kFailed;
  container.socket_namespace = kDocker;
  if ((container.missing & container::kMissingRecord) == 0) return Outcome::kAnswered;
  if (container.type.empty()) container.type = "docker";
  container.known = true;
  container.missing |= kDockerTells;
  container.missing &= ~container::kMissingRecord;
  return Outcome::kAnswered;
}

Outcome ask_container(const Dialogue& dialogue, const std::string& type, Container& container) {
  for (const std::string& socket_namespace : namespaces_of(container)) {
    const Asked asked = get(dialogue, kGetContainer, socket_namespace, container.full_id);
    if (asked.outcome == Outcome::kNotFound) continue;
    if (asked.outcome != Outcome::kAnswered) return asked.outcome;
    if (socket_namespace == kDocker) return read_dockers(container, asked.message);
    const auto image = read_containerd_container(container, asked.message);
    if (!image) return Outcome::kFailed;
    container.socket_namespace = socket_namespace;
    if (container.type.empty()) container.type = type;
    if ((container.missing & container::kMissingDigest) == 0) return Outcome::kAnswered;
    return ask_image(dialogue, *image, container);
  }
  return Outcome::kNotFound;
}

// The CRI plugin knows all of a pod; where it is off, the sandbox's own labels are there.
Outcome ask_pod(const Dialogue& dialogue, Container& container) {
  const Outcome outcome = ask_cri_sandbox(dialogue, container);
  if (outcome != Outcome::kFailed && outcome != Outcome::kNotFound) return outcome;
  if ((container.missing & container::kMissingPodLabels) == 0) return outcome;
  const Asked asked = get(dialogue, kGetContainer, kKubernetes, sandbox_of(container));
  if (asked.outcome != Outcome::kAnswered) return asked.outcome;
  return read_containerd_sandbox(container, asked.message) ? Outcome::kAnswered : Outcome::kFailed;
}

}  // namespace

std::optional<std::string> read_containerd_container(Container& container, std::string_view message) {
  Parts parts;
  if (!read_parts(message, parts) || parts.id != container.full_id) return std::nullopt;
  const bool all = (container.missing & container::kMissingRecord) != 0;
  const auto wanted = [&](uint32_t bit) { return all || (container.missing & bit) != 0; };
  const std::string image = kept(container, parts.image);
  container::Labels labels = parts.labels.take(container);

  if (wanted(container::kMissingName) && container.name.empty()) container.name = name_of(container, labels);
  if (wanted(container::kMissingLabels) && container.labels.empty()) container.labels = std::move(labels);
  if (wanted(container::kMissingImage) && container.image.empty() && !image.empty())
    container::set_image(container, image);
  // The CRI plugin may name an image by its id.
  if (wanted(container::kMissingDigest)) fill(container, container.image_id, image_id_of(image));
  if (all) {
    container.known = true;
    container.missing |= container::kMissingDigest;  // the image's answer has that
  }
  container.missing &=
      ~(container::kMissingRecord | container::kMissingName | container::kMissingImage | container::kMissingLabels);
  return image;
}

bool read_containerd_sandbox(Container& container, std::string_view message) {
  Parts parts;
  if (!read_parts(message, parts) || parts.id != sandbox_of(container)) return false;
  if (container.pod_labels.empty()) container.pod_labels = parts.labels.take(container);
  container.missing &= ~container::kMissingPodLabels;
  return true;
}

// Image { name=1, target=3 { digest=2 } } inside of GetImageResponse { image=1 }
bool read_containerd_image(Container& container, std::string_view image, std::string_view message) {
  std::string_view name, digest;
  WireReader outer(message);
  for (WireField field; outer.next(field);) {
    if (field.number != 1 || field.type != Type::kBytes) continue;
    WireReader reader(field.bytes);
    for (WireField part; reader.next(part);) {
      if (part.type != Type::kBytes) continue;
      if (part.number == 1) name = part.bytes;
      if (part.number != 3) continue;
      WireReader target(part.bytes);
      for (WireField fact; target.next(fact);)
        if (fact.number == 2 && fact.type == Type::kBytes) digest = fact.bytes;
      if (target.broken()) return false;
    }
    if (reader.broken()) return false;
  }
  if (outer.broken() || name != image) return false;
  fill(container, container.image_digest, digest);
  container.missing &= ~container::kMissingDigest;
  return true;
}

Outcome ask_containerd(const Dialogue& dialogue, const std::string& type, Container& container) {
  constexpr uint32_t kOfContainer = kContainerdTells & ~kCriTellsOfPods;
  Outcome outcome = Outcome::kNotFound;
  if ((container.missing & kOfContainer) != 0) {
    outcome = ask_container(dialogue, type, container);
    if (outcome != Outcome::kAnswered) return outcome;
  }
  if ((container.missing & kCriTellsOfPods) == 0 || sandbox_of(container).empty()) return outcome;
  const Outcome pod = ask_pod(dialogue, container);
  return pod == Outcome::kNotFound ? outcome : pod;
}

}  // namespace tiercel::runtime
