// tiercel falco --list | --list-events | --list-plugins | -L | -l
#include <fmt/core.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>
#include <unistd.h>

#include <algorithm>
#include <functional>

#include "agent/cli/commands.h"
#include "agent/cli/falco.h"
#include "agent/cli/rules_loaded.h"
#include "agent/rule/fields.h"
#include "agent/rule_options.h"
#include "decoders/catalog.h"

namespace tiercel::cli {
namespace {

using Writer = rapidjson::Writer<rapidjson::StringBuffer>;

constexpr size_t kLineColumns = 110;

void put(Writer& out, const char* key, std::string_view value) {
  out.Key(key);
  out.String(value.data(), static_cast<rapidjson::SizeType>(value.size()));
}

// The text in lines of at most `columns`, each after the first begun with `indent` blanks.
std::string wrapped(std::string_view text, size_t indent, size_t columns) {
  std::string out;
  size_t at = 0;
  for (size_t begin = 0; begin < text.size();) {
    size_t end = text.find_first_of(" \n", begin);
    if (end == std::string_view::npos) end = text.size();
    const std::string_view word = text.substr(begin, end - begin);
    begin = end + 1;
    if (word.empty()) continue;
    if (at > 0 && at + 1 + word.size() > columns) {
      out += "\n" + std::string(indent, ' ');
      at = 0;
    }
    if (at > 0) out += ' ';
    out += word;
    at += word.size() + (at > 0 ? 1 : 0);
  }
  return out;
}

std::string cell(std::string_view text) {
  std::string out;
  for (char c : text) out += c == '|' ? std::string("\\|") : std::string(1, c);
  return out;
}

std::string_view class_of(const rule::FieldInfo& field) {
  return field.name.substr(0, field.name.find('.'));
}

// Each class once, in the order of the table.
std::vector<std::string_view> field_classes() {
  std::vector<std::string_view> out;
  for (const rule::FieldInfo& field : rule::all_fields())
    if (!field.has(rule::FF_TABLE_ONLY) && std::find(out.begin(), out.end(), class_of(field)) == out.end())
      out.push_back(class_of(field));
  return out;
}

std::string doc_of(const rule::FieldInfo& field) {
  std::string out(field.doc);
  if (field.has(rule::FF_DEPRECATED)) out += " [deprecated]";
  if (!field.waits_for.empty()) out += fmt::format(" [not fed yet: waits for {}]", field.waits_for);
  return out;
}

using FieldPrinter = std::function<void(const rule::FieldInfo&)>;
void for_each_field(std::string_view of_class, const FieldPrinter& print) {
  for (const rule::FieldInfo& field : rule::all_fields())
    if (!field.has(rule::FF_TABLE_ONLY) && class_of(field) == of_class) print(field);
}

std::string fields_text() {
  constexpr size_t kNameColumns = 36;
  std::string out;
  for (const std::string_view of_class : field_classes()) {
    out += fmt::format("{:-<31}\nField Class:                  {}\nEvent Sources:                syscall\n\n", "",
                       of_class);
    for_each_field(of_class, [&](const rule::FieldInfo& field) {
      out += fmt::format("{:<{}} {}\n", field.name, kNameColumns - 1,
                         wrapped(doc_of(field), kNameColumns, kLineColumns - kNameColumns));
    });
    out += '\n';
  }
  return out;
}

std::string fields_markdown() {
  std::string out;
  for (const std::string_view of_class : field_classes()) {
    out += fmt::format(
        "## Field Class: {}\n\nEvent Sources: syscall\n\nName | Type | Description\n:----|:-----|:------\n", of_class);
    for_each_field(of_class, [&](const rule::FieldInfo& field) {
      out += fmt::format("`{}` | {} | {}\n", field.name, rule::type_text(field.type), cell(doc_of(field)));
    });
    out += '\n';
  }
  return out;
}

std::string fields_json() {
  rapidjson::StringBuffer buffer;
  Writer out(buffer);
  out.StartArray();
  for (const std::string_view of_class : field_classes()) {
    out.StartObject();
    put(out, "name", of_class);
    out.Key("event_sources");
    out.StartArray();
    out.String("syscall");
    out.EndArray();
    out.Key("fields");
    out.StartArray();
    for_each_field(of_class, [&](const rule::FieldInfo& field) {
      out.StartObject();
      put(out, "name", field.name);
      put(out, "type", rule::type_text(field.type));
      put(out, "description", field.doc);
      put(out, "waits_for", field.waits_for);
      out.EndObject();
    });
    out.EndArray();
    out.EndObject();
  }
  out.EndArray();
  return std::string(buffer.GetString()) + "\n";
}

std::string params_text(const decoders::EventInfo& event) {
  std::string out;
  for (const decoders::ParamInfo& param : event.params) out += (out.empty() ? "" : ", ") + std::string(param.name);
  return out;
}

void put_event(Writer& out, const decoders::EventInfo& event) {
  out.StartObject();
  put(out, "name", event.name);
  put(out, "category", event.category);
  out.Key("params");
  out.StartArray();
  for (const decoders::ParamInfo& param : event.params)
    out.String(param.name.data(), static_cast<rapidjson::SizeType>(param.name.size()));
  out.EndArray();
  out.EndObject();
}

}  // namespace

FalcoAnswer falco_list_fields(const FalcoArgs& args) {
  const std::string& source = *args.list_source;
  if (!source.empty() && source != "syscall")
    return {{}, "Error: there is no event source '" + source + "': syscall is the only one\n", 1};
  FalcoAnswer answer;
  if (args.names_only) {
    for (const std::string_view of_class : field_classes())
      for_each_field(of_class, [&](const rule::FieldInfo& field) { answer.out += std::string(field.name) + "\n"; });
  } else if (args.format == "markdown") {
    answer.out = fields_markdown();
  } else {
    answer.out = args.format == "json" ? fields_json() : fields_text();
  }
  return answer;
}

FalcoAnswer falco_list_events(const FalcoArgs& args) {
  FalcoAnswer answer;
  rapidjson::StringBuffer buffer;
  Writer json(buffer);
  json.StartArray();
  if (args.format == "markdown") answer.out = "Name | Category | Params\n:----|:---------|:------\n";
  for (const decoders::EventInfo& event : decoders::all_events()) {
    if (event.flags & decoders::EF_INTERNAL) continue;
    if (args.format == "json")
      put_event(json, event);
    else if (args.format == "markdown")
      answer.out += fmt::format("`{}` | {} | {}\n", event.name, event.category, params_text(event));
    else
      answer.out += fmt::format("{}({})\n", event.name, params_text(event));
  }
  json.EndArray();
  if (args.format == "json") answer.out = std::string(buffer.GetString()) + "\n";
  return answer;
}

FalcoAnswer falco_plugins(const FalcoArgs& args) {
  constexpr const char* kBuiltIn = "container: built in. Tells which container a process is in; gives container.*\n";
  if (args.plugin_info.empty() || args.plugin_info == "container")
    return {std::string(args.plugin_info.empty() ? "0 Plugins Loaded: tiercel loads none\n" : "") + kBuiltIn, {}, 0};
  return {{}, "Error: there is no plugin '" + args.plugin_info + "': tiercel loads none; container is built in\n", 1};
}

std::string falco_rules_text(const rule::RuleSet& rules, const std::string* only) {
  constexpr size_t kNameColumns = 50;
  std::string out = fmt::format("{:<50} {}\n{:<50} {}\n", "Rule", "Description", "----", "-----------");
  for (rule::RuleId id = 0; id < rules.size(); ++id) {
    const rule::Rule& rule = rules.rule(id);
    if (only != nullptr && rule.name != *only) continue;
    out += fmt::format("{:<50} {}\n\n", rule.name,
                       wrapped(rule.description, kNameColumns + 1, kLineColumns - kNameColumns - 1));
  }
  return out;
}

FalcoAnswer falco_describe(const FalcoArgs& args, const falco::Settings& settings) {
  const std::vector<std::string> paths = falco_rule_paths(args, settings);
  if (paths.empty())
    return {{}, "Error: no rules: name a file or folder with -r, or in rules_files of falco.yaml\n", 1};
  rule::LoadOptions options = rule_options(settings.config);
  options.warn_unused = args.verbose;
  options.describe = settings.config.json_output;
  const rule::Loaded loaded = rule::load_paths(paths, options);
  FalcoAnswer answer;
  const bool bad = loaded.diagnostics.errors() > 0;
  if (bad || args.verbose) answer.err = loaded.diagnostics.render_all(colour_wanted(STDERR_FILENO));
  answer.status = bad || !loaded.rules ? 1 : 0;
  if (!loaded.rules) return answer;
  const std::string* only = args.describe_rule ? &*args.describe_rule : nullptr;
  if (only != nullptr && !loaded.rules->find(*only)) {
    answer.err += "Error: there is no rule '" + *only + "'; -L lists the names\n";
    answer.status = 1;
    return answer;
  }
  answer.out = settings.config.json_output
                   ? description_json(loaded, only ? loaded.description->rule(*only) : nullptr) + "\n"
                   : falco_rules_text(*loaded.rules, only);
  return answer;
}

}  // namespace tiercel::cli
