#include "agent/cli/config.h"

#include <fmt/core.h>
#include <unistd.h>

#include <cstdio>

#include "agent/cli/commands.h"
#include "agent/cli/config_pages.h"
#include "agent/cli/json.h"
#include "agent/config/load.h"
#include "agent/config/output_names.h"
#include "agent/rule/load.h"

namespace tiercel::cli {
namespace {

constexpr const char* kDefaultConfig = "/etc/tiercel/tiercel.yaml";

void print(std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
}

void print_text() {
  std::string title;
  for (const config::KeyInfo& key : config::described_keys()) {
    if (key.title != title) fmt::print("{}{}\n", title.empty() ? "" : "\n", key.title);
    title = key.title;
    fmt::print("  {} ({}{}{}) {}\n", key.path, value_text(key), key.fallback.empty() ? "" : "; default: ", key.fallback,
               key.about);
  }
}

}  // namespace

int config_check(const std::string& file, bool json) {
  const std::string path = file.empty() ? kDefaultConfig : file;
  Diagnostics diagnostics;
  const auto config = config::load(path, diagnostics);
  if (json) {
    Json out;
    out.open_object()
        .put("file", path)
        .put_bool("good", config.has_value())
        .put_diagnostics(diagnostics)
        .close_object();
    out.print();
    return config ? 0 : 1;
  }
  std::fputs(diagnostics.render_all(colour_wanted(STDOUT_FILENO)).c_str(), stdout);
  fmt::print("{}: {}\n", path, config ? "good" : fmt::format("{} errors", diagnostics.errors()));
  return config ? 0 : 1;
}

int config_keys(const std::string& format) {
  if (format == "yaml")
    print(config::shipped_text());
  else if (format == "markdown")
    print(config_markdown(config::described_keys(), config::described_sections()));
  else if (format == "json-schema")
    print(config_schema(config::described_keys(), config::described_sections()));
  else
    print_text();
  return 0;
}

int completion_words(const std::string& what) {
  if (what == "outputs") {
    Diagnostics diagnostics;
    if (const auto config = config::load(kDefaultConfig, diagnostics))
      for (const std::string& name : config::output_names(config->outputs)) fmt::print("{}\n", name);
    return 0;
  }
  rule::LoadOptions options;
  options.lint = options.warn_unused = false;
  const rule::Loaded loaded = rule::load_paths(default_rules(), options);
  if (!loaded.rules) return 0;
  for (rule::RuleId id = 0; id < loaded.rules->size(); ++id) fmt::print("{}\n", loaded.rules->rule(id).name);
  for (const rule::Response& response : loaded.rules->responses()) fmt::print("{}\n", response.name);
  return 0;
}

}  // namespace tiercel::cli
