#include "agent/rule/merge_threshold.h"

#include <algorithm>
#include <array>
#include <memory>
#include <set>

#include "agent/rule/names.h"
#include "agent/rule/parser.h"

namespace tiercel::rule {
namespace {

constexpr const char* kCode = "LOAD_ERR_EXTENSION";
constexpr const char* kShape = "for example threshold: {count: 20, timespan: 10s, group_by: [proc.pid]}";
constexpr std::array<std::string_view, 4> kKeys{"count", "timespan", "group_by", "distinct"};

class ThresholdReader {
 public:
  ThresholdReader(ItemReader& reader, const YamlNode& node) : reader_(reader), node_(node) {}

  std::optional<ThresholdItem> read() {
    check_keys();
    read_count();
    read_timespan();
    read_group_by();
    if (const YamlNode* distinct = filled("distinct"))
      if (const auto field = field_of(*distinct, "'distinct' takes one field")) out_.distinct = *field;
    if (!ok_) return std::nullopt;
    return std::move(out_);
  }

 private:
  void error(const Mark& mark, std::string message, std::string hint) {
    ok_ = false;
    reader_.error(mark, std::move(message), std::move(hint), kCode);
  }

  void check_keys() {
    std::set<std::string> seen;
    for (const auto& [key, value] : node_.entries) {
      const std::string name = key.is_scalar() ? key.str() : "?";
      if (!seen.insert(name).second) error(key.mark, "the key '" + name + "' is given twice in threshold", "");
      if (std::find(kKeys.begin(), kKeys.end(), name) != kKeys.end()) continue;
      const std::string near = nearest(name, kKeys);
      error(key.mark, "threshold has no key '" + name + "'",
            near.empty() ? "it has count, timespan, group_by and distinct" : "did you mean '" + near + "'?");
    }
  }

  // The value of a key; nullptr: there is none.
  const YamlNode* filled(std::string_view key) {
    const YamlNode* value = node_.find(key);
    if (!value || value->kind != YamlNode::Kind::kNull) return value;
    error(node_.find_key(key)->mark, "'" + std::string(key) + "' of threshold is empty", "remove the key, or fill it");
    return nullptr;
  }

  const YamlNode* required(std::string_view key) {
    if (!node_.find(key)) error(node_.mark, "threshold has no '" + std::string(key) + "'", kShape);
    return filled(key);
  }

  void read_count() {
    const YamlNode* value = required("count");
    if (!value) return;
    const auto count = value->is_scalar() ? parse_yaml_number(value->str()) : std::nullopt;
    if (!count || *count < 2 || *count > kThresholdCountMax)
      return error(value->mark,
                   "'count' of threshold is a whole number from 2 to " + std::to_string(kThresholdCountMax),
                   "a rule without `threshold` fires for each event");
    out_.count = *count;
  }

  void read_timespan() {
    const YamlNode* value = required("timespan");
    if (!value) return;
    const auto timespan_ns = value->is_scalar() ? parse_timespan(value->str()) : std::nullopt;
    if (timespan_ns)
      out_.timespan_ns = *timespan_ns;
    else
      error(value->mark, "'timespan' of threshold is a number and a unit (ms, s, m, h), from 1ms to 24h",
            "for example 10s");
  }

  void read_group_by() {
    const YamlNode* value = filled("group_by");
    if (!value) return;
    const char* hint = "'group_by' takes a list of fields: [proc.pid, fd.name]";
    const std::vector<YamlNode> one{*value};
    for (const YamlNode& item : value->kind == YamlNode::Kind::kSequence ? value->items : one)
      if (const auto field = field_of(item, hint)) out_.group_by.push_back(*field);
  }

  std::optional<MappedText> field_of(const YamlNode& node, const std::string& hint) {
    if (node.is_scalar() && !node.text.trimmed().empty()) return node.text.trimmed();
    error(node.mark, "a field of threshold has to be a text", hint);
    return std::nullopt;
  }

  ItemReader& reader_;
  const YamlNode& node_;
  ThresholdItem out_;
  bool ok_ = true;
};

std::optional<uint32_t> operand_of(const MappedText& field, ProgramBuilder& builder, bool strict, Notes& notes) {
  const auto ast = parse_operand(std::make_shared<const MappedText>(field));
  if (!ast) {
    notes.errors.push_back({ast.error().message, ast.error().hint, field.position_at(ast.error().offset), false});
    return std::nullopt;
  }
  return Resolver(builder, strict, notes).output_operand(*ast);
}

}  // namespace

std::optional<ThresholdItem> read_threshold(ItemReader& reader) {
  const YamlNode& node = *reader.node("threshold");
  if (node.kind == YamlNode::Kind::kNull) return std::nullopt;
  if (node.kind == YamlNode::Kind::kMap) return ThresholdReader(reader, node).read();
  reader.error(node.mark, "'threshold' is not a map", kShape, kCode);
  return std::nullopt;
}

Threshold threshold_of(const ThresholdItem& item) {
  Threshold out{item.count, item.timespan_ns, {}, item.distinct ? item.distinct->str() : ""};
  for (const MappedText& field : item.group_by) out.group_by.push_back(field.str());
  return out;
}

std::optional<Counting> compile_threshold(const RuleItem& item, ProgramBuilder& builder, bool strict, Notes& notes) {
  if (!item.threshold) return std::nullopt;
  Counting out;
  out.count = item.threshold->count;
  out.timespan_ns = item.threshold->timespan_ns;
  for (const MappedText& field : item.threshold->group_by)
    if (const auto operand = operand_of(field, builder, strict, notes)) out.group_by.push_back(*operand);
  if (item.threshold->distinct)
    if (const auto operand = operand_of(*item.threshold->distinct, builder, strict, notes)) out.distinct = *operand;
  if (!notes.errors.empty()) return std::nullopt;
  return out;
}

}  // namespace tiercel::rule
