#include "agent/rule/merge_exceptions.h"

#include <algorithm>

namespace tiercel::rule {
namespace {

void append_values(ItemReader& reader, const YamlNode& name, const YamlNode* fields, const YamlNode* comps,
                   const YamlNode* values, ExceptionItem& old) {
  if (fields) {
    reader.error(fields->mark, "Can not append exception fields to existing exception, only values");
  } else if (comps) {
    reader.error(comps->mark, "Can not append exception comps to existing exception, only values");
  } else if (!values) {
    reader.warning(name.mark, "Overriding/appending exception with no values", {}, "LOAD_APPEND_NO_VALUES");
  } else {
    old.values.insert(old.values.end(), values->items.begin(), values->items.end());
  }
}

void read_exception(ItemReader& reader, const YamlNode& entry, bool append, std::vector<ExceptionItem>& out) {
  const YamlNode* name = entry.find("name");
  if (!name || !name->is_scalar() || name->str().empty()) {
    reader.error(entry.mark, "Item has no mapping for key 'name'", "every exception has a name");
    return;
  }
  const YamlNode* fields = entry.find("fields");
  const YamlNode* comps = entry.find("comps");
  const YamlNode* values = entry.find("values");
  if (values && values->kind == YamlNode::Kind::kNull) values = nullptr;
  if (values && values->kind != YamlNode::Kind::kSequence) {
    reader.error(values->mark, "Rule exception values must be a sequence");
    return;
  }
  auto old = std::find_if(out.begin(), out.end(), [&](const ExceptionItem& item) { return item.name == name->str(); });
  if (append && old != out.end()) return append_values(reader, *name, fields, comps, values, *old);
  if (append && (!fields || !values)) {
    reader.error(name->mark,
                 "Rule exception new item '" + name->str() + "': must have " +
                     (!fields ? "fields property with a list of fields" : "values property with a list of values"));
    return;
  }
  if (!fields) {
    reader.error(entry.mark, "Item has no mapping for key 'fields'", "name the fields that the values are for");
    return;
  }
  if (!append && old != out.end())
    reader.warning(name->mark, "Multiple definitions of exception '" + name->str() + "' in the same rule", {},
                   "LOAD_EXCEPTION_NAME_NOT_UNIQUE");
  ExceptionItem item;
  item.name = name->str();
  item.mark = name->mark;
  item.fields = *fields;
  if (comps && comps->kind != YamlNode::Kind::kNull) item.comps = *comps;
  if (values) item.values = values->items;
  out.push_back(std::move(item));
}

}  // namespace

void read_exceptions(ItemReader& reader, bool append, std::vector<ExceptionItem>& out) {
  const YamlNode& node = *reader.node("exceptions");
  if (node.kind != YamlNode::Kind::kSequence) {
    reader.error(node.mark.line > 0 ? node.mark : reader.item().find_key("exceptions")->mark,
                 "Rule exceptions must be a sequence");
    return;
  }
  for (const YamlNode& entry : node.items) {
    if (entry.kind != YamlNode::Kind::kMap) {
      reader.error(entry.mark, "Rule exception must be a mapping");
      continue;
    }
    read_exception(reader, entry, append, out);
  }
}

}  // namespace tiercel::rule
