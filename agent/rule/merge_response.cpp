#include "agent/rule/merge_response.h"

#include <fmt/core.h>

#include <algorithm>
#include <csignal>
#include <cstring>
#include <set>
#include <span>

#include "agent/rule/fields.h"
#include "agent/rule/names.h"
#include "agent/rule/threshold.h"

namespace tiercel::rule {
namespace {

constexpr const char* kCode = "LOAD_ERR_EXTENSION";
constexpr uint64_t kNsPerMs = 1'000'000;
constexpr uint64_t kBlockTimeoutMs = 600'000;
constexpr uint64_t kExecTimeoutMs = 30'000;
constexpr uint32_t kBudgetMax = 100'000;
constexpr std::string_view kRemoteEnd = "fd.rip";

// What each action may have; the first target is that of an action that names none.
struct Shape {
  ActionType type;
  std::vector<std::string_view> keys;
  std::vector<ActionTarget> targets;
  const char* example;
};

const std::vector<Shape>& shapes() {
  using enum ActionTarget;
  static const std::vector<Shape> all = {
      {ActionType::kKill, {"target"}, {kProcess, kTree, kContainer}, "{type: kill, target: process}"},
      {ActionType::kSignal, {"signal", "target"}, {kProcess, kTree}, "{type: signal, signal: SIGTERM}"},
      {ActionType::kSuspend, {"target", "timeout"}, {kProcess, kTree, kContainer}, "{type: suspend, timeout: 10m}"},
      {ActionType::kIsolate, {"target", "timeout"}, {kContainer, kProcess}, "{type: isolate, target: container}"},
      {ActionType::kBlock, {"address", "timeout"}, {}, "{type: block, address: fd.sip, timeout: 10m}"},
      {ActionType::kQuarantine, {"file"}, {}, "{type: quarantine, file: exe}"},
      {ActionType::kExec, {"program", "timeout"}, {}, "{type: exec, program: [/usr/local/bin/tell, host]}"}};
  return all;
}

std::string joined(std::span<const std::string_view> words) {
  std::string out;
  for (const std::string_view word : words) out += (out.empty() ? "" : ", ") + std::string(word);
  return out;
}

std::string one_of(std::string_view word, std::span<const std::string_view> words) {
  const std::string near = nearest(word, words);
  return near.empty() ? "one of: " + joined(words) : "did you mean '" + near + "'?";
}

// SIGTERM, TERM, 15. 0: no signal.
int signal_number(std::string_view word) {
  if (const auto number = parse_yaml_number(word))
    return *number >= 1 && *number < NSIG ? static_cast<int>(*number) : 0;
  std::string name(word);
  for (char& c : name)
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  if (name.starts_with("SIG")) name.erase(0, 3);
  for (int signal = 1; signal < NSIG; ++signal)
    if (const char* known = ::sigabbrev_np(signal); known && name == known) return signal;
  return 0;
}

class ActionReader {
 public:
  ActionReader(ItemReader& reader, const YamlNode& node) : reader_(reader), node_(node) {}

  std::optional<Action> read() {
    if (!read_type()) return std::nullopt;
    check_keys();
    if (!shape_->targets.empty()) read_target();
    if (shape_->type == ActionType::kSignal) read_signal();
    if (has_key("timeout")) read_timeout();
    if (shape_->type == ActionType::kBlock) read_address();
    if (shape_->type == ActionType::kQuarantine) read_file();
    if (shape_->type == ActionType::kExec) read_program();
    if (!ok_) return std::nullopt;
    return std::move(out_);
  }

 private:
  void error(const Mark& mark, std::string message, std::string hint) {
    ok_ = false;
    reader_.error(mark, std::move(message), std::move(hint), kCode);
  }

  [[nodiscard]] bool has_key(std::string_view key) const {
    return std::find(shape_->keys.begin(), shape_->keys.end(), key) != shape_->keys.end();
  }
  [[nodiscard]] std::string subject() const { return "action " + std::string(action_text(shape_->type)); }

