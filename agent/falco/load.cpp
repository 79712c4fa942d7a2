#include "agent/falco/load.h"

#include <algorithm>
#include <filesystem>
#include <memory>
#include <utility>

#include "agent/falco/draft.h"
#include "agent/falco/keys.h"
#include "agent/falco/option.h"
#include "agent/falco/readers.h"
#include "agent/falco/tree.h"

namespace tiercel::falco {

using config::Reading;
using config::TreeNode;
using Kind = TreeNode::Kind;

namespace {

// Falco's defaults where they are not ours.
Draft fresh_draft() {
  Draft draft;
  draft.config.rules_files.clear();
  draft.config.append_output.clear();
  draft.config.outputs.clear();
  return draft;
}

// The two words that YAML's many come to; any other text as it is.
std::string_view plain_bool(std::string_view text) {
  for (const char* yes : {"yes", "on", "True", "Yes", "On", "TRUE", "YES", "ON"})
    if (text == yes) return "true";
  for (const char* no : {"no", "off", "False", "No", "Off", "FALSE", "NO", "OFF"})
    if (text == no) return "false";
  return text;
}

bool is_quiet_value(std::string_view quiet, std::string_view value) {
  while (true) {
    const size_t bar = quiet.find('|');
    if (quiet.substr(0, bar) == value) return true;
    if (bar == std::string_view::npos) return false;
    quiet.remove_prefix(bar + 1);
  }
}

bool is_quiet(const KeyRow& row, const TreeNode& node) {
  if (row.quiet == "*" || node.kind == Kind::kNull) return true;
  if (node.kind == Kind::kScalar)
    return node.text.empty() ||
           is_quiet_value(row.quiet, row.type == KeyType::kBool ? plain_bool(node.text) : std::string_view(node.text));
  if (node.kind == Kind::kSequence)
    return std::all_of(node.items.begin(), node.items.end(),
                       [&](const TreeNode& item) { return is_quiet_value(row.quiet, item.text); });
  return false;
}

class Walk {
 public:
  Walk(Reading& reading, Draft& draft) : reading_(reading), draft_(draft) {}

  void section(const TreeNode& map, const std::string& path) {
    for (size_t i = 0; i < map.members.size(); ++i) {
      const config::Member& member = map.members[i];
      const std::string inner = path.empty() ? member.key : path + "." + member.key;
      const KeyRow* row = find_key(inner);
      if (row == nullptr)
        unknown(member, path);
      else if (!reading_.is_repeated(map, i))
        key(*row, member);
    }
  }

 private:
  void key(const KeyRow& row, const config::Member& member) {
    const TreeNode& node = member.value;
    reading_.enter(member.key);
    if (row.standing == Standing::kRefused && !is_quiet(row, node))
      reading_.error(node, "is refused: " + std::string(row.note));
    if (row.standing == Standing::kIgnored && !is_quiet(row, node)) {
      reading_.warning(node, "is ignored: " + std::string(row.note));
      if (row.path.ends_with("_output.enabled")) draft_.unfed.emplace_back(row.path.substr(0, row.path.find('.')));
    }
    draft_.key = row.path;
    if (row.read != nullptr) row.read(reading_, node, draft_);
    if (row.standing == Standing::kIgnored || row.read == nullptr) check_type(row, node);
    reading_.leave();
  }

  // Of keys that nothing reads: Falco only logs what its schema finds.
  void check_type(const KeyRow& row, const TreeNode& node) {
    if (node.kind == Kind::kNull || row.type == KeyType::kAny) return;
    if (row.type == KeyType::kMap && node.kind == Kind::kMap) return section(node, std::string(row.path));
    if (row.type == KeyType::kMaps && node.kind == Kind::kSequence) return list(row, node);
    bool fits = false;
    if (row.type == KeyType::kTexts) {
      fits = node.kind == Kind::kSequence || node.kind == Kind::kScalar;
    } else if (node.kind == Kind::kScalar) {
      fits = node.text.empty() || scalar_fits(row.type, node.text);
    }
    if (!fits) reading_.warning(node, "should be " + std::string(type_text(row.type)));
  }

