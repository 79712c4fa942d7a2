// tiercel rules check
#include <fmt/core.h>
#include <unistd.h>
#include <filesystem>

#include <cstdio>
#include <filesystem>

#include "agent/cli/commands.h"
#include "agent/cli/json.h"
#include "agent/config/config.h"
#include "agent/rule/load.h"

namespace tiercel::cli {
namespace {

void print_check_json(const rule::Loaded& loaded) {
  Json out;
  out.open_object().put_number("errors", loaded.diagnostics.errors());
  out.put_number("warnings", loaded.diagnostics.warnings());
  out.put_number("rules", loaded.rules ? loaded.rules->size() : 0);
  out.put_number("responses", loaded.rules ? loaded.rules->responses().size() : 0);
  out.put_diagnostics(loaded.diagnostics).close_object().print();
}

}  // namespace

std::vector<std::string> default_rules() {
  std::vector<std::string> installed = config::Config{}.rules_files, there;
  for (const std::string& path : installed)
    if (std::filesystem::exists(path)) there.push_back(path);
  if (!there.empty()) return there;
  if (std::filesystem::exists("rules")) return {"rules"};
  return installed;
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
  const size_t responses = loaded.rules ? loaded.rules->responses().size() : 0;
  fmt::print("{}: {} rules{} in {} files, {} errors, {} warnings\n", bad ? "Invalid" : "Ok",
             loaded.rules ? loaded.rules->size() : 0,
             responses > 0 ? fmt::format(" and {} responses", responses) : std::string(), loaded.files.size(),
             loaded.diagnostics.errors(), loaded.diagnostics.warnings());
  return bad ? 1 : 0;
}

}  // namespace tiercel::cli
