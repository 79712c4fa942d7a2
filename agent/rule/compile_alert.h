// Conditions over alerts, from a collection to VerdictParts: response rules, and the outputs' conditions that the
// configuration has. Mistakes are reported with their place; a response with one is left out. Used by load.cpp only.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "agent/base/diagnostic.h"
#include "agent/rule/expand.h"
#include "agent/rule/load.h"
#include "agent/rule/merge.h"
#include "agent/rule/resolve.h"
#include "agent/rule/verdict.h"

namespace tiercel::rule {

class AlertCompiler {
 public:
  AlertCompiler(const Collection& collection, Expander& expander, bool strict, Diagnostics& found)
      : collection_(collection), expander_(expander), strict_(strict), found_(found) {}

  // Names of those that a mistake keeps out go to `skipped`.
  void add_responses(const RuleSetParts& rules, std::vector<std::string>& skipped);
  // files: where `where` of the conditions is kept.
  void add_outputs(const std::vector<OutputCondition>& outputs, std::set<std::string>& files);
  [[nodiscard]] VerdictParts take();

 private:
  [[nodiscard]] std::optional<uint32_t> compile(const MappedText& condition, const std::string& subject, ExprPtr& expr);
  void check_names(const ResponseItem& item, const Expr& expr, const RuleSetParts& rules,
                   const std::vector<std::string>& skipped);
  void warn(const Position& position, std::string message, std::string hint, const std::string& subject);

  const Collection& collection_;
  Expander& expander_;
  bool strict_;
  Diagnostics& found_;
  ProgramBuilder builder_;
  VerdictParts parts_;
};

}  // namespace tiercel::rule
