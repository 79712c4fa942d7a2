#include "agent/casefile/container_reader.h"

#include <algorithm>

#include "agent/casefile/case.h"
#include "decoders/compose.h"

namespace tiercel::casefile {
namespace {

using context::Container;
using rule::YamlNode;

struct TextKey {
  const char* key;
  std::string Container::*member;
};
constexpr TextKey kTexts[] = {{"type", &Container::type},
                              {"image_id", &Container::image_id},
                              {"image_digest", &Container::image_digest},
                              {"user", &Container::user},
                              {"hostname", &Container::hostname},
                              {"ip", &Container::ip},
                              {"pod", &Container::pod_name},
                              {"namespace", &Container::pod_namespace},
                              {"pod_uid", &Container::pod_uid},
                              {"sandbox_id", &Container::sandbox_id},
                              {"pod_ip", &Container::pod_ip}};
struct FlagKey {
  const char* key;
  std::optional<bool> Container::*member;
};
constexpr FlagKey kFlags[] = {{"privileged", &Container::privileged},
                              {"host_pid", &Container::host_pid},
                              {"host_network", &Container::host_network},
                              {"host_ipc", &Container::host_ipc}};

// "/host/path:/inside[:ro|rw[:propagation]]", as `docker run -v` has it.
std::optional<container::Mount> mount_of(const std::string& text) {
  std::vector<std::string> parts;
  for (size_t at = 0;;) {
    const size_t end = text.find(':', at);
    parts.push_back(text.substr(at, end == std::string::npos ? end : end - at));
    if (end == std::string::npos) break;
    at = end + 1;
  }
  if (parts.size() < 2 || parts.size() > 4 || parts[0].empty() || parts[1].empty()) return std::nullopt;
  container::Mount mount;
  mount.source = parts[0];
  mount.dest = parts[1];
  if (parts.size() > 2) mount.mode = parts[2];
  mount.rdwr = mount.mode != "ro";
  mount.propagation = parts.size() > 3 ? parts[3] : "rprivate";
  return mount;
}

class Reader {
 public:
  Reader(const YamlNode& node, Container& out, Diagnostics& diagnostics)
      : map_(node, "the container", diagnostics), out_(out) {}

  void read() {
    if (auto name = map_.text("name")) out_.name = *name;
    if (auto image = map_.text("image")) container::set_image(out_, *image);
    for (const TextKey& key : kTexts)
      if (auto text = map_.text(key.key)) out_.*key.member = *text;
    for (const FlagKey& key : kFlags)
      if (auto value = map_.boolean(key.key)) out_.*key.member = *value;
    (void)map_.number("age", 1, 1'000'000'000);  // the caller's: it is the first process's
    if (auto id = map_.text("id")) out_.full_id = *id;
    if (auto verified = map_.boolean("verified")) out_.verified = *verified;
    if (auto words = map_.texts("entrypoint")) out_.entrypoint = *words;
    read_mounts();
    read_capabilities();
    read_labels("labels", out_.labels);
    read_labels("pod_labels", out_.pod_labels);
    map_.finish();
  }

 private:
  void read_mounts() {
    const YamlNode* node = map_.node("mounts");
    if (!node) return;
    const auto texts = texts_of(*node);
    for (const std::string& text : texts.value_or(std::vector<std::string>{""})) {
      const auto mount = mount_of(text);
      if (!mount) return map_.error(*node, "`mounts` is a list of source:destination[:mode[:propagation]]");
      out_.mounts.push_back(*mount);
    }
  }

  void read_capabilities() {
    const YamlNode* node = map_.node("capabilities");
    if (!node) return;
    const auto words = texts_of(*node);
    if (!words) return map_.error(*node, "`capabilities` takes names of capabilities");
    out_.capabilities = 0;
    for (const std::string& word : *words) {
      const auto value = decoders::parse_number(decoders::Kind::kCAPS, word, {});
      if (!value) return map_.error(*node, "`capabilities`: " + value.error().message, value.error().hint);
      *out_.capabilities |= static_cast<uint64_t>(*value);
    }
  }

  void read_labels(const char* key, container::Labels& into) {
    const YamlNode* node = map_.node(key);
    if (!node) return;
    if (node->kind != YamlNode::Kind::kMap)
      return map_.error(*node, std::string("`") + key + "` is a map of names and texts");
    for (const auto& [name, value] : node->entries) {
      if (!name.is_scalar() || !value.is_scalar())
        return map_.error(value, std::string("`") + key + "` is a map of names and texts");
      into.emplace_back(name.str(), value.str());
    }
    std::sort(into.begin(), into.end());
  }

  MapReader map_;
  Container& out_;
};

}  // namespace

std::optional<Container> read_container(const YamlNode& node, MapReader& outer, Diagnostics& diagnostics) {
  Container out;
  out.known = out.verified = true;
  out.type = "docker";
  if (node.is_scalar()) {
    out.name = node.str();
  } else if (node.kind == YamlNode::Kind::kMap) {
    Reader(node, out, diagnostics).read();
  } else {
    outer.error(node, "`container` is `host`, a name, or a map with name, image, privileged, ...");
    return std::nullopt;
  }
  return out;
}

}  // namespace tiercel::casefile
