#include "agent/config/keys.h"

#include <algorithm>
#include <bit>
#include <cctype>
#include <utility>

#include "agent/base/listen_address.h"
#include "agent/config/output_keys.h"

namespace tiercel::config {
namespace {

constexpr uint64_t kDayS = 86'400;

// What the file says, before its parts are put together.
struct Draft {
  Config config;
  std::vector<OutputDraft> outputs;
  bool outputs_given = false;
};

// --- The sections -------------------------------------------------------------------------------------------------

constexpr Key<WazuhManager> kManagerKeys[] = {
    {"host", [](Reading& r, const TreeNode& n, WazuhManager& m) { r.host(n, m.host); }},
    {"port", [](Reading& r, const TreeNode& n, WazuhManager& m) { r.number(n, 1, kPortMax, m.port); }},
    {"enrol_port", [](Reading& r, const TreeNode& n, WazuhManager& m) { r.number(n, 1, kPortMax, m.enrol_port); }},
    {"protocol", [](Reading& r, const TreeNode& n, WazuhManager& m) { r.word(n, kProtocols, m.protocol); }},
};

constexpr Word<WazuhLabel::Visibility> kVisibilities[] = {{"visible", WazuhLabel::Visibility::kVisible},
                                                          {"hidden", WazuhLabel::Visibility::kHidden},
                                                          {"system", WazuhLabel::Visibility::kSystem}};

constexpr Key<WazuhLabel> kLabelKeys[] = {
    {"key", [](Reading& r, const TreeNode& n, WazuhLabel& l) { r.text(n, l.key); }},
    {"value", [](Reading& r, const TreeNode& n, WazuhLabel& l) { r.text(n, l.value); }},
    {"visibility", [](Reading& r, const TreeNode& n, WazuhLabel& l) { r.word(n, kVisibilities, l.visibility); }},
};

void read_labels(Reading& r, const TreeNode& node, Wazuh& wazuh) {
  r.list(node, kLabelKeys, wazuh.labels);
  for (size_t i = 0; !r.listing() && i < wazuh.labels.size(); ++i) {
    r.enter("[" + std::to_string(i) + "]");
    if (node.items[i].kind == TreeNode::Kind::kMap && wazuh.labels[i].key.empty())
      r.error(node.items[i], "needs a key");
    r.leave();
  }
}

// "v4.9.0"; the sink goes by it as it stands.
void read_version(Reading& r, const TreeNode& node, Wazuh& wazuh) {
  r.text(node, wazuh.version);
  if (r.listing() || wazuh.version.empty()) return;
  int dots = 0;
  bool good = wazuh.version.size() <= 12 && wazuh.version.size() >= 6 && wazuh.version.front() == 'v';
  for (size_t i = 1; good && i < wazuh.version.size(); ++i) {
    const bool digit = std::isdigit(static_cast<unsigned char>(wazuh.version[i])) != 0;
    const bool after_digit = i > 1 && wazuh.version[i - 1] != '.';
    if (wazuh.version[i] == '.' && after_digit)
      ++dots;
    else
      good = digit;
  }
  if (!good || dots != 2 || wazuh.version.back() == '.') r.error(node, "must be a version of Wazuh, like v4.9.0");
}

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
    {"enrol", [](Reading& r, const TreeNode& n, Wazuh& w) { r.boolean(n, w.enrol); }},
    {"ca_file", [](Reading& r, const TreeNode& n, Wazuh& w) { r.absolute_path(n, w.ca_file); }},
    {"client_certificate", [](Reading& r, const TreeNode& n, Wazuh& w) { r.absolute_path(n, w.client_certificate); }},
    {"client_key", [](Reading& r, const TreeNode& n, Wazuh& w) { r.absolute_path(n, w.client_key); }},
    {"agent_ip", [](Reading& r, const TreeNode& n, Wazuh& w) { r.text(n, w.agent_ip); }},
    {"version", read_version},
    {"labels", read_labels},
    {"confirm_age_ms_min",
     [](Reading& r, const TreeNode& n, Wazuh& w) { r.number(n, 0, 5'000, w.confirm_age_ms_min); }},
    {"rate_max_per_s", [](Reading& r, const TreeNode& n, Wazuh& w) { r.number(n, 0, 1'000'000, w.rate_max_per_s); }},
    {"keys_file", [](Reading& r, const TreeNode& n, Wazuh& w) { r.absolute_path(n, w.keys_file); }},
};

constexpr Key<Spool> kSpoolKeys[] = {
    {"size_mb_max", [](Reading& r, const TreeNode& n, Spool& s) { r.number(n, 1, 1'000'000, s.size_mb_max); }},
    {"age_h_max", [](Reading& r, const TreeNode& n, Spool& s) { r.number(n, 0, 87'600, s.age_h_max); }},
};

constexpr Key<History> kHistoryKeys[] = {
    {"enabled", [](Reading& r, const TreeNode& n, History& h) { r.boolean(n, h.enabled); }},
    {"size_mb_max", [](Reading& r, const TreeNode& n, History& h) { r.number(n, 1, 1'000'000, h.size_mb_max); }},
    {"age_days_max", [](Reading& r, const TreeNode& n, History& h) { r.number(n, 0, 3'650, h.age_days_max); }},
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

constexpr Word<Sensor::Attach> kAttach[] = {{"auto", Sensor::Attach::kAuto},
                                            {"trampoline", Sensor::Attach::kTrampoline},
                                            {"kprobe", Sensor::Attach::kKprobe},
                                            {"tracepoint", Sensor::Attach::kTracepoint}};

constexpr Key<Sensor> kSensorKeys[] = {
    {"attach", [](Reading& r, const TreeNode& n, Sensor& s) { r.word(n, kAttach, s.attach); }},
    {"compat_calls", [](Reading& r, const TreeNode& n, Sensor& s) { r.boolean(n, s.compat_calls); }},
    {"push_down", [](Reading& r, const TreeNode& n, Sensor& s) { r.boolean(n, s.push_down); }},
    {"ring_vital_size_kb",
     [](Reading& r, const TreeNode& n, Sensor& s) { read_ring_size(r, n, s.ring_vital_size_kb); }},
    {"ring_bulk_size_kb", [](Reading& r, const TreeNode& n, Sensor& s) { read_ring_size(r, n, s.ring_bulk_size_kb); }},
    {"procinfo_interval_s",
     [](Reading& r, const TreeNode& n, Sensor& s) { r.number(n, 1, 3'600, s.procinfo_interval_s); }},
    {"flood_budget_kb", [](Reading& r, const TreeNode& n, Sensor& s) { r.number(n, 0, 1'048'576, s.flood_budget_kb); }},
    {"flood_mark_percent", [](Reading& r, const TreeNode& n, Sensor& s) { r.number(n, 10, 95, s.flood_mark_percent); }},
};

constexpr Key<Containers> kContainersKeys[] = {
    {"ask_runtimes", [](Reading& r, const TreeNode& n, Containers& c) { r.boolean(n, c.ask_runtimes); }},
    {"docker_root", [](Reading& r, const TreeNode& n, Containers& c) { r.absolute_path(n, c.docker_root); }},
    {"storage_root", [](Reading& r, const TreeNode& n, Containers& c) { r.absolute_path(n, c.storage_root); }},
};

// Minutes, each longer than the one before.
void read_minutes(Reading& r, const TreeNode& node, std::vector<uint32_t>& into) {
  constexpr uint64_t kMinutesMax = 525'600;
  if (r.listed(KeyInfo::Kind::kNumbers) || node.kind == TreeNode::Kind::kNull) return;
  if (node.kind != TreeNode::Kind::kSequence) return r.error(node, "must be a list of minutes", "[30, 60, 120]");
  into.clear();
  for (const TreeNode& item : node.items) {
    uint32_t minutes = 0;
    r.number(item, 1, kMinutesMax, minutes);
    if (!into.empty() && minutes <= into.back()) r.error(item, "must be longer than the one before it");
    into.push_back(minutes);
  }
}

constexpr Key<ActiveResponse> kActiveResponseKeys[] = {
    {"enabled", [](Reading& r, const TreeNode& n, ActiveResponse& a) { r.boolean(n, a.enabled); }},
    {"home", [](Reading& r, const TreeNode& n, ActiveResponse& a) { r.absolute_path(n, a.home); }},
    {"timeout_s", [](Reading& r, const TreeNode& n, ActiveResponse& a) { r.number(n, 1, 3'600, a.timeout_s); }},
    {"repeated_offenders",
     [](Reading& r, const TreeNode& n, ActiveResponse& a) { read_minutes(r, n, a.repeated_offenders); }},
    {"allow", [](Reading& r, const TreeNode& n, ActiveResponse& a) { r.texts(n, a.allow); }},
    {"log", [](Reading& r, const TreeNode& n, ActiveResponse& a) { r.absolute_path(n, a.log); }},
};

constexpr Key<LocalResponse> kResponseKeys[] = {
    {"enabled", [](Reading& r, const TreeNode& n, LocalResponse& l) { r.boolean(n, l.enabled); }},
    {"dry_run", [](Reading& r, const TreeNode& n, LocalResponse& l) { r.boolean(n, l.dry_run); }},
    {"protect", [](Reading& r, const TreeNode& n, LocalResponse& l) { r.texts(n, l.protect); }},
    {"budget_per_min",
     [](Reading& r, const TreeNode& n, LocalResponse& l) { r.number(n, 0, 100'000, l.budget_per_min); }},
};

void read_listen(Reading& r, const TreeNode& node, Metrics& metrics) {
  const std::string before = metrics.listen;
  r.text(node, metrics.listen);
  if (r.listing() || node.kind != TreeNode::Kind::kScalar) return;
  if (auto address = ListenAddress::parse(metrics.listen); !address) {
    r.error(node, address.error().message);
    metrics.listen = before;
  }
}

constexpr Key<Metrics> kMetricsKeys[] = {
    {"enabled", [](Reading& r, const TreeNode& n, Metrics& m) { r.boolean(n, m.enabled); }},
    {"listen", read_listen},
};

constexpr Key<Hardening> kHardeningKeys[] = {
    {"seccomp", [](Reading& r, const TreeNode& n, Hardening& h) { r.boolean(n, h.seccomp); }},
    {"capabilities", [](Reading& r, const TreeNode& n, Hardening& h) { r.boolean(n, h.capabilities); }},
    {"guard", [](Reading& r, const TreeNode& n, Hardening& h) { r.boolean(n, h.guard); }},
};

constexpr Key<AppendOutput::Match> kMatchKeys[] = {
    {"source", [](Reading& r, const TreeNode& n, AppendOutput::Match& m) { r.text(n, m.source); }},
    {"tags", [](Reading& r, const TreeNode& n, AppendOutput::Match& m) { r.texts(n, m.tags); }},
    {"rule", [](Reading& r, const TreeNode& n, AppendOutput::Match& m) { r.text(n, m.rule); }},
};

// Entries are a field's name, or {key: format}.
void read_extra_fields(Reading& r, const TreeNode& node, AppendOutput& append) {
  if (r.listed(KeyInfo::Kind::kFields) || node.kind == TreeNode::Kind::kNull) return;
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
  if (r.listed(KeyInfo::Kind::kMap) || node.kind == TreeNode::Kind::kNull) return;
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
  constexpr Priority kNames[] = {Priority::kDebug, Priority::kInformational, Priority::kWarning, Priority::kError};
  uint8_t number = r.listing() ? static_cast<uint8_t>(kNames[static_cast<size_t>(into)]) : kUnread;
  r.priority(node, number);
  if (number == kUnread || r.listing()) return;
  into = number <= 3   ? log::Level::kError
         : number == 4 ? log::Level::kWarning
         : number <= 6 ? log::Level::kInfo
                       : log::Level::kDebug;
}

// --- The file -----------------------------------------------------------------------------------------------------

// Names that stand for keys of the table below.
void read_allowed(Reading& r, const TreeNode& node, std::vector<std::string>& into);

constexpr Key<GroupConfiguration> kGroupConfigurationKeys[] = {
    {"enabled", [](Reading& r, const TreeNode& n, GroupConfiguration& g) { r.boolean(n, g.enabled); }},
    {"allow", [](Reading& r, const TreeNode& n, GroupConfiguration& g) { read_allowed(r, n, g.allow); }},
};

#define BOOLEAN_KEY(name, from_group)                                                                \
  {                                                                                                  \
#name, [](Reading & r, const TreeNode& n, Draft& d) { r.boolean(n, d.config.name); }, from_group \
  }

constexpr Key<Draft> kKeys[] = {
    {"rules_files", [](Reading& r, const TreeNode& n, Draft& d) { r.texts(n, d.config.rules_files); }},
    {"priority", [](Reading& r, const TreeNode& n, Draft& d) { r.priority(n, d.config.priority); }, FromGroup::kYes},
    {"rule_matching",
     [](Reading& r, const TreeNode& n, Draft& d) { r.word(n, kRuleMatchings, d.config.rule_matching); },
     FromGroup::kYes},
    {"rules", [](Reading& r, const TreeNode& n, Draft& d) { read_rules(r, n, d.config.rules); }, FromGroup::kYes},
    {"static_fields", [](Reading& r, const TreeNode& n, Draft& d) { read_static_fields(r, n, d.config.static_fields); },
     FromGroup::kYes},
    BOOLEAN_KEY(watch_config_files, FromGroup::kIfAllowed),
    BOOLEAN_KEY(json_output, FromGroup::kIfAllowed),
    BOOLEAN_KEY(json_include_output_property, FromGroup::kYes),
    BOOLEAN_KEY(json_include_message_property, FromGroup::kYes),
    BOOLEAN_KEY(json_include_output_fields_property, FromGroup::kYes),
    BOOLEAN_KEY(json_include_tags_property, FromGroup::kYes),
    BOOLEAN_KEY(time_format_iso_8601, FromGroup::kYes),
    {"append_output",
     [](Reading& r, const TreeNode& n, Draft& d) { r.list(n, kAppendOutputKeys, d.config.append_output); },
     FromGroup::kYes},
    {"outputs", [](Reading& r, const TreeNode& n, Draft& d) { read_outputs(r, n, d.outputs, d.outputs_given); }},
    {"wazuh", [](Reading& r, const TreeNode& n, Draft& d) { r.map(n, kWazuhKeys, d.config.wazuh); }},
    {"spool", [](Reading& r, const TreeNode& n, Draft& d) { r.map(n, kSpoolKeys, d.config.spool); }},
    {"history", [](Reading& r, const TreeNode& n, Draft& d) { r.map(n, kHistoryKeys, d.config.history); }},
    {"group_configuration",
     [](Reading& r, const TreeNode& n, Draft& d) { r.map(n, kGroupConfigurationKeys, d.config.group_configuration); },
     FromGroup::kNever},
    {"sensor", [](Reading& r, const TreeNode& n, Draft& d) { r.map(n, kSensorKeys, d.config.sensor); }},
    {"containers", [](Reading& r, const TreeNode& n, Draft& d) { r.map(n, kContainersKeys, d.config.containers); }},
    {"active_response",
     [](Reading& r, const TreeNode& n, Draft& d) { r.map(n, kActiveResponseKeys, d.config.active_response); }},
    {"response", [](Reading& r, const TreeNode& n, Draft& d) { r.map(n, kResponseKeys, d.config.response); },
     FromGroup::kNever},
    {"metrics", [](Reading& r, const TreeNode& n, Draft& d) { r.map(n, kMetricsKeys, d.config.metrics); }},
    {"hardening", [](Reading& r, const TreeNode& n, Draft& d) { r.map(n, kHardeningKeys, d.config.hardening); },
     FromGroup::kNever},
    {"host_root", [](Reading& r, const TreeNode& n, Draft& d) { r.absolute_path(n, d.config.host_root); },
     FromGroup::kNever},
    {"log_level", [](Reading& r, const TreeNode& n, Draft& d) { read_log_level(r, n, d.config.log_level); },
     FromGroup::kYes},
    {"heartbeat_interval_s",
     [](Reading& r, const TreeNode& n, Draft& d) { r.number(n, 0, kDayS, d.config.heartbeat_interval_s); },
     FromGroup::kYes},
    {"self_test_interval_s",
     [](Reading& r, const TreeNode& n, Draft& d) { r.number(n, 0, kDayS, d.config.self_test_interval_s); },
     FromGroup::kNever},
    {"state_dir", [](Reading& r, const TreeNode& n, Draft& d) { r.absolute_path(n, d.config.state_dir); },
     FromGroup::kNever},
    {"run_dir", [](Reading& r, const TreeNode& n, Draft& d) { r.absolute_path(n, d.config.run_dir); },
     FromGroup::kNever},
};
#undef BOOLEAN_KEY

const Key<Draft>* key_named(std::string_view name) {
  const auto* row = std::find_if(std::begin(kKeys), std::end(kKeys), [&](const auto& key) { return key.name == name; });
  return row == std::end(kKeys) ? nullptr : row;
}

void read_allowed(Reading& r, const TreeNode& node, std::vector<std::string>& into) {
  r.texts(node, into);
  if (r.listing() || node.kind != TreeNode::Kind::kSequence) return;
  std::vector<std::string_view> names;
  for (const Key<Draft>& key : kKeys)
    if (key.from_group != FromGroup::kNever) names.push_back(key.name);
  for (const TreeNode& item : node.items)
    if (item.kind == TreeNode::Kind::kScalar && std::find(names.begin(), names.end(), item.text) == names.end())
      r.no_such_word(item, names);
}

void add_manager(std::vector<WazuhManager>& managers, const WazuhManager& manager) {
  const bool known = std::any_of(managers.begin(), managers.end(), [&](const WazuhManager& other) {
    return other.host == manager.host && other.port == manager.port;
  });
  if (!known) managers.push_back(manager);
}

void put_together(Reading& r, const TreeNode& root, Draft& draft) {
  Config& config = draft.config;
  if (draft.outputs_given) config.outputs.clear();
  check_output_names(r, draft.outputs);
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
  const Key<Draft>* row = key_named(key);
  if (row == nullptr) return false;
  Draft draft;
  draft.config = std::move(config);
  row->read(reading, node, draft);
  config = std::move(draft.config);
  return true;
}

void read_config(Reading& reading, const TreeNode& root, Config& config) {
  Draft draft;
  reading.map(root, kKeys, draft);
  if (reading.listing()) return;
  put_together(reading, root, draft);
  config = std::move(draft.config);
}

std::string_view attach_word(const Sensor& sensor) {
  for (const auto& [name, attach] : kAttach)
    if (attach == sensor.attach) return name;
  return kAttach[0].name;
}

bool set_attach(std::string_view word, Sensor& sensor) {
  for (const auto& [name, attach] : kAttach)
    if (name == word) {
      sensor.attach = attach;
      return true;
    }
  return false;
}

std::optional<FromGroup> from_group(std::string_view key) {
  const Key<Draft>* row = key_named(key);
  return row == nullptr ? std::nullopt : std::optional(row->from_group);
}

void read_over(Reading& reading, const TreeNode& root, Config& config) {
  Draft draft;
  draft.config = config;
  reading.map(root, kKeys, draft);
  if (draft.outputs_given) put_together(reading, root, draft);
  config = std::move(draft.config);
}

}  // namespace tiercel::config
