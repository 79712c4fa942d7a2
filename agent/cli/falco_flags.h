// The flags of `tiercel falco`: those that Falco's users type, in one table that drives parsing and --help. Removed
// flags do what took their place, with a warning, or are refused with it named. Pure; any thread.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "agent/base/result.h"

namespace tiercel::cli {

struct FalcoArgs {
  std::string config_file;
  std::string tiercel_config;
  std::vector<std::string> rules;
  std::vector<std::string> options;  // of -o, and of the flags that stand for one
  std::vector<std::string> validate;
  std::vector<std::string> prints;  // -p: text for every output
  std::vector<std::string> disable_sources, enable_sources;
  std::vector<std::string> disabled_rules, disabled_tags, enabled_tags;  // -D, -T, -t
  std::optional<std::string> list_source;                                // --list; empty: every source
  std::optional<std::string> describe_rule;                              // -l
  std::optional<std::string> format;
  std::string plugin_info;
  std::string pidfile;
  unsigned stop_after_s = 0;
  bool describe_all = false, list_events = false, list_plugins = false, list_keys = false, names_only = false;
  bool markdown = false, dry_run = false, ignored_calls = false, support = false, verbose = false;
  bool help = false, version = false, page_size = false, config_schema = false, rule_schema = false;
  std::vector<std::string> warnings;  // of flags that are deprecated or do nothing
};

// The words after `tiercel falco`. Knows what flags exclude each other.
[[nodiscard]] Result<FalcoArgs> parse_falco_flags(const std::vector<std::string>& words);
[[nodiscard]] std::string falco_help();
// Each flag that Falco still has, for completions and the manual.
struct FalcoFlag {
  std::vector<std::string> names;  // "--config", "-c"
  std::string about;
  bool takes_value = false;
};
[[nodiscard]] std::vector<FalcoFlag> falco_flags();
// The table of docs/falco.md: every flag, and those that Falco removed.
[[nodiscard]] std::string falco_flags_markdown();

}  // namespace tiercel::cli
