// The rows of the reference pages, from the tables of fields, events, words, types and codes.
#include <algorithm>
#include <string>

#include "agent/cli/reference_page.h"
#include "agent/rule/codes.h"
#include "agent/rule/event_names.h"
#include "agent/rule/fields.h"
#include "agent/rule/grammar.h"
#include "agent/rule/literals.h"
#include "agent/rule/transformer_table.h"
#include "decoders/catalog.h"
#include "decoders/render.h"

namespace tiercel::cli {
namespace {

void add(std::string& list, std::string_view word, std::string_view separator = ", ") {
  if (!list.empty()) list += separator;
  list += word;
}

// ---- fields

std::string argument_of(const rule::FieldInfo& field) {
  using namespace rule;
  const std::string kind = field.has(FF_ARG_INDEX) ? "index" : "name";
  return field.has(FF_ARG_REQUIRED) ? kind : field.has(FF_ARG_OPTIONAL) ? "optional " + kind : "";
}

std::string notes_of(const rule::FieldInfo& field) {
  using namespace rule;
  static constexpr std::pair<FieldFlags, std::string_view> kNotes[] = {
      {FF_LIST, "list"},
      {FF_ANCESTORS, "any ancestor"},
      {FF_EITHER, "either end"},
      {FF_PATH, "both paths"},
      {FF_FILTER_ONLY, "conditions only"},
      {FF_PRINT_ONLY, "outputs only"},
      {FF_NO_RHS, "not in val()"},
      {FF_NO_TRANSFORM, "no transformers"},
      {FF_SUGGESTED, "suggested output"},
      {FF_DEPRECATED, "deprecated"},
  };
  std::string out;
  for (const auto& [flag, word] : kNotes)
    if (field.has(flag)) add(out, word);
  return out;
}

// "proc.name" -> "proc": fields of one kind are listed together.
std::string_view family_of(std::string_view name) {
  return name.substr(0, name.find('.'));
}

// ---- events

// "res:ERRNO fd:FD", by what the event's record holds.
std::string typed_params(const decoders::EventInfo& event) {
  std::string out;
  for (const decoders::ParamInfo& param : event.params) {
    add(out, param.name, " ");
    out += ":" + std::string(decoders::kind_info(param.kind).falco_type);
  }
  return out;
}

// ---- operators

struct OpRow {
  std::string_view word;
  rule::Op op;
  std::string_view takes;
  bool modifiers;
  std::string_view doc;
};
using rule::Op;
constexpr OpRow kOps[] = {
#define UNARY_OP(word, op, doc) {word, Op::op, "nothing", false, doc},
#define NUMERIC_OP(word, op, doc) {word, Op::op, "a number", false, doc},
#define SYMBOL_OP(word, op, doc) {word, Op::op, "a value", true, doc},
#define WORD_OP(word, op, doc) {word, Op::op, "a value", true, doc},
#define LIST_OP(word, op, doc) {word, Op::op, "a list", false, doc},
#include "agent/rule/words.def"
};

struct ModifierRow {
  std::string_view word, doc;
};
constexpr ModifierRow kModifiers[] = {
#define MODIFIER(word, modifier, doc) {word, doc},
#include "agent/rule/words.def"
};

PageTable type_table() {
  using namespace rule;
  PageTable out{"types",
                "Operators by the type of the field",
                "With oneof, anyof or allof: the operators that take a list of values by them. Fields of the type DYN "
                "(evt.rawarg) have the type of the parameter that they name.",
                {{"Type", "type", true, false},
                 {"Operators", "operators", false, true},
                 {"With oneof, anyof, allof", "with_modifiers", false, true}},
                {}};
  auto row = [&](Type type, bool list) {
    std::string all, modified;
    for (const OpRow& op : kOps) {
      if (!op_allowed(type, list, op.op)) continue;
      add(all, op.word);
      if (op.modifiers) add(modified, op.word);
    }
    out.rows.push_back({list ? "any list" : std::string(type_text(type)), all, modified});
  };
  for (auto type = 0; type <= static_cast<int>(Type::kOpaque); ++type)
    if (static_cast<Type>(type) != Type::kDyn) row(static_cast<Type>(type), false);
  row(Type::kCharBuf, true);
  return out;
}

PageTable transformer_table() {
  PageTable out{"transformers",
                "Transformers",
                "On the left side, on the right side, within one another, and in outputs.",
                {{"Transformer", "name", true, false},
                 {"Gives", "result", false, false},
                 {"What it does", "description", false, false},
                 {"Arguments", "arguments", false, true}},
                {}};
  for (const rule::TransformerInfo& info : rule::all_transformers()) {
    std::string arguments(rule::arg_text(info.first));
    if (info.second != rule::ArgKind::kNone) add(arguments, rule::arg_text(info.second));
    if (info.more) add(arguments, "...");
    if (info.takes_arg) add(arguments, "[c] after it");
    out.rows.push_back(
        {std::string(info.word), std::string(rule::result_text(info.result)), std::string(info.doc), arguments});
  }
  return out;
}

}  // namespace

Page fields_page() {
  Page page{
      "Fields",
      "fields",
      "What a condition or an output may name. Argument: what stands in [ ] after the name or after one more dot. "
      "Waits for: what feeds the field, where nothing does yet; it loads, and has no value (or the constant that "
      "its meaning implies) until then.\n\n"
      "Notes. list: of several values. any ancestor: without an index true if any ancestor satisfies the "
      "comparison. either end: = if either end does, != only if both do. both paths: the path as the program "
      "wrote it and the one that the kernel opened are judged, each in turn.",
      true,
      {}};
  const std::vector<PageColumn> columns = {
      {"Field", "name", true, false},           {"Type", "type", false, false},
      {"Meaning", "description", false, false}, {"Argument", "argument", false, false},
      {"Notes", "notes", false, true},          {"Waits for", "waits_for", false, false}};
  for (const rule::FieldInfo& field : rule::all_fields()) {
    if (field.has(rule::FF_TABLE_ONLY)) continue;
    const std::string family = std::string(family_of(field.name)) + ".*";
    auto table =
        std::find_if(page.tables.begin(), page.tables.end(), [&](const PageTable& t) { return t.title == family; });
    if (table == page.tables.end()) {
      page.tables.push_back({family, family, "", columns, {}});
      table = page.tables.end() - 1;
    }
    table->rows.push_back({std::string(field.name), std::string(rule::type_text(field.type)), std::string(field.doc),
                           argument_of(field), notes_of(field), std::string(field.waits_for)});
  }
  return page;
}

Page events_page() {
  Page page{
      "Events",
      "events",
      "The values of evt.type, and the parameters that evt.arg and evt.rawarg may name. A rule may name an event that "
      "is not seen yet; it cannot match until it is. Operations of an io_uring are told as the calls that they stand "
      "for "
      "(docs/io-uring.md), with evt.is_io_uring.",
      true,
      {}};
  const std::vector<PageColumn> columns = {{"Event", "name", true, false},
                                           {"Category", "category", false, false},
                                           {"Parameters", "params", false, false},
                                           {"What", "description", false, false},
                                           {"Seen", "seen", false, false, true}};
  PageTable seen{"seen", "Events that are seen", "", columns, {}},
      waiting{"waiting", "Events that are not seen yet", "", columns, {}};
  for (const decoders::EventInfo& event : decoders::all_events()) {
    if (event.flags & decoders::EF_INTERNAL) continue;
    seen.rows.push_back({std::string(event.name), std::string(event.category), typed_params(event),
                         std::string(event.record->doc), "yes"});
  }
  for (const rule::WaitingEvent& event : rule::waiting_events())
    waiting.rows.push_back({std::string(event.name), std::string(event.category), std::string(event.params), "", "no"});
  page.tables = {std::move(seen), std::move(waiting)};
  return page;
}

Page operators_page() {
  Page page{
      "Operators",
      "operators",
      "What stands between a field and its values, which types allow it, and what may be wrapped around a field. A "
      "field that has no value makes every comparison false, with != too.",
      false,
      {}};
  PageTable ops{
      "operators",
      "Operators",
      "",
      {{"Operator", "name", true, false}, {"Takes", "takes", false, false}, {"True if", "description", false, false}},
      {}};
  for (const OpRow& op : kOps) ops.rows.push_back({std::string(op.word), std::string(op.takes), std::string(op.doc)});
  PageTable modifiers{"modifiers",
                      "Modifiers",
                      "After an operator that takes a value, before a list: `proc.name startswith anyof (a, b)`.",
                      {{"Modifier", "name", true, false}, {"True if", "description", false, false}},
                      {}};
  for (const ModifierRow& row : kModifiers) modifiers.rows.push_back({std::string(row.word), std::string(row.doc)});
  page.tables = {std::move(ops), std::move(modifiers), type_table(), transformer_table()};
  return page;
}

Page codes_page() {
  Page page{
      "Error and warning codes",
      "codes",
      "What `tiercel rules check` may report, each with file, line and column. An error leaves the rule out (with "
      "--strict, everything); a warning changes nothing. Names that begin with LOAD_ are Falco's.",
      true,
      {}};
  using Severity = Diagnostic::Severity;
  for (const auto& [severity, word, title] :
       {std::tuple(Severity::kError, "error", "Errors"), std::tuple(Severity::kWarning, "warning", "Warnings")}) {
    PageTable table{word,
                    title,
                    "",
                    {{"Code", "name", true, false},
                     {"Severity", "severity", false, false},
                     {"What it means", "description", false, false},
                     {"In short", "title", false, false}},
                    {}};
    for (const rule::CodeInfo& code : rule::all_codes())
      if (code.severity == severity)
        table.rows.push_back({std::string(code.name), word, std::string(code.doc), std::string(code.title)});
    page.tables.push_back(std::move(table));
  }
  return page;
}

}  // namespace tiercel::cli
