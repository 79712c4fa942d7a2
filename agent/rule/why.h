// Why a rule did or did not match one event: its condition as the tree that was written, each comparison with the value
// that it saw. It judges with the engine's own tests (Scratch::test), one by one and without their order by cost, so it
// comes to the engine's verdict. Deciding thread of whoever has the event; the result owns all that it tells.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "agent/base/diagnostic.h"
#include "agent/context/event.h"
#include "agent/rule/describe.h"
#include "agent/rule/program.h"
#include "agent/rule/resolve.h"
#include "agent/rule/scratch.h"

namespace tiercel::rule {

struct WhyNode {
  enum class Kind : uint8_t { kAnd, kOr, kNot, kTest };
  Kind kind = Kind::kTest;
  bool result = false;
  // No match: one of the fewest tests that, had they gone the other way, would have made one. A match: one of those
  // that made it; those under a `not` only where there are no others.
  bool deciding = false;
  bool negated = false;  // under an odd number of `not`
  std::string macro;     // the macro whose condition this is, or "exception NAME"; "" if neither
  std::vector<WhyNode> children;
  // kTest
  std::string text;      // the comparison
  std::string left;      // its field or transformer
  std::string value;     // what that was; not escaped
  bool missing = false;  // it had no value: every comparison with it is false
  std::string right;     // val(field), or a transformer on the right side; "" if none
  std::string right_value;
  bool about_type = false;  // compares the event's type: which event it is cannot be what went wrong
  Position position;        // where it was written
};

struct Why {
  WhyNode tree;
  context::PathView view = context::PathView::kLexical;
  [[nodiscard]] bool matches() const { return tree.result; }
  // How far it was from the other verdict: 0 is impossible; comparisons of the event's type weigh most.
  size_t distance = 0;
  [[nodiscard]] std::vector<const WhyNode*> deciding() const;
};

class WhyJudge {
 public:
  explicit WhyJudge(const RuleDescription& rule);
  // One verdict; two if the event has two paths that differ and the condition looks at one. kVerdict leaves out every
  // text: for finding the event to ask about among many.
  enum class Tell : uint8_t { kAll, kVerdict };
  [[nodiscard]] std::vector<Why> judge(const context::Event& event, Tell tell = Tell::kAll);

 private:
  [[nodiscard]] Why judge(const context::Event& event, context::PathView view);
  [[nodiscard]] WhyNode node(const Expr& expr, const Typed& typed, const context::Event& event, bool negated);
  void name_exceptions(WhyNode& tree) const;

  const RuleDescription& rule_;
  ProgramBuilder builder_;
  Typed typed_;
  Scratch scratch_;
  bool reads_path_ = false;
  Tell tell_ = Tell::kAll;
};

}  // namespace tiercel::rule
