#include "agent/runtime/cri_api.h"

#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include "agent/container/json_text.h"
#include "agent/runtime/grpc.h"
#include "agent/runtime/limits.h"
#include "agent/runtime/wire.h"

namespace tiercel::runtime {
namespace {

using container::Container;
using container::Json;
using container::member;
using Type = WireField::Type;

constexpr const char* kPodSandboxStatus = "runtime.v1.RuntimeService/PodSandboxStatus";
constexpr const char* kContainerStatus = "runtime.v1.RuntimeService/ContainerStatus";

constexpr size_t kNestingMax = 64;

// Calls `visit` for each field of bytes; false if the message is none, or `visit` says so.
template <class Visit>
bool each_bytes(std::string_view message, const Visit& visit) {
  WireReader reader(message);
  for (WireField field; reader.next(field);)
    if (field.type == Type::kBytes && !visit(field.number, field.bytes)) return false;
  return !reader.broken();
}

// The last field of that number.
bool find_bytes(std::string_view message, uint32_t number, std::string_view& found) {
  return each_bytes(message, [&](uint32_t is, std::string_view bytes) {
    if (is == number) found = bytes;
    return true;
  });
}

bool add_label(LabelSet& labels, std::string_view message) {
  std::pair<std::string_view, std::string_view> entry;
  if (!read_entry(message, entry)) return false;
  labels.add(entry.first, entry.second);
  return true;
}

struct Status {
  std::string_view id, name, uid, name_space, ip, image, image_ref, image_id, info;
  LabelSet labels;
};

// PodSandboxMetadata { name=1, uid=2, namespace=3 }
bool read_metadata(std::string_view message, Status& status) {
  return each_bytes(message, [&](uint32_t number, std::string_view bytes) {
    if (number == 1) status.name = bytes;
    if (number == 2) status.uid = bytes;
    if (number == 3) status.name_space = bytes;
    return true;
  });
}

// PodSandboxStatus { id=1, metadata=2, network=5 { ip=1 }, labels=7 }
bool read_sandbox_status(std::string_view message, Status& status) {
  return each_bytes(message, [&](uint32_t number, std::string_view bytes) {
    if (number == 1) status.id = bytes;
    if (number == 2) return read_metadata(bytes, status);
    if (number == 5) return find_bytes(bytes, 1, status.ip);
    if (number == 7) return add_label(status.labels, bytes);
    return true;
  });
}

// ContainerStatus { id=1, metadata=2 { name=1 }, image=8 { image=1 }, image_ref=9, labels=12, image_id=17 }
bool read_container_status(std::string_view message, Status& status) {
  return each_bytes(message, [&](uint32_t number, std::string_view bytes) {
    if (number == 1) status.id = bytes;
    if (number == 2) return find_bytes(bytes, 1, status.name);
    if (number == 8) return find_bytes(bytes, 1, status.image);
    if (number == 9) status.image_ref = bytes;
    if (number == 12) return add_label(status.labels, bytes);
    if (number == 17) status.image_id = bytes;
    return true;
  });
}

// Both responses: { status=1, info=2 (a map) }
template <class ReadStatus>
bool read_response(std::string_view message, Status& status, const ReadStatus& read_status) {
  return each_bytes(message, [&](uint32_t number, std::string_view bytes) {
    if (number == 1) return read_status(bytes, status);
    std::pair<std::string_view, std::string_view> entry;
    if (number != 2) return true;
    if (!read_entry(bytes, entry)) return false;
    if (entry.first == "info") status.info = entry.second;
    return true;
  });
}

// The writer recurses; the parser does not.
bool nests_too_deep(std::string_view json) {
  size_t depth = 0;
  bool in_text = false;
  for (size_t i = 0; i < json.size(); ++i) {
    const char c = json[i];
    if (in_text) {
      if (c == '\\') ++i;
      if (c == '"') in_text = false;
    } else if (c == '"') {
      in_text = true;
    } else if (c == '[' || c == '{') {
      if (++depth > kNestingMax) return true;
    } else if ((c == ']' || c == '}') && depth > 0) {
      --depth;
    }
  }
  return false;
}

// The pod's own interfaces as JSON: not the loopback, nor the host's end of a pair.
std::string interfaces_json(const Json& interfaces) {
  rapidjson::StringBuffer buffer;
  rapidjson::Writer<rapidjson::StringBuffer> writer(buffer);
  writer.StartObject();
  for (const auto& [key, value] : interfaces.GetObject()) {
    const std::string_view name(key.GetString(), key.GetStringLength());
    if (name == "lo" || name.starts_with("veth")) continue;
    key.Accept(writer);
    value.Accept(writer);
  }
  writer.EndObject();
  return {buffer.GetString(), buffer.GetSize()};
}

std::string cni_of(Container& container, std::string_view info) {
  rapidjson::Document parsed;
  if (nests_too_deep(info) || !container::parse_object(parsed, info)) return {};
  const Json& interfaces = member(member(parsed, "cniResult"), "Interfaces");
  if (interfaces.IsObject()) return kept(container, interfaces_json(interfaces), container::kCniSizeMax);
  return container::text_at(member(member(parsed, "runtimeSpec"), "annotations"), "io.kubernetes.cri-o.CNIResult",
                            container.cut, container::kCniSizeMax);
}

// "repository@sha256:..." is of the manifest; digits alone are the image's id.
void fill_image_ref(Container& container, std::string_view ref) {
  if (const size_t at = ref.find('@'); at != std::string_view::npos)
    fill(container, container.image_digest, ref.substr(at + 1));
  else
    fill(container, container.image_id, image_id_of(ref));
}

template <class Read>
Outcome ask(const Dialogue& dialogue, const char* method, const std::string& id, const Read& read) {
  std::string request;
  write_text(request, 1, id);
  write_flag(request, 2, true);  // verbose
  const auto reply = grpc::call(dialogue, method, {}, request);
  if (!reply) return outcome_of(reply.error());
  if (reply->status == grpc::kNotFound) return Outcome::kNotFound;
  if (reply->status != grpc::kOk || !read(reply->message)) return Outcome::kFailed;
  return Outcome::kAnswered;
}

}  // namespace

std::string sandbox_of(const Container& container) {
  return container.sandbox ? container.full_id : container.sandbox_id;
}

bool read_cri_sandbox(Container& container, std::string_view message) {
  Status status;
  if (!read_response(message, status, read_sandbox_status) || status.id != sandbox_of(container)) return false;
  const auto wanted = [&](uint32_t bit) { return (container.missing & bit) != 0; };
  if (wanted(container::kMissingPodLabels)) {
    fill(container, container.pod_name, status.name);
    fill(container, container.pod_namespace, status.name_space);
    fill(container, container.pod_uid, status.uid);
    if (container.pod_labels.empty()) container.pod_labels = status.labels.take(container);
  }
  const std::string cni =
      wanted(container::kMissingPodIp | container::kMissingIp) ? cni_of(container, status.info) : std::string();
  if (wanted(container::kMissingPodIp)) {
    fill(container, container.pod_ip, status.ip);
    fill(container, container.pod_cni_json, cni, container::kCniSizeMax);
  }
  if (wanted(container::kMissingIp)) {
    fill(container, container.ip, status.ip);
    fill(container, container.cni_json, cni, container::kCniSizeMax);
  }
  container.missing &= ~kCriTellsOfPods;
  return true;
}

bool read_cri_container(Container& container, std::string_view message) {
  Status status;
  if (!read_response(message, status, read_container_status) || status.id != container.full_id) return false;
  const bool all = (container.missing & container::kMissingRecord) != 0;
  const auto wanted = [&](uint32_t bit) { return all || (container.missing & bit) != 0; };
  if (wanted(container::kMissingName)) fill(container, container.name, status.name);
  if (wanted(container::kMissingImage) && container.image.empty() && !status.image.empty())
    container::set_image(container, kept(container, status.image));
  if (wanted(container::kMissingDigest)) {
    fill_image_ref(container, status.image_ref);
    fill(container, container.image_id, image_id_of(status.image_id));
  }
  if (wanted(container::kMissingLabels) && container.labels.empty()) container.labels = status.labels.take(container);
  if (all) container.known = true;
  container.missing &= ~kCriTellsOfContainers;
  return true;
}

Outcome ask_cri_sandbox(const Dialogue& dialogue, Container& container) {
  return ask(dialogue, kPodSandboxStatus, sandbox_of(container),
             [&](std::string_view message) { return read_cri_sandbox(container, message); });
}

Outcome ask_crio(const Dialogue& dialogue, const std::string& type, Container& container) {
  Outcome outcome = Outcome::kNotFound;
  if ((container.missing & kCriTellsOfContainers) != 0 && !container.sandbox) {
    outcome = ask(dialogue, kContainerStatus, container.full_id,
                  [&](std::string_view message) { return read_cri_container(container, message); });
    if (outcome != Outcome::kAnswered) return outcome;
    if (container.type.empty()) container.type = type;
  }
  if ((container.missing & kCriTellsOfPods) == 0 || sandbox_of(container).empty()) return outcome;
  const Outcome pod = ask_cri_sandbox(dialogue, container);
  return pod == Outcome::kNotFound ? outcome : pod;
}

}  // namespace tiercel::runtime
