// tiercel rules check | list | explain
#include <fmt/core.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>

#include "agent/cli/commands.h"
#include "agent/rule/load.h"

namespace tiercel::cli {
namespace {

using Writer = rapidjson::Writer<rapidjson::StringBuffer>;

void put(Writer& out, const char* key, const std::string& value) {
  out.Key(key);
  out.String(value);
}

void put_position(Writer& out, const Position& position) {
  put(out, "file", position.file);
  out.Key("line");
  out.Int(position.line);
  out.Key("column");
  out.Int(position.column);
}

void print_check_json(const rule::Loaded& loaded) {
  rapidjson::StringBuffer buffer;
  Writer out(buffer);
  out.StartObject();
  out.Key("errors");
  out.Uint64(loaded.diagnostics.errors());
  out.Key("warnings");
  out.Uint64(loaded.diagnostics.warnings());
  out.Key("rules");
  out.Uint64(loaded.rules ? loaded.rules->size() : 0);
  out.Key("diagnostics");
  out.StartArray();
  for (const Diagnostic& d : loaded.diagnostics.all()) {
    out.StartObject();
    put(out, "severity", d.severity == Diagnostic::Severity::kError ? "error" : "warning");
    put(out, "code", d.code);
    put(out, "message", d.message);
    put(out, "hint", d.hint);
    put(out, "subject", d.subject);
    put_position(out, d.position);
    out.EndObject();
  }
  out.EndArray();
  out.EndObject();
  std::printf("%s\n", buffer.GetString());
}

}  // namespace

std::vector<std::string> default_rules() {
  for (const char* path : {"/etc/tiercel/rules.d", "/usr/share/tiercel/rules", "rules"})
    if (std::filesystem::exists(path)) return {path};
  return {"/etc/tiercel/rules.d"};
}

int rules_check(const std::vector<std::string>& files, bool strict, bool json) {
  rule::LoadOptions options;
  options.strict = strict;
  const rule::Loaded loaded = rule::load_paths(files, options);
  const bool bad = loaded.diagnostics.errors() > 0;
  if (json) {
    print_check_json(loaded);
    return bad ? 1 : 0;
  }
  std::fputs(loaded.diagnostics.render_all(colour_wanted(STDERR_FILENO)).c_str(), stderr);
  fmt::print("{}: {} rules in {} files, {} errors, {} warnings\n", bad ? "Invalid" : "Ok",
             loaded.rules ? loaded.rules->size() : 0, loaded.files.size(), loaded.diagnostics.errors(),
             loaded.diagnostics.warnings());
  return bad ? 1 : 0;
}

int rules_list(const std::vector<std::string>& files, bool json) {
  const rule::Loaded loaded = rule::load_paths(files.empty() ? default_rules() : files);
  std::fputs(loaded.diagnostics.render_all(colour_wanted(STDERR_FILENO)).c_str(), stderr);
  if (!loaded.rules) return 1;
  rapidjson::StringBuffer buffer;
  Writer out(buffer);
  out.StartArray();
  for (rule::RuleId id = 0; id < loaded.rules->size(); ++id) {
    const rule::Rule& rule = loaded.rules->rule(id);
    std::string tags;
    for (const std::string& tag : rule.tags) tags += (tags.empty() ? "" : ",") + tag;
    if (!json) {
      fmt::print("{:<13} {}  [{}]  {}:{}{}\n", rule::display_name(rule.priority), rule.name, tags, rule.position.file,
                 rule.position.line, loaded.rules->active(id) ? "" : "  (not enabled)");
      continue;
    }
    out.StartObject();
    put(out, "name", rule.name);
    put(out, "description", rule.description);
    put(out, "priority", std::string(rule::display_name(rule.priority)));
    put(out, "tags", tags);
    out.Key("active");
    out.Bool(loaded.rules->active(id));
    put_position(out, rule.position);
    out.EndObject();
  }
  out.EndArray();
  if (json) std::printf("%s\n", buffer.GetString());
  return loaded.diagnostics.errors() > 0 ? 1 : 0;
}

int rules_explain(const std::vector<std::string>& files, const std::string& name) {
  const rule::Loaded loaded = rule::load_paths(files.empty() ? default_rules() : files);
  auto id = loaded.rules ? loaded.rules->find(name) : std::nullopt;
  if (!id)
    return report({fmt::format("there is no rule '{}'; `tiercel rules list` shows the names", name), Fault::kUser});
  const rule::Rule& rule = loaded.rules->rule(*id);
  fmt::print("{}  ({}:{})\n  {}\n\ncondition\n  {}\n\nprogram\n{}", rule.name, rule.position.file, rule.position.line,
             rule.description, rule.condition, loaded.rules->explain(*id));
  return 0;
}

}  // namespace tiercel::cli
