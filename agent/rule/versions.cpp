#include "agent/rule/versions.h"

#include <array>
#include <charconv>
#include <optional>
#include <set>
#include <string>
#include <utility>

namespace tiercel::rule {
namespace {

using Version = std::array<uint32_t, 3>;
constexpr const char* kYamlValidate = "LOAD_ERR_YAML_VALIDATE";
constexpr const char* kValidate = "LOAD_ERR_VALIDATE";

// What container and k8s fields need is part of the agent: any version of these plugins' first major is met.
constexpr std::pair<std::string_view, Version> kBuiltIn[] = {{"container", {0, 99, 0}}, {"k8smeta", {0, 99, 0}}};

std::optional<Version> parse_version(std::string_view text) {
  Version out{};
  const char* at = text.data();
  const char* end = at + text.size();
  for (size_t n = 0; n < 3; ++n) {
    auto [next, code] = std::from_chars(at, end, out[n]);
    if (code != std::errc() || next == at) return std::nullopt;
    at = next;
    if (n < 2 && (at == end || *at++ != '.')) return std::nullopt;
  }
  if (at != end && *at != '-' && *at != '+') return std::nullopt;  // a pre-release or build mark may follow
  return out;
}

std::string to_text(const Version& v) {
  return std::to_string(v[0]) + "." + std::to_string(v[1]) + "." + std::to_string(v[2]);
}

struct Requirement {
  std::string name;
  Version version{};
  std::string version_text;
};

std::optional<Requirement> read_requirement(const YamlNode& node, Diagnostics& diagnostics) {
  Requirement out;
  for (const char* key : {"name", "version"}) {
    const YamlNode* value = node.kind == YamlNode::Kind::kMap ? node.find(key) : nullptr;
    if (!value || !value->is_scalar() || value->str().empty()) {
      diagnostics.error(node.mark.position(), std::string("Item has no mapping for key '") + key + "'", {},
                        kYamlValidate);
      return std::nullopt;
    }
    (key[0] == 'n' ? out.name : out.version_text) = value->str();
  }
  if (auto version = parse_version(out.version_text)) {
    out.version = *version;
    return out;
  }
  diagnostics.error(node.find("version")->mark.position(),
                    "Plugin requirement: unable to parse version '" + out.version_text + "' as a semver string", {},
                    kYamlValidate);
  return std::nullopt;
}

void check_requirement(const YamlNode& node, Diagnostics& diagnostics, std::vector<Diagnostic>& unmet) {
  std::vector<Requirement> choices;
  auto first = read_requirement(node, diagnostics);
  if (!first) return;
  choices.push_back(*first);
  if (const YamlNode* alternatives = node.find("alternatives")) {
    if (alternatives->kind != YamlNode::Kind::kSequence)
      return diagnostics.error(node.mark.position(), "Value of plugin version alternatives must be a sequence", {},
                               kYamlValidate);
    for (const YamlNode& item : alternatives->items) {
      auto choice = read_requirement(item, diagnostics);
      if (!choice) return;
      choices.push_back(*choice);
    }
  }
  std::set<std::string> seen;
  for (const Requirement& choice : choices) {
    if (!seen.insert(choice.name).second) {
      diagnostics.error(node.mark.position(), "Plugin requirement: the plugin '" + choice.name + "' is named twice", {},
                        kYamlValidate);
      return;
    }
  }
  std::string list;
  for (const Requirement& choice : choices)
    list += (list.empty() ? "" : ", ") + choice.name + " (>= " + choice.version_text + ")";
  auto refuse = [&](std::string hint) {
    unmet.push_back({Diagnostic::Severity::kError, kValidate,
                     "Plugin requirement not satisfied, must load one of: " + list, std::move(hint), "",
                     node.mark.position()});
  };
  // The first one that is there decides, also if it is too old.
  for (const Requirement& choice : choices) {
    for (const auto& [name, version] : kBuiltIn) {
      if (name != choice.name) continue;
      if (version[0] == choice.version[0] && version >= choice.version) return;
      return refuse("what is built in answers for version " + to_text(version));
    }
  }
  refuse("only the container and k8smeta plugins are built in; there are no others");
}

}  // namespace

void check_engine_version(const YamlNode& item, Diagnostics& diagnostics) {
  const YamlNode& node = *item.find("required_engine_version");
  const Mark mark = node.mark.line > 0 ? node.mark : item.mark;
  const std::string text = node.is_scalar() ? node.str() : "";
  uint32_t plain = 0;
  auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), plain);
  std::optional<Version> wanted;
  if (!text.empty() && code == std::errc() && end == text.data() + text.size())
    wanted = Version{0, plain, 0};
  else
    wanted = parse_version(text);
  if (!wanted) {
    diagnostics.error(
        mark.position(),
        "Unable to parse engine version '" + text + "' as a semver string. Expected \"x.y.z\" semver format.", {},
        kYamlValidate);
    return;
  }
  const Version own = *parse_version(kEngineVersion);
  if (own[0] == (*wanted)[0] && own >= *wanted) return;
  diagnostics.error(mark.position(),
                    "Rules require engine version " + to_text(*wanted) + ", but engine version is " + kEngineVersion,
                    {}, kValidate);
}

void check_plugin_versions(const YamlNode& item, Diagnostics& diagnostics, std::vector<Diagnostic>& unmet) {
  const YamlNode& node = *item.find("required_plugin_versions");
  if (node.kind != YamlNode::Kind::kSequence) {
    diagnostics.error(node.mark.line > 0 ? node.mark.position() : item.mark.position(),
                      "Value of required_plugin_versions must be a sequence", {}, kYamlValidate);
    return;
  }
  for (const YamlNode& entry : node.items) check_requirement(entry, diagnostics, unmet);
}

}  // namespace tiercel::rule
