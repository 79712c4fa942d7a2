#include "agent/falco/option.h"

#include <charconv>
#include <memory>
#include <utility>

#include "agent/config/text.h"

namespace tiercel::falco {

using config::TreeNode;
using Kind = TreeNode::Kind;

namespace {

constexpr size_t kStepsMax = 32;

// The first character that no backslash stands before.
size_t find_plain(std::string_view text, char wanted) {
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\')
      ++i;
    else if (text[i] == wanted)
      return i;
  }
  return std::string_view::npos;
}

Result<Step> bracket(std::string_view path, size_t& at) {
  const size_t close = path.find(']', at);
  if (close == std::string_view::npos) return fail("a [ has no ]", Fault::kUser);
  const std::string_view inner = path.substr(at + 1, close - at - 1);
  at = close + 1;
  if (inner.empty()) return Step{Step::Kind::kAppend, {}, 0};
  Step step{Step::Kind::kIndex, {}, 0};
  const auto [end, code] = std::from_chars(inner.data(), inner.data() + inner.size(), step.index);
  if (code != std::errc() || end != inner.data() + inner.size())
    return fail("'" + std::string(inner) + "' is no place in a list", Fault::kUser);
  return step;
}

TreeNode* member_of(TreeNode& map, const std::string& key) {
  for (config::Member& member : map.members)
    if (member.key == key) return &member.value;
  return nullptr;
}

bool is_nothing(const TreeNode& node) {
  return node.kind == Kind::kNull;
}

struct Setter {
  std::shared_ptr<const std::string> name;  // "-o key"

  [[nodiscard]] TreeNode made(Kind kind) const {
    TreeNode node;
    node.kind = kind;
    node.file = name;
    return node;
  }

  TreeNode* into_map(TreeNode& node, const std::string& key) const {
    if (is_nothing(node)) node = made(Kind::kMap);
    if (node.kind != Kind::kMap) return nullptr;
    if (TreeNode* there = member_of(node, key)) return there;
    config::Member& added = node.members.emplace_back();
    added.key = key;
    added.value = made(Kind::kNull);
    return &added.value;
  }

  TreeNode* into_list(TreeNode& node, const Step& step) const {
    if (is_nothing(node)) node = made(Kind::kSequence);
    if (node.kind == Kind::kScalar) {  // one text is a list of one
      TreeNode list = made(Kind::kSequence);
      list.items.push_back(std::move(node));
      node = std::move(list);
    }
    const size_t index = step.kind == Step::Kind::kAppend ? node.items.size() : step.index;
    if (node.kind != Kind::kSequence || index > node.items.size()) return nullptr;
    if (index == node.items.size()) node.items.push_back(made(Kind::kNull));
    return &node.items[index];
  }
};

std::string step_text(const Step& step) {
  if (step.kind == Step::Kind::kKey) return step.key;
  return step.kind == Step::Kind::kAppend ? "[]" : "[" + std::to_string(step.index) + "]";
}

// Where a tree was read from does not matter here: all of it is the option.
void rename(TreeNode& node, const std::shared_ptr<const std::string>& name) {
  node.file = name;
  node.line = node.column = 0;
  for (TreeNode& item : node.items) rename(item, name);
  for (config::Member& member : node.members) {
    member.line = member.column = 0;
    rename(member.value, name);
  }
}

}  // namespace

Result<std::vector<Step>> parse_path(std::string_view path) {
  std::vector<Step> steps;
  for (size_t at = 0; at < path.size() || steps.empty();) {
    Step step;
    while (at < path.size() && path[at] != '.' && path[at] != '[') {
      if (path[at] == '\\' && at + 1 < path.size() &&
          (path[at + 1] == '.' || path[at + 1] == '[' || path[at + 1] == '\\'))
        ++at;
      step.key += path[at++];
    }
    if (step.key.empty()) return fail("a key is missing", Fault::kUser);
    steps.push_back(std::move(step));
    while (at < path.size() && path[at] == '[') {
      auto read = bracket(path, at);
      if (!read) return tl::unexpected(read.error());
      steps.push_back(*read);
    }
    if (steps.size() > kStepsMax) return fail("too many parts", Fault::kUser);
    if (at >= path.size()) break;
    if (path[at] != '.') return fail("after ] comes . or the end", Fault::kUser);
    if (++at == path.size()) return fail("a key is missing", Fault::kUser);
  }
  return steps;
}

const TreeNode* find_node(const TreeNode& root, const std::vector<Step>& path) {
  const TreeNode* at = &root;
  for (const Step& step : path) {
    const TreeNode* next = nullptr;
    if (step.kind == Step::Kind::kKey)
      next = at->find(step.key);
    else if (step.kind == Step::Kind::kIndex && step.index < at->items.size())
      next = &at->items[step.index];
    if (next == nullptr) return nullptr;
    at = next;
  }
  return at;
}

void apply_option(const std::string& option, TreeNode& root, Diagnostics& diagnostics,
                  const config::Environment& environment) {
  const size_t equals = find_plain(option, '=');
  const std::string path = option.substr(0, equals);
  const Setter setter{std::make_shared<const std::string>("-o " + path)};
  auto refuse = [&](const std::string& message, const std::string& hint = {}) {
    diagnostics.error({*setter.name, 0, 0}, message, hint);
  };
  if (equals == std::string::npos)
    return refuse("must be of the form key=value or key.subkey=value", "for example -o json_output=true");
  auto steps = parse_path(path);
  if (!steps)
    return refuse("is no path to a key: " + steps.error().message, "for example engine.kind, rules_files[0], rules[]");
  TreeNode value = setter.made(Kind::kScalar);
  value.written = option.substr(equals + 1);
  if (!value.written.empty() && (value.written[0] == '{' || value.written[0] == '[')) {
    if (!config::read_tree(value.written, *setter.name, diagnostics, value, environment)) return;
    rename(value, setter.name);
  } else {
    auto text = config::expand_variables(value.written, environment);
    if (!text) return refuse(text.error().message);
    value.text = std::move(*text);
  }
  TreeNode* at = &root;
  for (size_t i = 0; i < steps->size(); ++i) {
    const Step& step = (*steps)[i];
    TreeNode* next = step.kind == Step::Kind::kKey ? setter.into_map(*at, step.key) : setter.into_list(*at, step);
    if (next == nullptr)
      return refuse("there is no place for " + step_text(step) + ": what is before it is " +
                    (step.kind == Step::Kind::kKey ? "no map of keys" : "no list of that length"));
    at = next;
  }
  *at = std::move(value);
}

}  // namespace tiercel::falco
