// tiercel rules describe: Falco's -L and -l, and its JSON (reference 1.13)
#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <filesystem>

#include "agent/cli/commands.h"
#include "agent/cli/json.h"
#include "agent/cli/rules_commands.h"
#include "agent/cli/rules_loaded.h"
#include "agent/cli/text.h"
#include "agent/rule/versions.h"

namespace tiercel::cli {
namespace {

using rule::Description;
using rule::Details;

constexpr size_t kNameColumns = 50;
constexpr size_t kWidthWithoutTerminal = 110;  // Falco's

std::string right_trimmed(std::string text) {
  while (!text.empty() && rule::is_blank(text.back())) text.pop_back();
  return text;
}

// Falco's container plugin owns these fields; here they are built in.
std::vector<std::string> plugins_of(const std::vector<std::string>& fields) {
  for (const std::string& field : fields)
    if (field.starts_with("container.") || field.starts_with("k8s.")) return {"container"};
  return {};
}

void put_condition_details(Json& out, const Details& written, const Details& compiled, const rule::Expr* expanded) {
  out.put_all("macros", written.macros).put_all("lists", written.lists);
  out.put_all("condition_operators", compiled.operators).put_all("condition_fields", compiled.fields);
  out.put_all("events", expanded ? rule::event_names_of(*expanded) : std::vector<std::string>{});
  out.put("condition_compiled", expanded ? rule::to_string(*expanded) : std::string());
}

void put_rule(Json& out, const rule::RuleDescription& described, const rule::Loaded& loaded) {
  const rule::RuleItem& item = described.item;
  out.open_object().key("info").open_object();
  out.put("name", item.name).put("condition", right_trimmed(item.condition.str()));
  out.put("priority", rule::display_name(item.priority)).put("output", right_trimmed(item.output.str()));
  out.put("description", right_trimmed(item.description.str())).put_bool("enabled", item.enabled);
  out.put("source", item.source).put_bool("capture", item.capture);
  out.put_number("capture_duration", item.capture_duration_ms).put_all("tags", item.tags);
  const auto id = loaded.rules->find(item.name);
  if (id) put_threshold(out, loaded.rules->rule(*id));
  out.close_object();

  out.key("details").open_object();
  put_condition_details(out, described.written, described.compiled, described.expanded.get());
  std::vector<std::string> output_fields;
  std::string output;
  if (id) {
    for (const rule::FormatField& field : loaded.rules->format(*id).fields) output_fields.push_back(field.name);
    output = right_trimmed(loaded.rules->rule(*id).output);
  }
  out.put_all("output_fields", output_fields).put("output_compiled", output);
  out.key("extra_output_formatted_fields").open_object();
  for (const auto& [key, format] : described.extra_formatted_fields) out.put(key, format);
  out.close_object();
  out.put_all("exception_fields", described.exception_fields).put_all("exception_names", described.exception_names);
  out.put_all("exception_operators", described.exception_operators);
  std::vector<std::string> fields(described.compiled.fields.begin(), described.compiled.fields.end());
  fields.insert(fields.end(), output_fields.begin(), output_fields.end());
  out.put_all("plugins", plugins_of(fields)).close_object().close_object();
}

void put_macro(Json& out, const rule::MacroDescription& described) {
  out.open_object().key("info").open_object();
  out.put("name", described.item.name).put("condition", right_trimmed(described.item.condition.str())).close_object();
  out.key("details").open_object().put_bool("used", described.used);
  put_condition_details(out, described.written, described.compiled, described.expanded.get());
  out.put_all("plugins", plugins_of({described.compiled.fields.begin(), described.compiled.fields.end()}));
  out.close_object().close_object();
}

void put_list(Json& out, const rule::ListDescription& described) {
  out.open_object().key("info").open_object().put("name", described.item.name);
  out.key("items").open_array();
  for (const rule::MappedText& item : described.item.items) out.text(item.str());
  out.close_array().close_object();
  out.key("details").open_object().put_bool("used", described.used).put_all("lists", described.lists);
  out.put_all("items_compiled", described.items_compiled).put_all("plugins", std::array<std::string, 0>{});
  out.close_object().close_object();
}

void put_plugin(Json& out, const rule::PluginVersion& plugin, bool alternatives) {
  out.open_object().put("name", plugin.name).put("version", plugin.version);
  if (alternatives) {
    out.key("alternatives").open_array();
    for (const rule::PluginVersion& other : plugin.alternatives) put_plugin(out, other, false);
    out.close_array();
  }
  out.close_object();
}

std::string everything(const rule::Loaded& loaded) {
  const Description& all = *loaded.description;
  Json out;
  out.open_object();
  out.put("required_engine_version", all.required_engine_version.empty() ? "0.0.0" : all.required_engine_version);
  out.key("required_plugin_versions").open_array();
  for (const rule::PluginVersion& plugin : all.required_plugin_versions) put_plugin(out, plugin, true);
  out.close_array().key("rules").open_array();
  for (const auto& rule : all.rules) put_rule(out, rule, loaded);
  out.close_array().key("macros").open_array();
  for (const auto& macro : all.macros) put_macro(out, macro);
  out.close_array().key("lists").open_array();
  for (const auto& list : all.lists) put_list(out, list);
  out.close_array();
  if (!loaded.rules->responses().empty()) {  // a key that Falco's description does not have
    out.key("responses").open_array();
    for (const rule::Response& response : loaded.rules->responses()) put_response(out, response);
    out.close_array();
  }
  out.close_object();
  return out.str();
}

// A name that fills its column keeps the first line to itself.
void print_row(const std::string& name, const std::string& description, size_t width) {
  const std::string text = wrapped(description, kNameColumns + 1, width);
  if (columns_of(name) > kNameColumns)
    fmt::print("{}\n{}{}\n", name, std::string(kNameColumns + 1, ' '), text);
  else
    fmt::print("{}{}{}\n", name, std::string(kNameColumns + 1 - columns_of(name), ' '), text);
}

}  // namespace

std::string description_json(const rule::Loaded& loaded, const rule::RuleDescription* only) {
  if (!only) return everything(loaded);
  Json out;
  put_rule(out, *only, loaded);
  return out.str();
}

int rules_describe(const RulesArgs& given) {
  RulesArgs args = given;
  std::error_code code;
  if (!args.rule.empty() && std::filesystem::exists(args.rule, code)) {  // files, and no name before them
    args.files.insert(args.files.begin(), args.rule);
    args.rule.clear();
  }
  const rule::Loaded loaded = load_described(args.files);
  if (!loaded.rules || !loaded.description) return 1;
  const int status = loaded.diagnostics.errors() > 0 ? 1 : 0;
  const rule::RuleDescription* one = args.rule.empty() ? nullptr : loaded.description->rule(args.rule);
  if (!args.rule.empty() && !one) return report(no_such_rule(loaded, args.rule));
  if (args.json) {
    std::printf("%s\n", description_json(loaded, one).c_str());
    return status;
  }
  const size_t width = terminal_width() > 0 ? terminal_width() : kWidthWithoutTerminal;
  print_row("Rule", "Description", width);
  print_row("----", "-----------", width);
  if (!one)
    for (const rule::Response& response : loaded.rules->responses()) {
      print_row(response.name, response.description + " (response: " + to_string(response.action) + ")", width);
      fmt::print("\n");
    }
  for (const rule::RuleDescription& rule : loaded.description->rules) {
    if (one && &rule != one) continue;
    print_row(rule.item.name, rule.item.description.str(), width);
    fmt::print("\n");
  }
  return status;
}

}  // namespace tiercel::cli
