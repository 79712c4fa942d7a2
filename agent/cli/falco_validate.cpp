// tiercel falco -V: Falco's verdict on rule files, as text or as Falco's JSON.
#include <fmt/core.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <utility>

#include "agent/base/fd.h"
#include "agent/cli/commands.h"
#include "agent/cli/falco.h"
#include "agent/cli/rules_loaded.h"
#include "agent/rule/codes.h"
#include "agent/rule_options.h"

namespace tiercel::cli {
namespace {

using Writer = rapidjson::Writer<rapidjson::StringBuffer>;

constexpr size_t kFileBytesMax = 64 << 20;
constexpr size_t kSnippetColumnsMax = 160;

std::string_view title_of(std::string_view code) {
  const rule::CodeInfo* info = rule::code_by_name(code);
  return info == nullptr ? std::string_view() : info->title;
}

struct FileResult {
  std::string name;
  std::string text;
  std::vector<const Diagnostic*> errors, warnings;
};

void put(Writer& out, const char* key, std::string_view value) {
  out.Key(key);
  out.String(value.data(), static_cast<rapidjson::SizeType>(value.size()));
}

std::string hint_for_config(const std::string& text, const std::string& name) {
  for (const char* key : {"\nrules_files:", "\nrules_file:", "\nstdout_output:", "\njson_output:"})
    if (("\n" + text).find(key) != std::string::npos)
      return "    help: this looks like a configuration, not like rules: tiercel falco -c " + name + " --dry-run\n";
  return {};
}

std::vector<FileResult> results_of(const rule::Loaded& loaded, const std::vector<std::string>& named) {
  std::vector<FileResult> out;
  auto result = [&](const std::string& name) -> FileResult& {
    for (FileResult& there : out)
      if (there.name == name) return there;
    FileResult& made = out.emplace_back();
    made.name = name;
    if (auto text = read_file(name, kFileBytesMax)) made.text = std::move(*text);
    return made;
  };
  for (const std::string& file : loaded.files) result(file);
  for (const Diagnostic& d : loaded.diagnostics.all()) {
    FileResult& file = result(d.position.file.empty() ? named.back() : d.position.file);
    (d.severity == Diagnostic::Severity::kError ? file.errors : file.warnings).push_back(&d);
  }
  return out;
}

// Where a line begins, or npos.
size_t line_start(const std::string& text, int line) {
  size_t begin = 0;
  for (int i = 1; i < line; ++i) {
    begin = text.find('\n', begin);
    if (begin == std::string::npos) return begin;
    ++begin;
  }
  return begin;
}

std::string snippet_of(const std::string& text, const Position& position) {
  const size_t start = line_start(text, position.line);
  if (position.line <= 0 || start == std::string::npos) return "<No context available>\n";
  std::string line = text.substr(start, text.find('\n', start) - start);
  size_t column = position.column > 0 ? static_cast<size_t>(position.column) - 1 : 0;
  column = std::min(column, line.size());
  const size_t cut = column > kSnippetColumnsMax / 2 ? column - kSnippetColumnsMax / 2 : 0;
  line = line.substr(cut, kSnippetColumnsMax);
  return line + "\n" + std::string(column - cut, ' ') + "^\n";
}

// "rule 'Reverse Shell'" -> rule, Reverse Shell
std::pair<std::string, std::string> item_of(const std::string& subject) {
  const size_t quote = subject.find(" '");
  if (quote == std::string::npos || !subject.ends_with('\'')) return {subject, ""};
  return {subject.substr(0, quote), subject.substr(quote + 2, subject.size() - quote - 3)};
}

// Falco counts lines and columns from 0.
void put_location(Writer& out, const std::string& type, const std::string& name, const Position& position,
                  size_t offset) {
  out.StartObject();
  put(out, "item_name", name);
  put(out, "item_type", type);
  out.Key("position");
  out.StartObject();
  out.Key("column");
  out.Int(std::max(position.column - 1, 0));
  out.Key("line");
  out.Int(std::max(position.line - 1, 0));
  put(out, "name", position.file);
  out.Key("offset");
  out.Uint64(offset);
  out.EndObject();
  out.EndObject();
}

void put_entry(Writer& out, const Diagnostic& d, const FileResult& file) {
  out.StartObject();
  put(out, "code", d.code);
  put(out, "codedesc", title_of(d.code));
  out.Key("context");
  out.StartObject();
  out.Key("locations");
  out.StartArray();
  put_location(out, "rules content", "", {file.name, 1, 1}, 0);
  if (d.position.line > 0) {
    const auto [type, name] = item_of(d.subject);
    const size_t start = line_start(file.text, d.position.line);
    const size_t column = static_cast<size_t>(std::max(d.position.column - 1, 0));
    put_location(out, type.empty() ? "rules content item" : type, name, d.position,
                 start == std::string::npos ? 0 : start + column);
  }
  out.EndArray();
  put(out, "snippet", snippet_of(file.text, d.position));
  out.EndObject();
  put(out, "message", d.message);
  out.EndObject();
}

bool is_schema_matter(const Diagnostic& d) {
  return d.code == "LOAD_UNKNOWN_KEY" || d.code == "LOAD_UNKNOWN_ITEM";
}

void put_result(Writer& out, const FileResult& file) {
  out.StartObject();
  for (const auto& [key, entries] : {std::pair{"errors", &file.errors}, std::pair{"warnings", &file.warnings}}) {
    out.Key(key);
    out.StartArray();
    for (const Diagnostic* d : *entries) put_entry(out, *d, file);
    out.EndArray();
  }
  put(out, "name", file.name);
  out.Key("schema_valid");
  out.Bool(file.errors.empty() && std::none_of(file.warnings.begin(), file.warnings.end(),
                                               [](const Diagnostic* d) { return is_schema_matter(*d); }));
  out.Key("schema_warnings");
  out.StartArray();
  for (const Diagnostic* d : file.warnings)
    if (is_schema_matter(*d)) out.String(d->message);
  out.EndArray();
  out.Key("successful");
  out.Bool(file.errors.empty());
  out.EndObject();
}

// described: Falco's JSON description, "" if it was not asked for.
std::string json_of(const std::vector<FileResult>& results, const std::string& described) {
  rapidjson::StringBuffer buffer;
  rapidjson::Writer<rapidjson::StringBuffer> out(buffer);
  out.StartObject();
  out.Key("falco_load_results");
  out.StartArray();
  for (const FileResult& file : results) put_result(out, file);
  out.EndArray();
  if (!described.empty()) {
    out.Key("falco_describe_results");
    out.RawValue(described.data(), described.size(), rapidjson::kObjectType);
  }
  out.EndObject();
  return std::string(buffer.GetString()) + "\n";
}

std::string counted(size_t n, const char* what) {
  return fmt::format("{} {}{}", n, what, n == 1 ? "" : "s");
}

void add_text(const FileResult& file, const rule::Loaded& loaded, bool verbose, FalcoAnswer& answer) {
  if (file.errors.empty()) {
    answer.out += file.name + (file.warnings.empty() ? ": Ok\n" : ": Ok, with warnings\n");
  } else {
    const bool colour = colour_wanted(STDOUT_FILENO);
    answer.out += fmt::format("{}: Invalid\n{}:\n", file.name, counted(file.errors.size(), "Error"));
    for (const Diagnostic* d : file.errors) answer.out += loaded.diagnostics.render(*d, colour);
    answer.out += hint_for_config(file.text, file.name);
  }
  if (file.warnings.empty()) return;
  if (verbose)
    for (const Diagnostic* d : file.warnings) answer.err += loaded.diagnostics.render(*d, colour_wanted(STDERR_FILENO));
  else
    answer.err += file.name + ": " + counted(file.warnings.size(), "warning") + "; -v shows them\n";
}

}  // namespace

FalcoAnswer falco_validate(const FalcoArgs& args, const falco::Settings& settings) {
  rule::LoadOptions options = rule_options(settings.config);
  options.strict = true;
  const bool describe = args.describe_all || args.describe_rule;
  options.describe = describe && settings.config.json_output;
  const rule::Loaded loaded = rule::load_paths(args.validate, options);
  const std::vector<FileResult> results = results_of(loaded, args.validate);
  FalcoAnswer answer;
  std::string invalid;
  for (const FileResult& file : results) {
    if (!file.errors.empty()) invalid += (invalid.empty() ? "" : ", ") + file.name;
    if (!settings.config.json_output) add_text(file, loaded, args.verbose, answer);
  }
  if (settings.config.json_output) {
    const rule::RuleDescription* only =
        loaded.description && args.describe_rule ? loaded.description->rule(*args.describe_rule) : nullptr;
    answer.out = json_of(results, loaded.rules && loaded.description ? description_json(loaded, only) : "");
  }
  if (!invalid.empty()) {
    answer.err += "Error: invalid: " + invalid + "\n";
    answer.status = 1;
    return answer;
  }
  if (describe && !settings.config.json_output)
    answer.out += "\n" + falco_rules_text(*loaded.rules, args.describe_rule ? &*args.describe_rule : nullptr);
  return answer;
}

}  // namespace tiercel::cli
