#include "agent/rule/why.h"

#include <algorithm>
#include <cstdlib>

#include "agent/rule/format.h"

namespace tiercel::rule {
namespace {

using Kind = WhyNode::Kind;

// What it takes to turn one test round. The event is what it is: of two ways to a match, one that asks for another
// event type is no near miss; one that needs a value where there is none is a farther one.
constexpr size_t kPlainWeight = 2, kMissingWeight = 3, kTypeWeight = 1'000;

size_t weight_of(const WhyNode& test) {
  return test.about_type ? kTypeWeight : test.missing ? kMissingWeight : kPlainWeight;
}

// To turn a node round: and (false) and or (true) need every child that stands in the way, the others just one.
bool needs_all(const WhyNode& node) {
  return (node.kind == Kind::kAnd) != node.result;
}

size_t distance(const WhyNode& node) {
  if (node.kind == Kind::kTest) return weight_of(node);
  if (node.kind == Kind::kNot) return distance(node.children.front());
  size_t sum = 0, least = SIZE_MAX;
  for (const WhyNode& child : node.children) {
    if (child.result != node.result) continue;
    const size_t d = distance(child);
    sum += d;
    least = std::min(least, d);
  }
  return needs_all(node) ? sum : least;
}

void mark_obstacles(WhyNode& node) {
  if (node.kind == Kind::kTest) {
    node.deciding = true;
    return;
  }
  if (node.kind == Kind::kNot) return mark_obstacles(node.children.front());
  WhyNode* nearest = nullptr;
  size_t least = SIZE_MAX;
  for (WhyNode& child : node.children) {
    if (child.result != node.result) continue;
    if (needs_all(node)) {
      mark_obstacles(child);
    } else if (const size_t d = distance(child); d < least) {
      least = d;
      nearest = &child;
    }
  }
  if (nearest) mark_obstacles(*nearest);
}

// What holds a verdict up: of and (true) and or (false) every child, of the others the first that has the verdict.
// negated: which of the tests are meant; true if there was one.
bool mark_support(WhyNode& node, bool negated) {
  if (node.kind == Kind::kTest) {
    if (node.negated != negated) return false;
    return node.deciding = true;
  }
  bool any = false;
  for (WhyNode& child : node.children) {
    if (node.kind != Kind::kNot && child.result != node.result) continue;
    any = mark_support(child, negated) || any;
    if (needs_all(node) && node.kind != Kind::kNot) break;
  }
  return any;
}

void mark(WhyNode& tree) {
  if (!tree.result)
    mark_obstacles(tree);
  else if (!mark_support(tree, false))
    mark_support(tree, true);
}

void collect(const WhyNode& node, std::vector<const WhyNode*>& out) {
  if (node.deciding) out.push_back(&node);
  for (const WhyNode& child : node.children) collect(child, out);
}

}  // namespace

std::vector<const WhyNode*> Why::deciding() const {
  std::vector<const WhyNode*> out;
  collect(tree, out);
  return out;
}

WhyJudge::WhyJudge(const RuleDescription& rule) : rule_(rule) {
  Notes notes;  // the rule loaded: there is nothing new to say
  auto typed = Resolver(builder_, false, notes).condition(*rule.expanded);
  if (!typed) std::abort();
  typed_ = std::move(*typed);
  for (const Test& test : builder_.program().tests) reads_path_ = reads_path_ || test.path;
  scratch_.bind(builder_.program());
}

std::vector<Why> WhyJudge::judge(const context::Event& event, Tell tell) {
  tell_ = tell;
  std::vector<Why> out;
  out.push_back(judge(event, context::PathView::kLexical));
  if (reads_path_ && event.has_two_paths()) out.push_back(judge(event, context::PathView::kKernel));
  return out;
}

Why WhyJudge::judge(const context::Event& event, context::PathView view) {
  scratch_.begin_event();
  scratch_.set_view(view);
  Why out;
  out.view = view;
  out.tree = node(*rule_.expanded, typed_, event, false);
  if (tell_ == Tell::kAll) {
    name_exceptions(out.tree);
    mark(out.tree);
  }
  out.distance = distance(out.tree);
  return out;
}

WhyNode WhyJudge::node(const Expr& expr, const Typed& typed, const context::Event& event, bool negated) {
  WhyNode out;
  out.negated = negated;
  const bool texts = tell_ == Tell::kAll;
  if (texts) {
    out.macro = expr.macro;
    out.position = expr.origin.position();
  }
  if (expr.kind == Expr::Kind::kCheck) {
    const Program& program = builder_.program();
    const Test& test = program.tests[typed.test];
    auto show = [&](uint32_t index, std::string& text, std::string& value) {
      const Value v = scratch_.operand(program, index, event);
      if (texts) text = program.operands[index].text;
      if (texts && !v.missing()) append_text(value, program.operands[index], v);
      return v.missing();
    };
    if (texts) out.text = to_string(*expr.check);
    out.result = scratch_.test(program, typed.test, event);
    out.missing = show(test.operand, out.left, out.value);
    if (test.right != Test::kNoRight && show(test.right, out.right, out.right_value)) out.missing = true;
    out.about_type = !test.event_types.empty();
    return out;
  }
  out.kind = expr.kind == Expr::Kind::kAnd ? Kind::kAnd : expr.kind == Expr::Kind::kOr ? Kind::kOr : Kind::kNot;
  for (size_t n = 0; n < expr.children.size(); ++n)
    out.children.push_back(node(*expr.children[n], typed.children[n], event, negated != (out.kind == Kind::kNot)));
  auto holds = [](const WhyNode& child) { return child.result; };
  out.result = out.kind == Kind::kAnd  ? std::all_of(out.children.begin(), out.children.end(), holds)
               : out.kind == Kind::kOr ? std::any_of(out.children.begin(), out.children.end(), holds)
                                       : !out.children.front().result;
  return out;
}

// Exceptions with values are the last "and not (...)" of the condition, in the order of the file.
void WhyJudge::name_exceptions(WhyNode& tree) const {
  std::vector<std::string> names;
  for (const ExceptionItem& exception : rule_.item.exceptions)
    if (!exception.values.empty()) names.push_back(exception.name);
  if (tree.kind != Kind::kAnd || names.size() >= tree.children.size()) return;
  for (size_t n = 0; n < names.size(); ++n) {
    WhyNode& child = tree.children[tree.children.size() - names.size() + n];
    if (child.kind == Kind::kNot) child.macro = "exception " + names[n];
  }
}

}  // namespace tiercel::rule
