#include <algorithm>

#include "agent/rule/dispatch.h"

namespace tiercel::rule {
namespace {

using context::PathView;

// With either path, where there are two.
bool holds(const Wanted& wanted, const Program& program, Scratch& scratch, const context::Event& event,
           bool two_paths) {
  if (scratch.test(program, wanted.test, event) == wanted.answer) return true;
  if (!two_paths || !program.tests[wanted.test].path) return false;
  scratch.set_view(PathView::kKernel);
  const bool hit = scratch.test(program, wanted.test, event) == wanted.answer;
  scratch.set_view(PathView::kLexical);
  return hit;
}

bool open(Dispatch::Mask needed, Dispatch::Mask answers) {
  return (needed & ~answers) == 0;
}

}  // namespace

void Candidates::add(RuleId rule) {
  if (epochs_[rule] == epoch_) return;
  epochs_[rule] = epoch_;
  found_.push_back(rule);
}

std::span<const RuleId> Candidates::find(const Dispatch& dispatch, const Program& program, Scratch& scratch,
                                         const context::Event& event, bool two_paths) {
  found_.clear();
  const uint32_t number = dispatch.bucket_of(event.info().type);
  if (number == Dispatch::kNoBucket) return found_;
  if (++epoch_ == 0) bind(epochs_.size()), epoch_ = 1;
  const Dispatch::Bucket& bucket = dispatch.bucket(number);
  Dispatch::Mask answers = 0;
  for (size_t n = 0; n < bucket.gates.size(); ++n)
    if (holds(bucket.gates[n], program, scratch, event, false)) answers |= Dispatch::Mask{1} << n;
  for (const Dispatch::Entry& entry : bucket.always)
    if (open(entry.mask, answers)) add(entry.rule);
  for (const Dispatch::Plain& plain : bucket.plains) {
    const auto wanted = [&](const Dispatch::Entry& entry) { return open(entry.mask, answers); };
    if (std::none_of(plain.rules.begin(), plain.rules.end(), wanted)) continue;
    if (!holds(plain.wanted, program, scratch, event, two_paths)) continue;
    for (const Dispatch::Entry& entry : plain.rules)
      if (wanted(entry)) add(entry.rule);
  }
  for (const Dispatch::Need& need : bucket.needs) {
    if (std::none_of(need.masks.begin(), need.masks.end(), [&](Dispatch::Mask mask) { return open(mask, answers); }))
      continue;
    scratch.look_up(program, need.operand, need.kind, event);
    if (!two_paths || !program.operands[need.operand].path) continue;
    scratch.set_view(PathView::kKernel);
    scratch.look_up(program, need.operand, need.kind, event);
    scratch.set_view(PathView::kLexical);
  }
  for (match::PatternId pattern : scratch.hits())
    for (const Dispatch::Posting& posting : dispatch.postings(pattern))
      if (posting.bucket == number && open(posting.entry.mask, answers)) add(posting.entry.rule);
  std::sort(found_.begin(), found_.end());
  return found_;
}

}  // namespace tiercel::rule