  bool read_type() {
    std::vector<std::string_view> names;
    for (const Shape& shape : shapes()) names.push_back(action_text(shape.type));
    const YamlNode* type = node_.find("type");
    if (!type || !type->is_scalar()) {
      error(type ? node_.find_key("type")->mark : node_.mark, "'action' has no 'type'", "one of: " + joined(names));
      return false;
    }
    for (const Shape& shape : shapes())
      if (action_text(shape.type) == type->str()) shape_ = &shape;
    if (!shape_) {
      error(type->mark, "there is no action '" + type->str() + "'", one_of(type->str(), names));
      return false;
    }
    out_.type = shape_->type;
    return true;
  }

  void check_keys() {
    std::vector<std::string_view> known{"type"};
    known.insert(known.end(), shape_->keys.begin(), shape_->keys.end());
    std::set<std::string> seen;
    for (const auto& [key, value] : node_.entries) {
      const std::string name = key.is_scalar() ? key.str() : "?";
      if (!seen.insert(name).second) error(key.mark, "the key '" + name + "' is given twice in action", "");
      if (std::find(known.begin(), known.end(), name) == known.end())
        error(key.mark, subject() + " has no key '" + name + "'", one_of(name, known));
    }
  }

  // A scalar with something in it. nullptr: there is none, and that was told if there was anything.
  const YamlNode* word(std::string_view key) {
    const YamlNode* value = node_.find(key);
    if (!value) return nullptr;
    if (value->is_scalar() && !value->str().empty()) return value;
    error(node_.find_key(key)->mark, "'" + std::string(key) + "' of action takes one word",
          std::string("for example action: ") + shape_->example);
    return nullptr;
  }

  void read_target() {
    out_.target = shape_->targets.front();
    const YamlNode* value = word("target");
    if (!value) return;
    std::vector<std::string_view> names;
    for (const ActionTarget target : shape_->targets) {
      names.push_back(target_text(target));
      if (names.back() != value->str()) continue;
      out_.target = target;
      return;
    }
    error(value->mark, subject() + " has no target '" + value->str() + "'", one_of(value->str(), names));
  }

  void read_signal() {
    const YamlNode* value = word("signal");
    if (!value && !node_.find("signal"))
      return error(node_.mark, "action signal has no 'signal'", std::string("for example action: ") + shape_->example);
    if (value && (out_.signal = signal_number(value->str())) == 0)
      error(value->mark, "there is no signal '" + value->str() + "'", "a name or a number: SIGTERM, TERM, 15");
  }

  void read_timeout() {
    const bool exec = shape_->type == ActionType::kExec;
    if (exec) out_.timeout_ms = kExecTimeoutMs;
    if (shape_->type == ActionType::kBlock) out_.timeout_ms = kBlockTimeoutMs;
    const YamlNode* value = word("timeout");
    if (!value) return;
    if (value->str() == "0" && !exec) {
      out_.timeout_ms = 0;
      return;
    }
    const uint64_t most_ms = exec ? kExecTimeoutMsMax : kResponseTimeoutMsMax;
    const auto timeout_ns = parse_timespan(value->str(), most_ms * kNsPerMs);
    if (timeout_ns)
      out_.timeout_ms = *timeout_ns / kNsPerMs;
    else
      error(value->mark,
            fmt::format("'timeout' of action is a number and a unit (ms, s, m, h), up to {}{}",
                        timespan_text(most_ms * kNsPerMs), exec ? "" : ", or 0: until it is undone"),
            "for example 10m");
  }

  void read_address() {
    out_.address = kRemoteEnd;
    const YamlNode* value = word("address");
    if (!value) return;
    std::vector<std::string_view> names;
    for (const FieldInfo& field : all_fields())
      if (field.type == Type::kIpAddr && field.fed() && !field.has(FF_EITHER)) names.push_back(field.name);
    out_.address = value->str();
    if (std::find(names.begin(), names.end(), out_.address) == names.end())
      error(value->mark, "'address' of action is a field that holds an address, not '" + out_.address + "'",
            one_of(out_.address, names));
  }

  void read_file() {
    const YamlNode* value = word("file");
    if (!value) return;
    constexpr std::string_view kNames[] = {"exe", "fd"};
    if (value->str() != kNames[0] && value->str() != kNames[1])
      return error(value->mark, "'file' of action is exe or fd", one_of(value->str(), kNames));
    out_.file = value->str() == file_text(ActionFile::kFd) ? ActionFile::kFd : ActionFile::kExe;
  }

