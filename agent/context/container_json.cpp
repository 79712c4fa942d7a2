// A container's start as Falco's container plugin tells it.
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <array>

#include "agent/context/containers.h"

namespace tiercel::context {
namespace {

using Buffer = rapidjson::StringBuffer;
using Writer = rapidjson::Writer<Buffer, rapidjson::UTF8<>, rapidjson::UTF8<>>;

// Falco's numbers (plugins/container, container_type.h); what it does not have is its "unknown".
int type_number(const std::string& type) {
  constexpr int kUnknown = 0xffff;
  constexpr std::array<std::pair<std::string_view, int>, 8> kTypes = {{{"docker", 0},
                                                                       {"lxc", 1},
                                                                       {"libvirt-lxc", 2},
                                                                       {"cri", 6},
                                                                       {"containerd", 7},
                                                                       {"cri-o", 8},
                                                                       {"bpm", 9},
                                                                       {"podman", 11}}};
  for (const auto& [name, number] : kTypes)
    if (name == type) return number;
  return kUnknown;
}

class Shape {
 public:
  Shape(const Container& container, bool with_lists) : c_(container), with_lists_(with_lists), out_(buffer_) {}

  std::string text() {
    out_.StartObject();
    key("container");
    out_.StartObject();
    put_names();
    put_flags();
    if (with_lists_) put_lists();
    out_.EndObject();
    out_.EndObject();
    return {buffer_.GetString(), buffer_.GetSize()};
  }

 private:
  void key(std::string_view name) { out_.Key(name.data(), static_cast<rapidjson::SizeType>(name.size())); }
  void string(std::string_view value) { out_.String(value.data(), static_cast<rapidjson::SizeType>(value.size())); }
  void put(std::string_view name, std::string_view value) {
    key(name);
    string(value);
  }
  void put(std::string_view name, std::optional<bool> value) {
    if (!value) return;
    key(name);
    out_.Bool(*value);
  }
  void put(std::string_view name, const container::Labels& labels) {
    key(name);
    out_.StartObject();
    for (const auto& [label, value] : labels) put(label, value);
    out_.EndObject();
  }

  void put_names() {
    key("type");
    out_.Int(type_number(c_.type));
    put("id", c_.id);
    put("full_id", c_.full_id);
    put("name", c_.name);
    put("image", c_.image);
    put("imagerepo", c_.image_repository);
    put("imagetag", c_.image_tag);
    put("imagedigest", c_.image_digest);
    put("imageid", c_.image_id);
    put("User", c_.user);
    put("ip", c_.ip);
    put("hostname", c_.hostname);
    put("pod_sandbox_id", c_.sandbox_id);
    put("cni_json", c_.cni_json);
    key("created_time");
    out_.Uint64(c_.created_ns / 1'000'000'000);
  }

  void put_flags() {
    put("is_pod_sandbox", std::optional<bool>(c_.sandbox));
    put("privileged", c_.privileged);
    put("host_pid", c_.host_pid);
    put("host_network", c_.host_network);
    put("host_ipc", c_.host_ipc);
    put("verified", std::optional<bool>(c_.verified));
    if (c_.missing != 0) put("missing", container::missing_text(c_.missing));
    if (c_.cut || !with_lists_) put("cut", std::optional<bool>(true));
  }

  void put_lists() {
    put("labels", c_.labels);
    put("pod_sandbox_labels", c_.pod_labels);
    key("Mounts");
    out_.StartArray();
    for (const container::Mount& mount : c_.mounts) {
      out_.StartObject();
      put("Source", mount.source);
      put("Destination", mount.dest);
      put("Mode", mount.mode);
      put("RW", std::optional<bool>(mount.rdwr));
      put("Propagation", mount.propagation);
      out_.EndObject();
    }
    out_.EndArray();
    if (c_.healthcheck.empty()) return;
    key("Healthcheck");
    out_.StartObject();
    put("exe", c_.healthcheck.front());
    key("args");
    out_.StartArray();
    for (size_t n = 1; n < c_.healthcheck.size(); ++n) string(c_.healthcheck[n]);
    out_.EndArray();
    out_.EndObject();
  }

  const Container& c_;
  bool with_lists_;
  Buffer buffer_;
  Writer out_;
};

}  // namespace

std::string container_json(const Container& container, size_t size_max) {
  std::string whole = Shape(container, true).text();
  if (whole.size() <= size_max) return whole;
  std::string names = Shape(container, false).text();
  if (names.size() <= size_max) return names;
  Container least;  // texts of several KiB each
  least.type = container.type;
  least.id = container.id;
  least.full_id = container.full_id.substr(0, 64);
  least.verified = container.verified;
  least.cut = true;
  return Shape(least, false).text();
}

}  // namespace tiercel::context
