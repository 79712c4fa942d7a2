#include "agent/rule/compile_alert.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "agent/base/condition_id.h"
#include "agent/rule/compile.h"
#include "agent/rule/names.h"

namespace tiercel::rule {
namespace {

constexpr std::string_view kInternalPrefix = "Tiercel internal: ";

// The names that a condition compares rule.name with; `wanted`: only where such an alert is asked for, not under `not`.
struct Named {
  const ValueAst* value;
  bool wanted;
};
void names_in(const Expr& expr, bool negated, std::vector<Named>& out) {
  const bool under_not = negated != (expr.kind == Expr::Kind::kNot);
  for (const ExprPtr& child : expr.children) names_in(*child, under_not, out);
  if (expr.kind != Expr::Kind::kCheck || expr.check->left.kind != OperandAst::Kind::kField) return;
  const CheckAst& check = *expr.check;
  const bool equal = check.op == Op::kEq || check.op == Op::kIn || check.op == Op::kIntersects;
  if (check.left.name != "rule.name" || (!equal && check.op != Op::kNe)) return;
  for (const ValueAst& value : check.values) out.push_back({&value, equal && !negated});
}

// Each character where it stands in its text.
MappedText mapped(const std::string& text, const std::string* file) {
  MappedText out;
  Mark mark{file, 1, 1};
  for (const char c : text) {
    out.append_char(c, mark);
    ++mark.column;
    if (c == '\n') mark = {file, mark.line + 1, 1};
  }
  return out;
}

}  // namespace

void AlertCompiler::warn(const Position& position, std::string message, std::string hint, const std::string& subject) {
  found_.add({Diagnostic::Severity::kWarning, "LOAD_WARNING_EXTENSION", std::move(message), std::move(hint), subject,
              position});
}

std::optional<uint32_t> AlertCompiler::compile(const MappedText& condition, const std::string& subject, ExprPtr& expr) {
  bool complete = true;
  expr = expander_.expand(condition, subject, complete);
  if (!expr) return std::nullopt;
  Notes notes;
  auto typed = Resolver(builder_, strict_, notes, true).condition(*expr);
  for (const Problem& problem : notes.errors)
    found_.add({Diagnostic::Severity::kError, "LOAD_ERR_COMPILE_CONDITION", problem.message, problem.hint, subject,
                problem.position});
  for (const Problem& problem : notes.warnings)
    found_.add({Diagnostic::Severity::kWarning, "LOAD_COMPILE_CONDITION", problem.message, problem.hint, subject,
                problem.position});
  for (const Problem& problem : notes.bends) warn(problem.position, problem.message, problem.hint, subject);
  for (const Problem& problem : notes.deprecated)
    found_.add({Diagnostic::Severity::kWarning, "LOAD_DEPRECATED_ITEM", problem.message, problem.hint, subject,
                problem.position});
  if (!complete || !typed) return std::nullopt;
  order_by_cost(*typed, builder_.program());
  return emit(*typed, builder_.program());
}

// A response that waits for a rule that is not there, or is off, would be a false comfort.
void AlertCompiler::check_names(const ResponseItem& item, const Expr& expr, const RuleSetParts& rules,
                                const std::vector<std::string>& skipped) {
  const std::string subject = "response '" + item.name + "'";
  std::vector<Named> named;
  names_in(expr, false, named);
  std::vector<std::string_view> names;
  for (const Rule& rule : rules.rules) names.push_back(rule.name);
  for (const auto& [value, wanted] : named) {
    const Position at = value->origin.position();
    if (value->text.starts_with(kInternalPrefix)) {
      if (wanted)
        warn(at, "'" + value->text + "' is a report of the agent's own: there is no event to respond to",
             "responses are for alerts of rules", subject);
      continue;
    }
    const auto rule = std::find(names.begin(), names.end(), value->text);
    if (rule == names.end()) {
      const bool broken = std::find(skipped.begin(), skipped.end(), value->text) != skipped.end();
      const std::string near = nearest(value->text, names);
      warn(at, "no rule '" + value->text + "' is loaded",
           broken         ? "it is left out because of its mistakes"
           : near.empty() ? "`tiercel rules list` shows those that are"
                          : "did you mean '" + near + "'?",
           subject);
    } else if (wanted && !rules.active[static_cast<size_t>(rule - names.begin())]) {
      warn(at, "the rule '" + value->text + "' is off, so there will be no such alert",
           "enable it, or take the response out", subject);
    }
  }
}

void AlertCompiler::add_responses(const RuleSetParts& rules, std::vector<std::string>& skipped) {
  std::vector<std::string> left_out;
  for (const ResponseItem& item : collection_.responses.all()) {
    const std::string subject = "response '" + item.name + "'";
    ExprPtr expr;
    const auto entry = compile(item.condition, subject, expr);
    const bool taken = collection_.rules.find(item.name) != nullptr;
    if (taken)
      found_.add({Diagnostic::Severity::kError, "LOAD_ERR_VALIDATE",
                  "a detection has the name '" + item.name + "', too", "give the response another name", subject,
                  item.mark.position()});
    if (expr) check_names(item, *expr, rules, skipped);
    if (!entry || taken) {
      left_out.push_back(item.name);
      continue;
    }
    Response response;
    response.name = item.name;
    response.description = item.description.str();
    response.condition = item.condition.str();
    response.action = item.action;
    response.enabled = item.enabled;
    response.dry_run = item.dry_run;
    response.budget_per_min = item.budget_per_min;
    response.position = item.mark.position();
    parts_.responses.push_back(std::move(response));
    parts_.response_entries.push_back(*entry);
  }
  skipped.insert(skipped.end(), left_out.begin(), left_out.end());
}

void AlertCompiler::add_outputs(const std::vector<OutputCondition>& outputs, std::set<std::string>& files) {
  for (const OutputCondition& output : outputs) {
    const uint64_t id = condition_id(output.text);
    if (id == 0 || std::find(parts_.outputs.begin(), parts_.outputs.end(), id) != parts_.outputs.end()) continue;
    ExprPtr expr;
    const auto entry = compile(mapped(output.text, &*files.insert(output.where).first), "", expr);
    if (!entry) continue;
    parts_.outputs.push_back(id);
    parts_.output_entries.push_back(*entry);
  }
}

VerdictParts AlertCompiler::take() {
  parts_.program = std::move(builder_.program());
  return std::move(parts_);
}

}  // namespace tiercel::rule
