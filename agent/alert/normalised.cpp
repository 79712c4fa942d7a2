#include "agent/alert/normalised.h"

#include <algorithm>
#include <array>
#include <deque>
#include <limits>
#include <utility>

#include "agent/alert/json.h"

namespace tiercel::alert {
namespace {

using Type = NormalisedKey::Type;
constexpr auto kTop = NormalisedKey::Place::kTop;

// The contract's keys, in the order in which they are written (field.* before "truncated"). Keys of one parent stand
// together.
constexpr NormalisedKey kNormalisedKeys[] = {
    {"schema", Type::kText},
    {"id", Type::kText},
    {"time", Type::kText},
    {"rule", Type::kText},
    {"priority", Type::kText},
    {"source", Type::kText},
    {"category", Type::kText},
    {"tags", Type::kList},
    {"output", Type::kText},
    {"host.name", Type::kText},
    {"mitre.technique", Type::kList},
    {"mitre.tactic", Type::kList},
    {"evt.type", Type::kText},
    {"evt.res", Type::kText},
    {"evt.num", Type::kNumber},
    {"evt.cpu", Type::kNumber},
    {"evt.io_uring", Type::kBoolean},
    {"evt.res_unknown", Type::kBoolean},
    {"proc.name", Type::kText},
    {"proc.pid", Type::kNumber},
    {"proc.tid", Type::kNumber},
    {"proc.vpid", Type::kNumber},
    {"proc.start_ns", Type::kNumber},
    {"proc.exe", Type::kText},
    {"proc.exepath", Type::kText},
    {"proc.cmdline", Type::kText},
    {"proc.cmdline_bytes", Type::kNumber},
    {"proc.script", Type::kText},
    {"proc.cwd", Type::kText},
    {"proc.tty", Type::kNumber},
    {"proc.sid", Type::kNumber},
    {"proc.ppid", Type::kNumber},
    {"proc.pname", Type::kText},
    {"proc.pcmdline", Type::kText},
    {"proc.ancestors", Type::kList},
    {"proc.uncertain", Type::kBoolean},
    {"user.name", Type::kText},
    {"user.uid", Type::kNumber},
    {"user.euid", Type::kNumber},
    {"user.loginuid", Type::kNumber},
    {"group.name", Type::kText},
    {"group.gid", Type::kNumber},
    {"fd.num", Type::kNumber},
    {"fd.type", Type::kText},
    {"fd.name", Type::kText},
    {"fd.nameraw", Type::kText},
    {"fd.realpath", Type::kText},
    {"fd.matched", Type::kText},
    {"fd.uncertain", Type::kBoolean},
    {"fd.direct", Type::kBoolean},
    {"fd.l4proto", Type::kText},
    {"fd.cip", Type::kText},
    {"fd.cport", Type::kNumber},
    {"fd.sip", Type::kText},
    {"fd.sport", Type::kNumber},
    {"fs.first", Type::kText},
    {"fs.second", Type::kText},
    {"container.id", Type::kText},
    {"container.full_id", Type::kText},
    {"container.name", Type::kText},
    {"container.image_repository", Type::kText},
    {"container.image_tag", Type::kText},
    {"container.image_digest", Type::kText},
    {"container.type", Type::kText},
    {"container.privileged", Type::kBoolean},
    {"container.verified", Type::kBoolean},
    {"container.missing", Type::kText},
    {"k8s.ns", Type::kText},
    {"k8s.pod", Type::kText},
    {"k8s.pod_uid", Type::kText},
    {"truncated", Type::kList},
    {"srcip", Type::kText, kTop},
    {"srcport", Type::kText, kTop},
    {"dstip", Type::kText, kTop},
    {"dstport", Type::kText, kTop},
    {"protocol", Type::kText, kTop},
    {"srcuser", Type::kText, kTop},
};
constexpr size_t kKeyCount = std::size(kNormalisedKeys);
constexpr size_t kListElementsMax = 22;
constexpr size_t kCutNamesMax = 16;       // elements of "truncated"
constexpr size_t kFieldKeyBytesMax = 64;  // of what follows "field."
constexpr size_t kCutNamesBytesMax = 32 + kCutNamesMax * (kFieldKeyBytesMax + 16);

constexpr std::string_view parent_of(std::string_view key) {
  const size_t dot = key.find('.');
  return dot == std::string_view::npos ? std::string_view() : key.substr(0, dot);
}

// No key twice, none both leaf and parent, the children of a parent in one run, one dot at most (write() relies on
// it), "field" left to set_field(), and what stands at the top has no parent and comes last.
constexpr bool table_is_sound() {
  for (size_t i = 0; i < kKeyCount; ++i) {
    const std::string_view key = kNormalisedKeys[i].name;
    const std::string_view parent = parent_of(key);
    if (key == "field" || parent == "field" || key.rfind('.') != key.find('.')) return false;
    const bool top = kNormalisedKeys[i].place == kTop;
    if (top && !parent.empty()) return false;
    bool left = false;
    for (size_t j = i + 1; j < kKeyCount; ++j) {
      const std::string_view other = kNormalisedKeys[j].name;
      if (other == key || other == parent || parent_of(other) == key) return false;
      if (top && kNormalisedKeys[j].place != kTop) return false;
      left = left || parent_of(other) != parent;
      if (left && !parent.empty() && parent_of(other) == parent) return false;
    }
  }
  return true;
}
static_assert(table_is_sound());

constexpr size_t leaves_of_the_table() {
  size_t leaves = kCutNamesMax;
  for (const NormalisedKey& key : kNormalisedKeys) leaves += key.type == Type::kList ? kListElementsMax : 1;
  return leaves;
}
static_assert(leaves_of_the_table() <= kEventLeavesMax, "a key of the table must never be left out");

constexpr std::array<uint8_t, kKeyCount> sorted_by_name() {
  std::array<uint8_t, kKeyCount> order{};
  for (size_t i = 0; i < kKeyCount; ++i) order[i] = static_cast<uint8_t>(i);
  std::sort(order.begin(), order.end(),
            [](uint8_t a, uint8_t b) { return kNormalisedKeys[a].name < kNormalisedKeys[b].name; });
  return order;
}
constexpr auto kByName = sorted_by_name();

std::optional<size_t> find_key(std::string_view name) {
  auto it = std::lower_bound(kByName.begin(), kByName.end(), name, [](uint8_t index, std::string_view wanted) {
    return kNormalisedKeys[index].name < wanted;
  });
  if (it == kByName.end() || kNormalisedKeys[*it].name != name) return std::nullopt;
  return *it;
}

std::string sanitised(std::string_view token) {
  std::string key(token.substr(0, kFieldKeyBytesMax - 3));  // room for "_99"
  for (char& c : key)
    if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'))) c = '_';
  return key.empty() ? "_" : key;
}

bool is_clean(const Utf8Step& step) {
  return step.valid && step.code_point != 0;
}

// The longest beginning that needs no change, within the limit.
std::string_view clean_prefix(std::string_view text, size_t size_bytes_max) {
  size_t at = 0;
  while (at < text.size()) {
    const Utf8Step step = utf8_step(text.substr(at));
    if (!is_clean(step) || at + step.size_bytes > size_bytes_max) break;
    at += step.size_bytes;
  }
  return text.substr(0, at);
}

// The beginning of a text that fits, as valid UTF-8 without NUL (a reader in C would end the text there).
std::string clean_copy(std::string_view text, size_t size_bytes_max, bool& cut) {
  std::string out;
  out.reserve(std::min(text.size(), size_bytes_max));
  while (!text.empty()) {
    const Utf8Step step = utf8_step(text);
    const std::string_view bytes = is_clean(step) ? text.substr(0, step.size_bytes) : "\xEF\xBF\xBD";
    if (out.size() + bytes.size() > size_bytes_max) {
      cut = true;
      return out;
    }
    out += bytes;
    text.remove_prefix(step.size_bytes);
  }
  return out;
}

// The longest beginning of a clean text whose escaped form fits.
std::string_view fitting_prefix(std::string_view text, size_t escaped_bytes_max) {
  size_t used = 0, at = 0;
  while (at < text.size()) {
    const size_t size_bytes = utf8_step(text.substr(at)).size_bytes;
    used += escaped_size(text.substr(at, size_bytes));
    if (used > escaped_bytes_max) break;
    at += size_bytes;
  }
  return text.substr(0, at);
}

bool fits_32_bits(int64_t n) {
  return n >= std::numeric_limits<int32_t>::min() && n <= std::numeric_limits<int32_t>::max();
}

}  // namespace

// What will be written: every leaf in order, texts made clean and cut to size. Borrows the event's texts.
class EventDraft {
 public:
  explicit EventDraft(const NormalisedEvent& event);
  [[nodiscard]] std::string write() const;

