// `tiercel falco`: Falco's command line. What only prints is an answer, which tests read; the rest runs the agent with
// Falco's configuration in the agent's own words.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "agent/app.h"
#include "agent/base/result.h"
#include "agent/cli/falco_flags.h"
#include "agent/falco/load.h"
#include "agent/rule/engine.h"

namespace tiercel::cli {

struct FalcoAnswer {
  std::string out;  // for standard output
  std::string err;  // for standard error
  int status = 0;
};

// The words after `tiercel falco`; returns the exit status.
int falco(const std::vector<std::string>& words);

// falco.yaml with -o and what the other flags say of it. Nothing, and `answer` says why, when there are mistakes.
[[nodiscard]] std::optional<falco::Settings> falco_settings(const FalcoArgs& args, FalcoAnswer& answer);
// What the flags ask to print; nothing: the agent is to run.
[[nodiscard]] std::optional<FalcoAnswer> falco_prints(const FalcoArgs& args, const falco::Settings& settings);
// The agent's options for these settings, with what tiercel.yaml adds.
[[nodiscard]] Result<RunOptions> falco_run_options(const FalcoArgs& args, const falco::Settings& settings,
                                                   const config::Config& own);

// --- Inner to falco*.cpp ---

[[nodiscard]] FalcoAnswer falco_validate(const FalcoArgs& args, const falco::Settings& settings);
[[nodiscard]] FalcoAnswer falco_describe(const FalcoArgs& args, const falco::Settings& settings);
[[nodiscard]] FalcoAnswer falco_dry_run(const FalcoArgs& args, const falco::Settings& settings);
[[nodiscard]] FalcoAnswer falco_list_fields(const FalcoArgs& args);
[[nodiscard]] FalcoAnswer falco_list_events(const FalcoArgs& args);
[[nodiscard]] FalcoAnswer falco_plugins(const FalcoArgs& args);
[[nodiscard]] FalcoAnswer falco_version(const falco::Settings& settings);
[[nodiscard]] FalcoAnswer falco_support(const FalcoArgs& args, const falco::Settings& settings);

// The rule files that a run reads: -r, else those of rules_files that are there.
[[nodiscard]] std::vector<std::string> falco_rule_paths(const FalcoArgs& args, const falco::Settings& settings);
// "name<50 blanks> description", wrapped, for each rule: the text form of -L.
[[nodiscard]] std::string falco_rules_text(const rule::RuleSet& rules, const std::string* only);

}  // namespace tiercel::cli
