#include "agent/config/reading.h"

#include <algorithm>
#include <cctype>
#include <charconv>

#include "agent/config/load.h"
#include "agent/config/text.h"

namespace tiercel::config {
namespace {

std::string quoted(std::string_view text) {
  constexpr size_t kShownBytesMax = 60;
  std::string out = "'";
  for (char c : text.substr(0, kShownBytesMax)) out += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
  return out + (text.size() > kShownBytesMax ? "...'" : "'");
}

const char* kind_name(TreeNode::Kind kind) {
  switch (kind) {
    case TreeNode::Kind::kNull:
      return "nothing";
    case TreeNode::Kind::kScalar:
      return "one value";
    case TreeNode::Kind::kSequence:
      return "a list";
    case TreeNode::Kind::kMap:
      return "a map of keys";
  }
  return "nothing";
}

std::string joined(std::span<const std::string_view> words) {
  std::string out;
  for (size_t i = 0; i < words.size(); ++i) {
    if (i > 0) out += i + 1 == words.size() ? " or " : ", ";
    out += words[i];
  }
  return out;
}

std::string last_segment(const std::string& path) {
  return path.substr(path.rfind('.') + 1);
}

// YAML 1.2's words; 1.1 also has yes, no, on, off, which people write.
std::optional<bool> boolean_of(std::string word) {
  std::transform(word.begin(), word.end(), word.begin(), [](unsigned char c) { return std::tolower(c); });
  for (const char* yes : {"true", "yes", "on"})
    if (word == yes) return true;
  for (const char* no : {"false", "no", "off"})
    if (word == no) return false;
  return std::nullopt;
}

}  // namespace

std::string Reading::path() const {
  std::string out;
  for (const std::string& part : path_) {
    if (!out.empty() && part[0] != '[') out += '.';
    out += part;
  }
  return out;
}

KeyInfo* Reading::list_key(KeyInfo::Kind kind, std::string fallback) {
  if (listing_ == nullptr) return nullptr;
  KeyInfo& key = listing_->emplace_back();
  key.path = path();
  key.kind = kind;
  key.fallback = std::move(fallback);
  return &key;
}

bool Reading::listed_words(std::span<const std::string_view> words) {
  KeyInfo* key = list_key(KeyInfo::Kind::kWord, {});
  if (key != nullptr) key->words.assign(words.begin(), words.end());
  return key != nullptr;
}

void Reading::error(const TreeNode& node, const std::string& message, std::string hint) {
  const std::string subject = path();
  diagnostics_->error(position_of(node), subject.empty() ? message : subject + " " + message, std::move(hint));
}

void Reading::warning(const TreeNode& node, const std::string& message, std::string hint) {
  const std::string subject = path();
  diagnostics_->warning(position_of(node), subject.empty() ? message : subject + " " + message, std::move(hint));
}

bool Reading::scalar(const TreeNode& node, const char* wanted) {
  if (node.kind == TreeNode::Kind::kScalar) return true;
  error(node, std::string("must be ") + wanted + ", here is " + kind_name(node.kind));
  return false;
}

bool Reading::filled_scalar(const TreeNode& node, const char* wanted) {
  if (lenient_ && (node.kind == TreeNode::Kind::kNull || (node.kind == TreeNode::Kind::kScalar && node.text.empty())))
    return false;
  return scalar(node, wanted);
}

// A key with nothing after it is a section whose keys are all commented out: as if it were not there.
bool Reading::is_map(const TreeNode& node) {
  if (node.kind == TreeNode::Kind::kMap || node.kind == TreeNode::Kind::kNull) return true;
  error(node, std::string("must be a map of keys, here is ") + kind_name(node.kind));
  return false;
}

bool Reading::is_list(const TreeNode& node) {
  if (node.kind == TreeNode::Kind::kSequence) return true;
  if (node.kind != TreeNode::Kind::kNull)
    error(node, std::string("must be a list, here is ") + kind_name(node.kind), "begin each entry with \"- \"");
  return false;
}

void Reading::boolean(const TreeNode& node, bool& into) {
  if (list_key(KeyInfo::Kind::kBoolean, into ? "true" : "false") != nullptr) return;
  if (!filled_scalar(node, "true or false")) return;
  const std::optional<bool> value = boolean_of(node.text);
  if (!value) return error(node, "must be true or false, not " + quoted(node.written));
  into = *value;
}

void Reading::text(const TreeNode& node, std::string& into) {
  if (list_key(KeyInfo::Kind::kText, into.empty() ? "\"\"" : into) != nullptr || !scalar(node, "a text")) return;
  into = node.text;
}

void Reading::secret(const TreeNode& node, Secret& into) {
  if (listed(KeyInfo::Kind::kSecret) || !scalar(node, "a text")) return;
  into = Secret(node.text);
}

void Reading::absolute_path(const TreeNode& node, std::string& into) {
  if (list_key(KeyInfo::Kind::kPath, into) != nullptr || !scalar(node, "a path")) return;
  if (!node.text.starts_with('/')) return error(node, "must be a whole path, from /, not " + quoted(node.written));
  into = node.text;
}

void Reading::host(const TreeNode& node, std::string& into) {
  if (list_key(KeyInfo::Kind::kHost, into) != nullptr || !scalar(node, "a host's name or address")) return;
  constexpr size_t kHostBytesMax = 255;
  const bool odd =
      std::any_of(node.text.begin(), node.text.end(), [](unsigned char c) { return c <= ' ' || c == '/'; });
  if (node.text.empty() || node.text.size() > kHostBytesMax || odd)
    return error(node, "must be a host's name or address, not " + quoted(node.written));
  into = node.text;
}

void Reading::priority(const TreeNode& node, uint8_t& into) {
  if (KeyInfo* key = list_key(KeyInfo::Kind::kPriority, std::string(display_name(static_cast<Priority>(into))))) {
    key->words.assign(kPriorityNames.begin(), kPriorityNames.end());
    return;
  }
  if (!filled_scalar(node, "a priority")) return;
  auto number = priority_number(node.text);
  if (!number) number = priority_number_of_three_steps(node.text);
  if (number)
    into = *number;
  else
    no_such_word(node, kPriorityNames);
}

void Reading::texts(const TreeNode& node, std::vector<std::string>& into) {
  if (KeyInfo* key = list_key(KeyInfo::Kind::kTexts, "[")) {
    for (const std::string& item : into) key->fallback += (key->fallback.size() > 1 ? ", " : "") + item;
    key->fallback += "]";
    return;
  }
  if (node.kind == TreeNode::Kind::kScalar) {
    into.assign(1, node.text);
    return;
  }
  if (!is_list(node)) return;
  into.clear();
  for (size_t i = 0; i < node.items.size(); ++i) {
    enter("[" + std::to_string(i) + "]");
    if (scalar(node.items[i], "a text")) into.push_back(node.items[i].text);
    leave();
  }
}

bool Reading::read_number(const TreeNode& node, uint64_t min, uint64_t max, uint64_t& into) {
  if (!filled_scalar(node, "a number")) return false;
  uint64_t value = 0;
  const char* end = node.text.data() + node.text.size();
  const auto [stopped, code] = std::from_chars(node.text.data(), end, value);
  if (code != std::errc() || stopped != end || value < min || value > max) {
    error(node, "must be a number from " + std::to_string(min) + " to " + std::to_string(max) + ", not " +
                    quoted(node.written));
    return false;
  }
  into = value;
  return true;
}

void Reading::no_such_word(const TreeNode& node, std::span<const std::string_view> words) {
  const std::string_view near = nearest(node.text, words);
  error(node, "must be " + joined(words) + ", not " + quoted(node.written),
        near.empty() ? "" : "did you mean " + std::string(near) + "?");
}

void Reading::report(const Member& member, const std::string& message, std::string hint) {
  const Position position{member.value.file ? *member.value.file : file_, member.line, member.column};
  if (lenient_)
    diagnostics_->warning(position, message, std::move(hint));
  else
    diagnostics_->error(position, message, std::move(hint));
}

void Reading::unknown_key(const Member& member, std::span<const std::string_view> known) {
  std::string hint;
  if (const std::string_view near = nearest(member.key, known); !near.empty()) {
    hint = "did you mean " + std::string(near) + "?";
  } else {
    for (const std::string& elsewhere : known_keys())
      if (!lenient_ && last_segment(elsewhere) == member.key) hint = "did you mean " + elsewhere + "?";
    if (hint.empty()) hint = "known here: " + joined(known);
  }
  const std::string where = path();
  report(
      member,
      "unknown key " + quoted(member.key) + (where.empty() ? "" : " in " + where) + (lenient_ ? ": it is ignored" : ""),
      std::move(hint));
}

bool Reading::is_repeated(const TreeNode& node, size_t index) {
  const Member& member = node.members[index];
  for (size_t i = 0; i < index; ++i) {
    if (node.members[i].key != member.key) continue;
    report(member, quoted(member.key) + " is written twice" + (lenient_ ? ": the first one counts" : ""),
           "the first one is in line " + std::to_string(node.members[i].line));
    return true;
  }
  return false;
}

}  // namespace tiercel::config