 private:
  struct Part {
    std::string_view parent;  // "proc" of proc.name; "" for none
    std::string_view name;    // "name"
    bool top = false;         // beside "tiercel"
    bool list = false;
    bool literal = false;  // a number or a boolean: written as it is
    bool cut = false;
    std::vector<std::string_view> texts;  // one, unless it is a list
    [[nodiscard]] std::string key() const {
      return (parent.empty() ? "" : std::string(parent) + '.') + std::string(name);
    }
  };
  void add(size_t order, const NormalisedEvent::Value& value);
  void add_text(Part& part, std::string_view text);
  void add_fields(const NormalisedEvent& event);
  void fit();
  void name_what_was_cut(const std::vector<std::string>& before);
  std::string_view keep(std::string text) { return kept_.emplace_back(std::move(text)); }

  std::vector<Part> parts_;
  std::deque<std::string> kept_;  // texts that are not the event's own
  size_t first_top_ = 0;          // index of the first part beside "tiercel"
  size_t leaves_ = 0;
  std::vector<std::string> left_out_;  // keys of fields for which there was no room
};

EventDraft::EventDraft(const NormalisedEvent& event) {
  static const size_t kSchema = *find_key("schema");
  static const size_t kTruncated = *find_key("truncated");
  static const NormalisedEvent::Value kVersion = std::string(kNormalisedSchema);
  parts_.reserve(event.leaves_.size() + event.fields_.size() + 2);
  add(kSchema, kVersion);
  for (const NormalisedEvent::Leaf& leaf : event.leaves_)
    if (leaf.order != kSchema && leaf.order < kTruncated) add(leaf.order, leaf.value);
  for (const NormalisedEvent::Leaf& leaf : event.leaves_) leaves_ += leaf.order > kTruncated ? 1 : 0;
  add_fields(event);
  first_top_ = parts_.size();
  for (const NormalisedEvent::Leaf& leaf : event.leaves_)
    if (leaf.order > kTruncated) add(leaf.order, leaf.value);
  fit();
  name_what_was_cut(event.cut_);
}

void EventDraft::add_text(Part& part, std::string_view text) {
  const std::string_view clean = clean_prefix(text, kEventLeafBytesMax);
  part.texts.push_back(clean.size() == text.size() ? clean : keep(clean_copy(text, kEventLeafBytesMax, part.cut)));
}

void EventDraft::add(size_t order, const NormalisedEvent::Value& value) {
  const NormalisedKey& key = kNormalisedKeys[order];
  Part& part = parts_.emplace_back();
  const size_t dot = key.name.find('.');
  if (dot != std::string_view::npos) part.parent = key.name.substr(0, dot);
  part.name = key.name.substr(dot + 1);  // npos + 1 is 0
  part.top = key.place == kTop;
  part.list = key.type == Type::kList;
  if (const auto* list = std::get_if<std::vector<std::string>>(&value)) {
    for (size_t i = 0; i < std::min(list->size(), kListElementsMax); ++i) add_text(part, (*list)[i]);
    part.cut = part.cut || list->size() > kListElementsMax;
  } else if (const auto* text = std::get_if<std::string>(&value)) {
    add_text(part, *text);
  } else if (const auto* flag = std::get_if<bool>(&value)) {
    part.texts.push_back(*flag ? "true" : "false");
    part.literal = true;
  } else if (const auto* number = std::get_if<int64_t>(&value)) {
    part.texts.push_back(keep(std::to_string(*number)));
    part.literal = fits_32_bits(*number);
  } else {
    const auto large = std::get<uint64_t>(value);
    part.texts.push_back(keep(std::to_string(large)));
    part.literal = large <= std::numeric_limits<int32_t>::max();
  }
  leaves_ += part.texts.size();
}

void EventDraft::add_fields(const NormalisedEvent& event) {
  for (const NormalisedEvent::FieldLeaf& field : event.fields_) {
    if (leaves_ + kCutNamesMax >= kEventLeavesMax) {
      left_out_.push_back("field." + field.key);
      continue;
    }
    ++leaves_;
    Part& part = parts_.emplace_back();
    part.parent = "field";
    part.name = field.key;
    add_text(part, field.text);
  }
}

// Shortens the longest texts to one common size until the whole fits: short facts (who, where, which rule) survive.
void EventDraft::fit() {
  const size_t whole = write().size();
  if (whole + kCutNamesBytesMax <= kEventBytesMax) return;
  std::vector<size_t> sizes;
  size_t texts_bytes = 0;
  for (const Part& part : parts_)
    for (std::string_view text : part.texts) texts_bytes += sizes.emplace_back(escaped_size(text));
  const size_t room = kEventBytesMax - kCutNamesBytesMax - (whole - texts_bytes);
  auto fits = [&](size_t size_each_max) {
    size_t sum = 0;
    for (size_t size : sizes) sum += std::min(size, size_each_max);
    return sum <= room;
  };
  size_t fitting = 0, too_large = kEventBytesMax;
  while (too_large - fitting > 1) {
    const size_t middle = (fitting + too_large) / 2;
    (fits(middle) ? fitting : too_large) = middle;
  }
  size_t index = 0;
  for (Part& part : parts_) {
    for (std::string_view& text : part.texts) {
      if (sizes[index++] <= fitting || part.literal) continue;
      text = fitting_prefix(text, fitting);
      part.cut = true;
    }
  }
}

void EventDraft::name_what_was_cut(const std::vector<std::string>& before) {
  std::vector<std::string> names = before;
  for (const Part& part : parts_)
    if (part.cut && std::find(before.begin(), before.end(), part.key()) == before.end()) names.push_back(part.key());
  names.insert(names.end(), left_out_.begin(), left_out_.end());
  if (names.empty()) return;
  if (names.size() > kCutNamesMax) {
    const size_t more = names.size() - (kCutNamesMax - 1);
    names.resize(kCutNamesMax - 1);
    names.push_back("and " + std::to_string(more) + " more");
  }
  Part part;
  part.name = "truncated";
  part.list = true;
  for (std::string& name : names) part.texts.push_back(keep(std::move(name)));
  parts_.insert(parts_.begin() + static_cast<std::ptrdiff_t>(first_top_), std::move(part));
}

std::string EventDraft::write() const {
  std::string out = "{\"tiercel\":{";
  std::string_view open;  // the parent whose object we are in
  bool in_tiercel = true;
  for (const Part& part : parts_) {
    if (part.parent != open && !open.empty()) out += '}';
    if (part.top && std::exchange(in_tiercel, false)) out += '}';
    if (out.back() != '{') out += ',';
    if (part.parent != open && !part.parent.empty()) out.append("\"").append(part.parent).append("\":{");
    open = part.parent;
    out.append("\"").append(part.name).append(part.list ? "\":[" : "\":");
    for (size_t i = 0; i < part.texts.size(); ++i) {
      if (i > 0) out += ',';
      if (part.literal)
        out += part.texts[i];
      else
        append_json_string(out, part.texts[i]);
    }
    if (part.list) out += ']';
  }
  if (!open.empty()) out += '}';
  if (in_tiercel) out += '}';
  return out += '}';
}

std::span<const NormalisedKey> normalised_keys() {
  return kNormalisedKeys;
}
bool is_normalised_key(std::string_view name) {
  return find_key(name).has_value();
}

const char* type_name(NormalisedKey::Type type) {
  switch (type) {
    case Type::kText:
      return "text";
    case Type::kNumber:
      return "number";
    case Type::kBoolean:
      return "boolean";
    case Type::kList:
      return "list";
  }
  return "text";
}

namespace {

bool is_of_type(Type type, const auto& value) {
  switch (type) {
    case Type::kText:
      return std::holds_alternative<std::string>(value);
    case Type::kNumber:
      return std::holds_alternative<int64_t>(value) || std::holds_alternative<uint64_t>(value);
    case Type::kBoolean:
      return std::holds_alternative<bool>(value);
    case Type::kList:
      return std::holds_alternative<std::vector<std::string>>(value);
  }
  return false;
}

struct AsText {
  std::string operator()(bool b) const { return b ? "true" : "false"; }
  std::string operator()(int64_t n) const { return std::to_string(n); }
  std::string operator()(uint64_t n) const { return std::to_string(n); }
  std::string operator()(const std::string& s) const { return s; }
  std::string operator()(const std::vector<std::string>& list) const {
    std::string out;
    for (const std::string& element : list) out += (out.empty() ? "" : ",") + element;
    return out;
  }
};

}  // namespace

void NormalisedEvent::put(std::string_view key, Value value) {
  const std::optional<size_t> order = find_key(key);
  if (order && kNormalisedKeys[*order].type == Type::kText && !std::holds_alternative<std::string>(value))
    value = std::visit(AsText{}, value);
  if (!order || !is_of_type(kNormalisedKeys[*order].type, value)) return set_field(key, std::visit(AsText{}, value));
  auto it = std::lower_bound(leaves_.begin(), leaves_.end(), *order,
                             [](const Leaf& leaf, size_t wanted) { return leaf.order < wanted; });
  if (it != leaves_.end() && it->order == *order)
    it->value = std::move(value);
  else
    leaves_.insert(it, Leaf{*order, std::move(value)});
}

void NormalisedEvent::set_field(std::string_view token, std::string_view text) {
  for (FieldLeaf& field : fields_)
    if (field.token == token) {
      field.text = text;
      return;
    }
  const std::string wanted = sanitised(token);
  auto taken = [&](const std::string& key) {
    return std::any_of(fields_.begin(), fields_.end(), [&](const FieldLeaf& field) { return field.key == key; });
  };
  std::string key = wanted;
  for (int n = 2; taken(key); ++n) key = wanted + "_" + std::to_string(n);
  fields_.push_back({std::string(token), std::move(key), std::string(text)});
}

std::string NormalisedEvent::render() const {
  return EventDraft(*this).write();
}

}  // namespace tiercel::alert
