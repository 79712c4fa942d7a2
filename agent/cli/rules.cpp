// tiercel rules check
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

}  // namespace tiercel::cli
