#include "agent/rule/merge_exceptions.h"

#include <algorithm>
#include <memory>

#include "agent/rule/fields.h"
#include "agent/rule/grammar.h"
#include "agent/rule/parser.h"

namespace tiercel::rule {
namespace {

constexpr const char* kValidate = "LOAD_ERR_VALIDATE";

std::string normalised(std::string_view text) {
  std::string out;
  for (char c : text) {
    if (!is_blank(c))
      out += c;
    else if (!out.empty() && out.back() != ' ')
      out += ' ';
  }
  while (out.ends_with(' ')) out.pop_back();
  return out;
}

bool is_known_operand(const MappedText& text) {
  auto ast = parse_operand(std::make_shared<const MappedText>(text));
  if (!ast) return false;
  const OperandAst* inner = &*ast;
  while (inner->kind == OperandAst::Kind::kTransformer && !inner->parts.empty()) inner = &inner->parts.back();
  if (inner->kind != OperandAst::Kind::kField) return true;  // a list or a text: its types are looked at later
  const FieldName name = resolve_field(inner->name, inner->has_arg, inner->arg);
  return name.info && !name.info->has(FF_TABLE_ONLY) && !name.info->has(FF_PRINT_ONLY) &&
         argument_error(name, inner->name).empty();
}

void check_field(ItemReader& reader, const YamlNode& field) {
  if (!field.is_scalar()) return reader.error(field.mark, "sequence value is not scalar");
  if (is_known_operand(field.text)) return;
  const std::string near = suggest_field(field.str());
  reader.error(field.mark, "'" + field.str() + "' is not a supported filter field",
               near.empty() ? "" : "did you mean '" + near + "'?", kValidate);
}

void check_single(ItemReader& reader, const ExceptionItem& item) {
  if (item.comps && !item.comps->is_scalar())
    return reader.error(item.comps->mark, "Fields and comps must both be strings",
                        "a single field has a single comparison operator", kValidate);
  if (item.comps) {
    const Comparison comp = comparison_of(item.comps->str());
    if (!comp.valid || !comp.takes_list)
      return reader.error(item.comps->mark,
                          "comps must be one of (in, pmatch, intersects) or an operator with oneof, anyof or allof", {},
                          kValidate);
  }
  check_field(reader, *item.fields);
}

void check_list(ItemReader& reader, const ExceptionItem& item) {
  const std::vector<YamlNode>& fields = item.fields->items;
  if (item.comps && (item.comps->kind != YamlNode::Kind::kSequence || item.comps->items.size() != fields.size()))
    return reader.error(item.comps->mark, "Fields and comps lists must have equal length", {}, kValidate);
  if (item.comps) {
    for (const YamlNode& comp : item.comps->items) {
      const std::string text = comp.is_scalar() ? comp.str() : "?";
      if (!comparison_of(text).valid)
        reader.error(comp.mark, "'" + text + "' is not a supported comparison operator", {}, kValidate);
    }
  }
  for (const YamlNode& field : fields) check_field(reader, field);
}

void check_exception(ItemReader& reader, const ExceptionItem& item) {
  if (item.fields->kind == YamlNode::Kind::kMap || item.fields->kind == YamlNode::Kind::kNull)
    return reader.error(item.fields->mark.line > 0 ? item.fields->mark : item.mark,
                        "'fields' is neither a field nor a list of fields");
  if (item.fields->kind == YamlNode::Kind::kSequence)
    check_list(reader, item);
  else
    check_single(reader, item);
}

void append_values(ItemReader& reader, const YamlNode& name, const YamlNode* fields, const YamlNode* comps,
                   const YamlNode* values, ExceptionItem& old) {
  if (fields) {
    reader.error(fields->mark, "Can not append exception fields to existing exception, only values", {}, kValidate);
  } else if (comps) {
    reader.error(comps->mark, "Can not append exception comps to existing exception, only values", {}, kValidate);
  } else if (!values || values->items.empty()) {
    reader.warning(name.mark, "Overriding/appending exception with no values", {}, "LOAD_APPEND_NO_VALUES");
  } else {
    old.values.insert(old.values.end(), values->items.begin(), values->items.end());
  }
}

// The exception's name; nullptr: reported.
const YamlNode* read_name(ItemReader& reader, const YamlNode& entry) {
  const YamlNode* name = entry.find("name");
  if (!name) {
    reader.error(entry.mark, "Item has no mapping for key 'name'", "every exception has a name");
  } else if (name->kind == YamlNode::Kind::kNull) {
    reader.error(entry.find_key("name")->mark, "Mapping for key 'name' is empty", "every exception has a name");
  } else if (!name->is_scalar()) {
    reader.error(name->mark, "Value is not a scalar value", "'name' takes one text");
  } else if (name->str().empty()) {
    reader.error(name->mark, "Value must be non-empty", "every exception has a name");
  } else {
    return name;
  }
  return nullptr;
}

void read_exception(ItemReader& reader, const YamlNode& entry, bool append, bool checked,
                    std::vector<ExceptionItem>& out) {
  const YamlNode* name = read_name(reader, entry);
  if (!name) return;
  const YamlNode* fields = entry.find("fields");
  const YamlNode* comps = entry.find("comps");
  const YamlNode* values = entry.find("values");
  if (values && values->kind == YamlNode::Kind::kNull) values = nullptr;
  if (values && values->kind != YamlNode::Kind::kSequence)
    return reader.error(values->mark, "Rule exception values must be a sequence", "write a list of lists of values");
  auto old = std::find_if(out.begin(), out.end(), [&](const ExceptionItem& item) { return item.name == name->str(); });
  if (append && old != out.end()) return append_values(reader, *name, fields, comps, values, *old);
  if (append && (!fields || !values || values->items.empty()))
    return reader.error(
        name->mark,
        "Rule exception new item '" + name->str() + "': must have " +
            (!fields ? "fields property with a list of fields" : "values property with a list of values"),
        "a name that the rule does not have yet is a new exception", kValidate);
  if (!fields)
    return reader.error(entry.mark, "Item has no mapping for key 'fields'", "name the fields that the values are for");
  if (!append && old != out.end())
    reader.warning(name->mark, "Multiple definitions of exception '" + name->str() + "' in the same rule", {},
                   "LOAD_EXCEPTION_NAME_NOT_UNIQUE");
  ExceptionItem item;
  item.name = name->str();
  item.mark = name->mark;
  item.fields = *fields;
  if (comps && comps->kind != YamlNode::Kind::kNull) item.comps = *comps;
  if (values) item.values = values->items;
  if (checked) check_exception(reader, item);
  out.push_back(std::move(item));
}

}  // namespace

Comparison comparison_of(std::string_view written) {
  Comparison out{normalised(written)};
  const size_t blank = out.text.find(' ');
  const std::string_view op = std::string_view(out.text).substr(0, blank);
  if (blank == std::string::npos) {
    out.takes_list = is_list_op(op);
    out.valid = out.takes_list || is_text_op(op) || find_word(kNumericOps, op) != nullptr;
  } else {
    out.takes_list = out.valid =
        is_text_op(op) && find_word(kModifierWords, std::string_view(out.text).substr(blank + 1)) != nullptr;
  }
  return out;
}

void read_exceptions(ItemReader& reader, bool append, bool checked, std::vector<ExceptionItem>& out) {
  const YamlNode& node = *reader.node("exceptions");
  if (node.kind == YamlNode::Kind::kNull) return;  // `exceptions:` with nothing in it
  if (node.kind != YamlNode::Kind::kSequence) return reader.error(node.mark, "Rule exceptions must be a sequence");
  for (const YamlNode& entry : node.items) {
    if (entry.kind != YamlNode::Kind::kMap) {
      reader.error(entry.mark, "Rule exception must be a mapping");
      continue;
    }
    read_exception(reader, entry, append, checked, out);
  }
}

}  // namespace tiercel::rule
