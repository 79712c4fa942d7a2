// The one entry from files to a RuleSet. Reads every file, reports every mistake at once (Diagnostics), and gives a
// RuleSet if there is one to give. Reads the disk; any thread; never throws.
//
// strict: Falco's verdict. One error anywhere and there is no RuleSet; the error that Falco would stop at comes first,
// the others follow in the order of the files. As Falco compiles after every file, a file may not need a later one.
// tolerant (default): a bad rule is an error with a position and is left out, the rest is loaded; what Falco would
// reject but is bent into shape (priority HIGH, `not in`, comments in folded conditions) is a warning.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "agent/base/diagnostic.h"
#include "agent/base/result.h"
#include "agent/rule/engine.h"
#include "agent/rule/rule.h"

namespace tiercel::rule {

// One entry of append_output (reference 3.6).
struct AppendOutput {
  std::string match_source;             // "" = any
  std::string match_rule;               // "" = any
  std::vector<std::string> match_tags;  // the rule has all of them
  std::string extra_output;
  std::vector<std::string> extra_fields;                                    // native value under the field's name
  std::vector<std::pair<std::string, std::string>> extra_formatted_fields;  // key -> format
  bool suggested_output = false;  // container id, name, image, tag, pod and namespace
};

// What Falco ships with: the suggested fields for every rule.
[[nodiscard]] inline std::vector<AppendOutput> default_append_output() {
  AppendOutput entry;
  entry.suggested_output = true;
  return {entry};
}

struct Selection {  // of falco.yaml's `rules:`; later entries win
  bool enable = false;
  std::string rule;  // with * wildcards; "" if by tag
  std::string tag;
};

// A condition of an output's, over alerts.
struct OutputCondition {
  std::string where;  // how diagnostics name it: "tiercel.yaml: outputs[2].config.condition"
  std::string text;
};

struct LoadOptions {
  bool strict = false;
  Priority min_priority = Priority::kDebug;
  Matching matching = Matching::kFirst;
  std::vector<AppendOutput> append_output = default_append_output();
  std::vector<Selection> selection;
  std::vector<OutputCondition> output_conditions;
  bool lint = true;         // advice on rules that load (lint.h); off for a running agent
  bool warn_unused = true;  // lists and macros that nothing names; off for a running agent, which reads whole libraries
  bool describe = false;    // fill Loaded::description
};

class Description;  // describe.h

struct RuleText {
  std::string name;  // how diagnostics name it
  std::string text;
};

struct Loaded {
  std::shared_ptr<const RuleSet> rules;  // null: strict with errors
  Diagnostics diagnostics;
  std::vector<std::string> files;                  // what was read, in order
  std::vector<std::string> skipped;                // rules and responses left out because of an error
  std::shared_ptr<const Description> description;  // null unless asked for
};

// Of the files in a directory, by its name: those that load_paths() reads.
[[nodiscard]] bool is_rule_file(const std::string& name);

// Files and directories (their *.yaml and *.yml, sorted by name), in order; after them `more`, which are no files of
// this host. A path that does not exist is an error.
[[nodiscard]] Loaded load_paths(const std::vector<std::string>& paths, const LoadOptions& options = {},
                                std::vector<RuleText> more = {});
[[nodiscard]] Loaded load_texts(std::vector<RuleText> texts, const LoadOptions& options = {});

}  // namespace tiercel::rule