  void read_program() {
    const YamlNode* value = node_.find("program");
    const std::string hint = std::string("for example action: ") + shape_->example;
    if (!value || value->kind != YamlNode::Kind::kSequence || value->items.empty())
      return error(value ? node_.find_key("program")->mark : node_.mark,
                   "'program' of action is a list: a path and its arguments; there is no shell", hint);
    for (const YamlNode& item : value->items) {
      if (!item.is_scalar()) return error(item.mark, "'program' of action has an item that is no text", hint);
      if (item.str().find('\0') != std::string::npos) return error(item.mark, "an argument cannot hold a NUL byte", "");
      out_.program.push_back(item.str());
    }
    if (!out_.program.front().starts_with('/'))
      error(value->items.front().mark, "the path '" + out_.program.front() + "' is not absolute",
            "there is no shell and no PATH: write /usr/local/bin/...");
  }

  ItemReader& reader_;
  const YamlNode& node_;
  const Shape* shape_ = nullptr;
  Action out_;
  bool ok_ = true;
};

std::optional<Action> read_action(ItemReader& reader) {
  if (!reader.has("action")) {
    reader.error(reader.item().mark, "Item has no mapping for key 'action'", "add `action:` to the response");
    return std::nullopt;
  }
  const YamlNode& node = *reader.node("action");
  if (node.kind == YamlNode::Kind::kMap) return ActionReader(reader, node).read();
  reader.error(node.mark.line > 0 ? node.mark : reader.item().find_key("action")->mark, "'action' is not a map",
               "for example action: {type: kill, target: process}", kCode);
  return std::nullopt;
}

void read_switches(ItemReader& reader, ResponseItem& response) {
  if (auto value = reader.boolean("enabled")) response.enabled = *value;
  if (auto value = reader.boolean("dry_run")) response.dry_run = *value;
  const YamlNode* budget = reader.node("budget_per_min");
  if (!budget) return;
  const auto number = budget->is_scalar() ? parse_yaml_number(budget->str()) : std::nullopt;
  if (number && *number <= kBudgetMax)
    response.budget_per_min = *number;
  else
    reader.error(budget->mark.line > 0 ? budget->mark : reader.item().find_key("budget_per_min")->mark,
                 fmt::format("'budget_per_min' is a whole number from 0 to {}", kBudgetMax),
                 "how often a minute the response may act; beyond that it only tells", kCode);
}

}  // namespace

bool is_response(const YamlNode& item) {
  return item.find("action") && !item.find("output") && !item.find("priority");
}

const Change& response_change_allowed() {
  static const Change kAllowed = [] {
    Change allowed;
    allowed.appended = {"condition", "desc"};
    allowed.replaced = {"condition", "desc", "action", "enabled", "dry_run", "budget_per_min"};
    return allowed;
  }();
  return kAllowed;
}

void warn_unknown_response_keys(ItemReader& reader) {
  reader.warn_unknown_keys(
      {"rule", "desc", "condition", "action", "enabled", "dry_run", "budget_per_min", "override", "append"});
}

std::optional<ResponseItem> read_response(ItemReader& reader, const MappedText& name) {
  ResponseItem response;
  response.name = name.str();
  response.mark = name.mark_at(0);
  const auto condition = reader.text("condition");
  if (reader.has("desc"))
    if (const auto description = reader.text("desc")) response.description = *description;
  const auto action = read_action(reader);
  read_switches(reader, response);
  if (!reader.ok() || !condition || !action) return std::nullopt;
  response.condition = *condition;
  response.action = *action;
  return response;
}

bool change_response(ItemReader& reader, const Change& change, ResponseItem& response) {
  const std::pair<const char*, MappedText*> texts[] = {{"condition", &response.condition},
                                                       {"desc", &response.description}};
  for (const auto& [key, slot] : texts) {
    const bool append = change.appended.contains(key) || (change.append && reader.has(key));
    if (!append && !change.replaced.contains(key)) continue;
    const auto text = reader.text(key);
    if (!text) continue;
    if (!append) *slot = MappedText();
    if (append) slot->append_fixed(" ", text->mark_at(0));
    slot->append(*text);
  }
  if (change.replaced.contains("action"))
    if (auto action = read_action(reader)) response.action = std::move(*action);
  if (change.override_given) read_switches(reader, response);  // what is given is listed: read_change saw to it
  return reader.ok();
}

}  // namespace tiercel::rule
