#include "agent/config/keys.h"

#include <algorithm>
#include <bit>
#include <cctype>
#include <utility>

namespace tiercel::config {
namespace {

constexpr uint64_t kPortMax = 65'535;
constexpr uint64_t kDayS = 86'400;

// What the file says, before its parts are put together.
struct OutputDraft {
  std::string type;
  const TreeNode* config = nullptr;
  const TreeNode* type_node = nullptr;
  bool format_given = false;
  Output output;
};

struct Draft {
  Config config;
  std::vector<OutputDraft> outputs;
  bool outputs_given = false;
};

// --- The outputs: type, and the keys of its config ---------------------------------------------------------------

using OutputKey = Key<OutputDraft>;

constexpr OutputKey kPriorityKey = {
    "priority", [](Reading& r, const TreeNode& n, OutputDraft& o) { r.priority(n, o.output.priority); }};

constexpr Word<StdoutOutput::Format> kStdoutFormats[] = {{"text", StdoutOutput::Format::kText},
                                                         {"json", StdoutOutput::Format::kJson}};
constexpr Word<SyslogOutput::Format> kSyslogFormats[] = {{"text", SyslogOutput::Format::kText},
                                                         {"json", SyslogOutput::Format::kJson}};
constexpr Word<FileOutput::Format> kFileFormats[] = {{"normalised", FileOutput::Format::kNormalised},
                                                     {"falco", FileOutput::Format::kFalco},
                                                     {"text", FileOutput::Format::kText}};

template <class T>
T& part(OutputDraft& draft) {
  return std::get<T>(draft.output.to);
}

constexpr OutputKey kStdoutKeys[] = {
    {"format",
     [](Reading& r, const TreeNode& n, OutputDraft& o) {
       o.format_given = true;
       r.word(n, kStdoutFormats, part<StdoutOutput>(o).format);
     }},
    kPriorityKey,
};

constexpr OutputKey kSyslogKeys[] = {
    {"format",
     [](Reading& r, const TreeNode& n, OutputDraft& o) {
       o.format_given = true;
       r.word(n, kSyslogFormats, part<SyslogOutput>(o).format);
     }},
    kPriorityKey,
};

constexpr OutputKey kFileKeys[] = {
    {"path", [](Reading& r, const TreeNode& n, OutputDraft& o) { r.absolute_path(n, part<FileOutput>(o).path); }},
    {"format",
     [](Reading& r, const TreeNode& n, OutputDraft& o) { r.word(n, kFileFormats, part<FileOutput>(o).format); }},
    {"rotate_size_mb", [](Reading& r, const TreeNode& n,
                          OutputDraft& o) { r.number(n, 0, 1'000'000, part<FileOutput>(o).rotate_size_mb); }},
    {"rotate_files",
     [](Reading& r, const TreeNode& n, OutputDraft& o) { r.number(n, 1, 1'000, part<FileOutput>(o).rotate_files); }},
    kPriorityKey,
};

constexpr OutputKey kWazuhOutputKeys[] = {
    {"host", [](Reading& r, const TreeNode& n, OutputDraft& o) { r.host(n, part<WazuhManager>(o).host); }},
    {"port",
     [](Reading& r, const TreeNode& n, OutputDraft& o) { r.number(n, 1, kPortMax, part<WazuhManager>(o).port); }},
    {"enrol_port",
     [](Reading& r, const TreeNode& n, OutputDraft& o) { r.number(n, 1, kPortMax, part<WazuhManager>(o).enrol_port); }},
    kPriorityKey,
};

struct OutputType {
  std::string_view name;
  std::span<const OutputKey> keys;
  Output (*make)();
};

constexpr OutputType kOutputTypes[] = {
    {"stdout", kStdoutKeys,
     [] {
       return Output{StdoutOutput{}, kPriorityDebug};
     }},
    {"file", kFileKeys,
     [] {
       return Output{FileOutput{}, kPriorityDebug};
     }},
    {"syslog", kSyslogKeys,
     [] {
       return Output{SyslogOutput{}, kPriorityDebug};
     }},
    {"wazuh", kWazuhOutputKeys,
     [] {
       return Output{WazuhManager{}, kPriorityDebug};
     }},
};
constexpr std::string_view kTypesToCome[] = {"slack", "aws_security_hub"};

constexpr OutputKey kOutputKeys[] = {
    {"type",
     [](Reading& r, const TreeNode& n, OutputDraft& o) {
       o.type_node = &n;
       r.text(n, o.type);
     }},
    {"config",
     [](Reading& r, const TreeNode& n, OutputDraft& o) {
       if (!r.listing()) o.config = &n;
     }},
};

// False: not one that this version has.
bool read_output_config(Reading& r, const TreeNode& item, OutputDraft& draft) {
  if (draft.type_node == nullptr) {
    r.error(item, "needs a type");
    return false;
  }
  std::vector<std::string_view> names;
  for (const OutputType& type : kOutputTypes) {
    names.push_back(type.name);
    if (type.name != draft.type) continue;
    draft.output = type.make();
    r.enter("config");
    if (draft.config != nullptr) r.map(*draft.config, type.keys, draft);
    r.leave();
    return true;
  }
  if (std::find(std::begin(kTypesToCome), std::end(kTypesToCome), draft.type) != std::end(kTypesToCome)) {
    r.warning(*draft.type_node, "names " + draft.type + ", which this version of tiercel cannot feed yet",
              "no alert goes there; use wazuh, file or stdout");
    return false;
  }
  r.enter("type");
  if (draft.type_node->kind == TreeNode::Kind::kScalar) r.no_such_word(*draft.type_node, names);
  r.leave();
  return false;
}

void read_outputs(Reading& r, const TreeNode& node, Draft& draft) {
  if (r.listing()) {
    r.list(node, kOutputKeys, draft.outputs);
    for (const OutputType& type : kOutputTypes) {
      OutputDraft ignored;
      ignored.output = type.make();
      r.enter("[" + std::string(type.name) + "]");
      r.enter("config");
      r.map(node, type.keys, ignored);
      r.leave();
      r.leave();
    }
    return;
  }
  if (node.kind == TreeNode::Kind::kNull) return;
  draft.outputs_given = true;
  std::vector<OutputDraft> read;
  r.list(node, kOutputKeys, read);
  for (size_t i = 0; i < read.size(); ++i) {
    r.enter("[" + std::to_string(i) + "]");
    if (node.items[i].kind == TreeNode::Kind::kMap && read_output_config(r, node.items[i], read[i]))
      draft.outputs.push_back(std::move(read[i]));
    r.leave();
  }
}

// --- The sections -------------------------------------------------------------------------------------------------

constexpr Key<WazuhManager> kManagerKeys[] = {
    {"host", [](Reading& r, const TreeNode& n, WazuhManager& m) { r.host(n, m.host); }},
    {"port", [](Reading& r, const TreeNode& n, WazuhManager& m) { r.number(n, 1, kPortMax, m.port); }},
    {"enrol_port", [](Reading& r, const TreeNode& n, WazuhManager& m) { r.number(n, 1, kPortMax, m.enrol_port); }},
};

void read_managers(Reading& r, const TreeNode& node, Wazuh& wazuh) {
  r.list(node, kManagerKeys, wazuh.managers);
  for (size_t i = 0; !r.listing() && i < wazuh.managers.size(); ++i) {
    const TreeNode& item = node.items[i];
    const bool named = std::any_of(item.members.begin(), item.members.end(),
                                   [](const Member& member) { return member.key == "host"; });
    r.enter("[" + std::to_string(i) + "]");
    if (item.kind == TreeNode::Kind::kMap && !named) r.error(item, "needs a host");
    r.leave();
  }
}

constexpr Key<Wazuh> kWazuhKeys[] = {
    {"managers", read_managers},
    {"agent_name", [](Reading& r, const TreeNode& n, Wazuh& w) { r.text(n, w.agent_name); }},
    {"groups", [](Reading& r, const TreeNode& n, Wazuh& w) { r.texts(n, w.groups); }},
    {"password_file", [](Reading& r, const TreeNode& n, Wazuh& w) { r.absolute_path(n, w.password_file); }},
    {"password", [](Reading& r, const TreeNode& n, Wazuh& w) { r.secret(n, w.password); }},
    {"ca_file", [](Reading& r, const TreeNode& n, Wazuh& w) { r.absolute_path(n, w.ca_file); }},
    {"keys_file", [](Reading& r, const TreeNode& n, Wazuh& w) { r.absolute_path(n, w.keys_file); }},
};

// The kernel wants a power of two of whole pages.
void read_ring_size(Reading& r, const TreeNode& node, uint32_t& into) {
  constexpr uint32_t kMinKb = 64, kMaxKb = 262'144;
  uint32_t value = into;
  r.number(node, kMinKb, kMaxKb, value);
  if (!std::has_single_bit(value)) {
    const uint32_t below = std::bit_floor(value);
    r.error(node, "must be a power of two, not " + std::to_string(value),
            std::to_string(below) + " or " + std::to_string(std::min(below * 2, kMaxKb)));
    return;
  }
  into = value;
}

constexpr Key<Sensor> kSensorKeys[] = {
    {"ring_vital_size_kb",
     [](Reading& r, const TreeNode& n, Sensor& s) { read_ring_size(r, n, s.ring_vital_size_kb); }},
    {"ring_bulk_size_kb", [](Reading& r, const TreeNode& n, Sensor& s) { read_ring_size(r, n, s.ring_bulk_size_kb); }},
};

constexpr Key<Containers> kContainersKeys[] = {
    {"ask_runtimes", [](Reading& r, const TreeNode& n, Containers& c) { r.boolean(n, c.ask_runtimes); }},
    {"docker_root", [](Reading& r, const TreeNode& n, Containers& c) { r.absolute_path(n, c.docker_root); }},
    {"storage_root", [](Reading& r, const TreeNode& n, Containers& c) { r.absolute_path(n, c.storage_root); }},
};

constexpr Key<AppendOutput::Match> kMatchKeys[] = {
    {"source", [](Reading& r, const TreeNode& n, AppendOutput::Match& m) { r.text(n, m.source); }},
    {"tags", [](Reading& r, const TreeNode& n, AppendOutput::Match& m) { r.texts(n, m.tags); }},
    {"rule", [](Reading& r, const TreeNode& n, AppendOutput::Match& m) { r.text(n, m.rule); }},
};

// Entries are a field's name, or {key: format}.
void read_extra_fields(Reading& r, const TreeNode& node, AppendOutput& append) {
  if (r.listed() || node.kind == TreeNode::Kind::kNull) return;
  if (node.kind != TreeNode::Kind::kSequence) return r.error(node, "must be a list of fields");
  for (const TreeNode& item : node.items) {
    if (item.kind == TreeNode::Kind::kScalar) append.extra_fields.push_back({item.text, {}});
    for (const Member& member : item.members) {
      AppendOutput::ExtraField& field = append.extra_fields.emplace_back();
      field.key = member.key;
      r.enter(member.key);
      r.text(member.value, field.format);
      r.leave();
    }
    if (item.kind != TreeNode::Kind::kScalar && item.kind != TreeNode::Kind::kMap)
      r.error(item, "must hold fields: a name, or \"key: format\"");
  }
}

constexpr Key<AppendOutput> kAppendOutputKeys[] = {
    {"match", [](Reading& r, const TreeNode& n, AppendOutput& a) { r.map(n, kMatchKeys, a.match); }},
    {"extra_output", [](Reading& r, const TreeNode& n, AppendOutput& a) { r.text(n, a.extra_output); }},
    {"extra_fields", read_extra_fields},
    {"suggested_output", [](Reading& r, const TreeNode& n, AppendOutput& a) { r.boolean(n, a.suggested_output); }},
};

// An entry is {enable: {...}} or {disable: {...}}, each with a rule's name or a tag, or both: then both count.
struct SelectionEntry {
  std::vector<RuleSelection> steps;
};

constexpr Key<RuleSelection> kSelectionKeys[] = {
    {"rule", [](Reading& r, const TreeNode& n, RuleSelection& s) { r.text(n, s.rule); }},
    {"tag", [](Reading& r, const TreeNode& n, RuleSelection& s) { r.text(n, s.tag); }},
};

void read_selection(Reading& r, const TreeNode& node, bool enable, SelectionEntry& entry) {
  RuleSelection read;
  r.map(node, kSelectionKeys, read);
  if (r.listing()) return;
  if (read.rule.empty() && read.tag.empty()) r.error(node, "needs a rule or a tag", "for example rule: \"*\"");
  if (!read.rule.empty()) entry.steps.push_back({enable, read.rule, {}});
  if (!read.tag.empty()) entry.steps.push_back({enable, {}, read.tag});
}

constexpr Key<SelectionEntry> kSelectionEntryKeys[] = {
    {"enable", [](Reading& r, const TreeNode& n, SelectionEntry& e) { read_selection(r, n, true, e); }},
    {"disable", [](Reading& r, const TreeNode& n, SelectionEntry& e) { read_selection(r, n, false, e); }},
};

void read_rules(Reading& r, const TreeNode& node, std::vector<RuleSelection>& into) {
  std::vector<SelectionEntry> entries;
  r.list(node, kSelectionEntryKeys, entries);
  if (r.listing()) return;
  into.clear();
  for (size_t i = 0; i < entries.size(); ++i) {
    const TreeNode& item = node.items[i];
    if (item.kind == TreeNode::Kind::kNull ||
        (item.kind == TreeNode::Kind::kMap && item.find("enable") == nullptr && item.find("disable") == nullptr))
      r.error(item, "must hold enable or disable", "for example - disable: {rule: \"*\"}");
    into.insert(into.end(), entries[i].steps.begin(), entries[i].steps.end());
  }
}

bool is_static_key(const std::string& key) {
  return !key.empty() && std::all_of(key.begin(), key.end(),
                                     [](unsigned char c) { return std::isalnum(c) != 0 || c == '_' || c == '.'; });
}

void read_static_fields(Reading& r, const TreeNode& node, std::vector<StaticField>& into) {
  if (r.listed() || node.kind == TreeNode::Kind::kNull) return;
  if (node.kind != TreeNode::Kind::kMap) return r.error(node, "must be a map of keys and texts");
  into.clear();
  for (size_t i = 0; i < node.members.size(); ++i) {
    const Member& member = node.members[i];
    if (r.is_repeated(node, i)) continue;
    StaticField field{member.key, {}};
    r.enter(member.key);
    if (!is_static_key(member.key)) r.error(member.value, "must be named by letters, digits, _ and . only");
    r.text(member.value, field.value);
    r.leave();
    into.push_back(std::move(field));
  }
}

constexpr Word<RuleMatching> kRuleMatchings[] = {{"first", RuleMatching::kFirst}, {"all", RuleMatching::kAll}};

// Falco's eight words fall on the four levels that our log has.
void read_log_level(Reading& r, const TreeNode& node, log::Level& into) {
  constexpr uint8_t kUnread = 255;
  uint8_t number = kUnread;
  r.priority(node, number);
  if (number == kUnread) return;
  into = number <= 3   ? log::Level::kError
         : number == 4 ? log::Level::kWarning
         : number <= 6 ? log::Level::kInfo
                       : log::Level::kDebug;
}

// --- The file -----------------------------------------------------------------------------------------------------

#define BOOLEAN_KEY(name)                                                                \
  {                                                                                      \
#name, [](Reading & r, const TreeNode& n, Draft& d) { r.boolean(n, d.config.name); } \
  }

constexpr Key<Draft> kKeys[] = {
    {"rules_files", [](Reading& r, const TreeNode& n, Draft& d) { r.texts(n, d.config.rules_files); }},
    {"priority", [](Reading& r, const TreeNode& n, Draft& d) { r.priority(n, d.config.priority); }},
    {"rule_matching",
     [](Reading& r, const TreeNode& n, Draft& d) { r.word(n, kRuleMatchings, d.config.rule_matching); }},
    {"rules", [](Reading& r, const TreeNode& n, Draft& d) { read_rules(r, n, d.config.rules); }},
    {"static_fields",
     [](Reading& r, const TreeNode& n, Draft& d) { read_static_fields(r, n, d.config.static_fields); }},
    BOOLEAN_KEY(watch_config_files),
    BOOLEAN_KEY(json_output),
    BOOLEAN_KEY(json_include_output_property),
    BOOLEAN_KEY(json_include_message_property),
    BOOLEAN_KEY(json_include_output_fields_property),
    BOOLEAN_KEY(json_include_tags_property),
    BOOLEAN_KEY(time_format_iso_8601),
    {"append_output",
     [](Reading& r, const TreeNode& n, Draft& d) { r.list(n, kAppendOutputKeys, d.config.append_output); }},
    {"outputs", read_outputs},
    {"wazuh", [](Reading& r, const TreeNode& n, Draft& d) { r.map(n, kWazuhKeys, d.config.wazuh); }},
    {"sensor", [](Reading& r, const TreeNode& n, Draft& d) { r.map(n, kSensorKeys, d.config.sensor); }},
    {"containers", [](Reading& r, const TreeNode& n, Draft& d) { r.map(n, kContainersKeys, d.config.containers); }},
    {"host_root", [](Reading& r, const TreeNode& n, Draft& d) { r.absolute_path(n, d.config.host_root); }},
    {"log_level", [](Reading& r, const TreeNode& n, Draft& d) { read_log_level(r, n, d.config.log_level); }},
    {"heartbeat_interval_s",
     [](Reading& r, const TreeNode& n, Draft& d) { r.number(n, 0, kDayS, d.config.heartbeat_interval_s); }},
    {"state_dir", [](Reading& r, const TreeNode& n, Draft& d) { r.absolute_path(n, d.config.state_dir); }},
    {"run_dir", [](Reading& r, const TreeNode& n, Draft& d) { r.absolute_path(n, d.config.run_dir); }},
};
#undef BOOLEAN_KEY

void add_manager(std::vector<WazuhManager>& managers, const WazuhManager& manager) {
  const bool known = std::any_of(managers.begin(), managers.end(), [&](const WazuhManager& other) {
    return other.host == manager.host && other.port == manager.port;
  });
  if (!known) managers.push_back(manager);
}

void put_together(Reading& r, const TreeNode& root, Draft& draft) {
  Config& config = draft.config;
  if (draft.outputs_given) config.outputs.clear();
  for (OutputDraft& output : draft.outputs) {
    auto* plain = std::get_if<StdoutOutput>(&output.output.to);
    if (plain != nullptr && !output.format_given && config.json_output) plain->format = StdoutOutput::Format::kJson;
    auto* syslog = std::get_if<SyslogOutput>(&output.output.to);
    if (syslog != nullptr && !output.format_given && config.json_output) syslog->format = SyslogOutput::Format::kJson;
    if (const auto* manager = std::get_if<WazuhManager>(&output.output.to)) {
      if (!manager->host.empty()) add_manager(config.wazuh.managers, *manager);
      if (config.wazuh.managers.empty())
        r.error(*output.type_node, "outputs: wazuh needs a host", "in its config, or in wazuh.managers");
    }
    config.outputs.push_back(std::move(output.output));
  }
  if (!draft.outputs_given && config.json_output) config.outputs = {Output{StdoutOutput{StdoutOutput::Format::kJson}}};
  if (config.outputs.empty() && config.wazuh.managers.empty())
    r.warning(root, "no output is configured: alerts go nowhere",
              "name one in outputs, or a manager in wazuh.managers");
}

}  // namespace

bool read_key(Reading& reading, std::string_view key, const TreeNode& node, Config& config) {
  for (const Key<Draft>& row : kKeys) {
    if (row.name != key) continue;
    Draft draft;
    draft.config = std::move(config);
    row.read(reading, node, draft);
    config = std::move(draft.config);
    return true;
  }
  return false;
}

void read_config(Reading& reading, const TreeNode& root, Config& config) {
  Draft draft;
  reading.map(root, kKeys, draft);
  if (reading.listing()) return;
  put_together(reading, root, draft);
  config = std::move(draft.config);
}

}  // namespace tiercel::config
