// The analysts' tools, `tiercel rules ...`: one function per subcommand; each returns the exit status (commands.h).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace tiercel::cli {

struct RulesArgs {
  std::vector<std::string> files;  // rule files and folders; empty: the installed ones
  std::string rule;
  bool json = false;
};

int rules_describe(const RulesArgs& args);
int rules_explain(const RulesArgs& args);

struct RulesListArgs {
  RulesArgs rules;
  std::vector<std::string> tags;  // any of them
  std::string priority;           // this one or a more severe one
};
int rules_list(const RulesListArgs& args);

struct RulesTestArgs {
  std::vector<std::string> cases;  // case files, and folders of them
  std::vector<std::string> rules;  // instead of those that the case files name
  bool json = false;
  bool verbose = false;
  std::string junit;  // a file to write
};
int rules_test(const RulesTestArgs& args);

struct RulesWhyArgs {
  RulesArgs rules;
  std::string event;  // recording:NUMBER, recording, or casefile#case
  bool all = false;   // every comparison, nothing folded
};
int rules_why(const RulesWhyArgs& args);

struct RulesCaseArgs {
  RulesArgs rules;  // rule: "" with an event number
  std::string recording;
  uint64_t event = 0;    // evt.num; 0: the first for which the rule fires
  bool nearest = false;  // if it never fires: the event for which it came nearest
  std::string where;     // a condition: only events for which it holds
  std::string name;      // of the case
};
int rules_case(const RulesCaseArgs& args);

struct RulesExportArgs {
  RulesArgs rules;
  std::string output;          // "": standard output
  std::string part = "rules";  // rules, sums or responses
  std::string ids;             // the file whose ids are kept; "": output, if it is there
  unsigned base = 110'000, parents = 110'000;
};
int rules_export_wazuh4(const RulesExportArgs& args);
int rules_export_wazuh5(const RulesExportArgs& args);  // rules and output of it

struct RulesCoverageArgs {
  RulesArgs rules;
  std::string format = "text";  // markdown, navigator, svg, json
  std::string output;           // "": standard output
};
int rules_coverage(const RulesCoverageArgs& args);

}  // namespace tiercel::cli
