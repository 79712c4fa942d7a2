#include "agent/config/load.h"

#include <yaml-cpp/yaml.h>

#include <cstdlib>
#include <exception>

#include "agent/base/fd.h"
#include "agent/config/keys.h"
#include "agent/config/text.h"

namespace tiercel::config {
namespace {

constexpr size_t kFileBytesMax = 1 << 20;
constexpr size_t kNodesMax = 20'000;  // aliases count each time: a few lines can stand for billions
constexpr int kDepthMax = 32;

// yaml-cpp's nodes -> ours.
class Converter {
 public:
  Converter(const std::string& file, Diagnostics& diagnostics, const Environment& environment)
      : file_(file), diagnostics_(diagnostics), environment_(environment) {}

  // False: too large or too deep, and said.
  bool convert(const YAML::Node& from, Node& to, int depth);

 private:
  bool refuse(const YAML::Mark& mark, const std::string& message) {
    diagnostics_.error({file_, mark.line + 1, mark.column + 1}, message);
    return false;
  }
  void scalar(const YAML::Node& from, Node& to);

  const std::string& file_;
  Diagnostics& diagnostics_;
  const Environment& environment_;
  size_t nodes_ = 0;
};

void Converter::scalar(const YAML::Node& from, Node& to) {
  to.kind = Node::Kind::kScalar;
  to.written = from.Scalar();
  auto text = expand_variables(to.written, environment_);
  if (text)
    to.text = std::move(*text);
  else
    diagnostics_.error({file_, to.line, to.column}, text.error().message);
}

bool Converter::convert(const YAML::Node& from, Node& to, int depth) {
  const YAML::Mark mark = from.Mark();
  to.line = mark.line + 1;
  to.column = mark.column + 1;
  if (depth > kDepthMax) return refuse(mark, "nested too deep");
  if (++nodes_ > kNodesMax) return refuse(mark, "more than " + std::to_string(kNodesMax) + " values");
  switch (from.Type()) {
    case YAML::NodeType::Undefined:
    case YAML::NodeType::Null:
      break;
    case YAML::NodeType::Scalar:
      scalar(from, to);
      break;
    case YAML::NodeType::Sequence:
      to.kind = Node::Kind::kSequence;
      for (const YAML::Node& item : from)
        if (!convert(item, to.items.emplace_back(), depth + 1)) return false;
      break;
    case YAML::NodeType::Map:
      to.kind = Node::Kind::kMap;
      for (const auto& entry : from) {
        const YAML::Node& key = entry.first;
        const YAML::Mark key_mark = key.Mark();
        if (!key.IsScalar()) return refuse(key_mark, "a key must be a plain word");
        Member& member = to.members.emplace_back();
        member.key = key.Scalar();
        member.line = key_mark.line + 1;
        member.column = key_mark.column + 1;
        if (!convert(entry.second, member.value, depth + 1)) return false;
        // An empty value has no place of its own.
        if (member.value.kind == Node::Kind::kNull) {
          member.value.line = member.line;
          member.value.column = member.column;
        }
      }
      break;
  }
  return true;
}

bool parse_yaml(const std::string& text, const std::string& file, Diagnostics& diagnostics,
                const Environment& environment, Node& root) {
  try {
    const std::vector<YAML::Node> documents = YAML::LoadAll(text);
    if (documents.size() > 1) {
      const YAML::Mark mark = documents[1].Mark();
      diagnostics.error({file, mark.line + 1, mark.column + 1},
                        "a second document begins here; the file must hold one");
      return false;
    }
    return documents.empty() || Converter(file, diagnostics, environment).convert(documents[0], root, 0);
  } catch (const YAML::Exception& e) {
    diagnostics.error({file, e.mark.line + 1, e.mark.column + 1}, "not YAML: " + e.msg);
  } catch (const std::exception& e) {
    diagnostics.error({file, 0, 0}, std::string("not YAML: ") + e.what());
  }
  return false;
}

}  // namespace

Environment process_environment() {
  return [](const std::string& name) -> std::optional<std::string> {
    const char* value = std::getenv(name.c_str());
    if (value == nullptr) return std::nullopt;
    return value;
  };
}

std::optional<Config> parse(const std::string& text, const std::string& file, Diagnostics& diagnostics,
                            const Environment& environment) {
  const size_t errors_before = diagnostics.errors();
  diagnostics.add_source(file, without_secrets(text));
  Node root;
  root.line = root.column = 1;
  Config config;
  if (parse_yaml(text, file, diagnostics, environment, root)) {
    Reading reading(file, diagnostics);
    read_config(reading, root, config);
  }
  if (diagnostics.errors() > errors_before) return std::nullopt;
  return config;
}

std::optional<Config> load(const std::string& path, Diagnostics& diagnostics, const Environment& environment) {
  auto text = read_file(path, kFileBytesMax);
  if (!text) {
    diagnostics.error({path, 0, 0}, text.error().message, "name another file with --config FILE");
    return std::nullopt;
  }
  return parse(*text, path, diagnostics, environment);
}

std::vector<std::string> known_keys() {
  std::vector<std::string> keys;
  Reading reading(keys);
  Config ignored;
  read_config(reading, Node{}, ignored);
  return keys;
}

}  // namespace tiercel::config