  static bool scalar_fits(KeyType type, const std::string& text) {
    if (type == KeyType::kBool) return plain_bool(text) == "true" || plain_bool(text) == "false";
    const char* digits = type == KeyType::kInteger ? "+-0123456789" : "+-.eE0123456789";
    if (type == KeyType::kInteger || type == KeyType::kNumber)
      return text.find_first_not_of(digits) == std::string::npos;
    return type == KeyType::kText;
  }

  void list(const KeyRow& row, const TreeNode& node) {
    for (size_t i = 0; i < node.items.size(); ++i) {
      reading_.enter("[" + std::to_string(i) + "]");
      if (node.items[i].kind == Kind::kMap)
        section(node.items[i], std::string(row.path) + "[]");
      else
        reading_.warning(node.items[i], "should be a map of keys");
      reading_.leave();
    }
  }

  void unknown(const config::Member& member, const std::string& path) {
    TreeNode place = member.value;  // the key's place, not the value's
    place.line = member.line;
    place.column = member.column;
    std::string shown = member.key.substr(0, 60);
    std::replace_if(
        shown.begin(), shown.end(), [](unsigned char c) { return c < 0x20; }, ' ');
    reading_.warning(place, (path.empty() ? "unknown key '" : "has the unknown key '") + shown + "': it is ignored",
                     suggest_key(path, member.key));
  }

  Reading& reading_;
  Draft& draft_;
};

void find_plugins(const TreeNode& root, Draft& draft) {
  const TreeNode* plugins = root.find("plugins");
  if (plugins == nullptr) return;
  for (const TreeNode& plugin : plugins->items)
    if (const TreeNode* name = plugin.find("name")) draft.plugin_names.push_back(name->text);
}

void add_outputs(Draft& draft) {
  config::Config& config = draft.config;
  const bool json = config.json_output;
  using config::FileOutput;
  using config::Output;
  using config::StdoutOutput;
  using config::SyslogOutput;
  if (draft.stdout_enabled)
    config.outputs.push_back({StdoutOutput{json ? StdoutOutput::Format::kJson : StdoutOutput::Format::kText}});
  if (draft.syslog_enabled)
    config.outputs.push_back({SyslogOutput{json ? SyslogOutput::Format::kJson : SyslogOutput::Format::kText}});
  if (draft.file_enabled) {
    FileOutput file;
    std::error_code code;
    file.path = std::filesystem::absolute(draft.file_name, code).string();
    file.format = json ? FileOutput::Format::kFalco : FileOutput::Format::kText;
    file.rotate_size_mb = 0;  // Falco leaves that to logrotate
    config.outputs.push_back({file});
  }
  if (draft.program_node != nullptr)
    config.outputs.push_back({config::ProgramOutput{{"/bin/sh", "-c", draft.program}}});
  if (draft.http_node != nullptr) {
    if (!draft.http_mtls) draft.http.tls.client_certificate = draft.http.tls.client_key = "";
    draft.http.headers = {{"user-agent", config::Secret(draft.http_user_agent)}};
    config.outputs.push_back({std::move(draft.http)});
  }
}

}  // namespace

std::optional<Settings> load(const Request& request, Diagnostics& diagnostics, const config::Environment& environment) {
  const size_t errors_before = diagnostics.errors();
  Settings settings;
  TreeNode root;
  Draft draft = fresh_draft();
  if (request.path.empty())
    draft.stdout_enabled = true;
  else if (!read_files(request.path, diagnostics, environment, root, settings.files))
    return std::nullopt;
  if (request.path.empty()) root.kind = Kind::kMap;
  for (const std::string& option : request.options) apply_option(option, root, diagnostics, environment);
  Reading reading(request.path.empty() ? "falco.yaml" : request.path, diagnostics);
  reading.set_lenient(true);
  find_plugins(root, draft);
  Walk(reading, draft).section(root, {});
  check_whole(reading, draft);
  if (diagnostics.errors() > errors_before) return std::nullopt;
  add_outputs(draft);
  settings.config = std::move(draft.config);
  settings.unfed = std::move(draft.unfed);
  if (draft.engine_kind == "replay") settings.replay_from = draft.capture_file;
  return settings;
}

}  // namespace tiercel::falco
