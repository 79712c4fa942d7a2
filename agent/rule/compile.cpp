#include "agent/rule/compile.h"

#include <fmt/core.h>

#include <algorithm>
#include <map>
#include <set>

#include "agent/rule/estimate.h"

namespace tiercel::rule {
namespace {

// What asking a subtree costs and how likely it holds.
struct Weight {
  double cost = 1;
  double chance = 0.5;
};

Weight weigh(const Typed& tree, const Program& program) {
  if (tree.kind == Typed::Kind::kTest) {
    const Test& test = program.tests[tree.test];
    return {ask_cost(program, test), test.event_types.empty() ? chance_of(program, test) : 0.5};
  }
  if (tree.kind == Typed::Kind::kNot) {
    const Weight inner = weigh(tree.children.front(), program);
    return {inner.cost, 1 - inner.chance};
  }
  Weight sum{0, 1};
  for (const Typed& child : tree.children) {
    const Weight one = weigh(child, program);
    sum.cost += one.cost;
    sum.chance *= tree.kind == Typed::Kind::kAnd ? one.chance : 1 - one.chance;
  }
  if (tree.kind == Typed::Kind::kOr) sum.chance = 1 - sum.chance;
  return sum;
}

}  // namespace

// First what decides most for its price.
void order_by_cost(Typed& tree, const Program& program) {
  for (Typed& child : tree.children) order_by_cost(child, program);
  if (tree.children.size() < 2) return;
  std::vector<std::pair<double, size_t>> order;
  for (size_t n = 0; n < tree.children.size(); ++n) {
    const Weight weight = weigh(tree.children[n], program);
    const double decides = tree.kind == Typed::Kind::kAnd ? 1 - weight.chance : weight.chance;
    order.emplace_back(weight.cost / std::max(decides, 0.01), n);
  }
  std::sort(order.begin(), order.end());
  std::vector<Typed> sorted;
  sorted.reserve(order.size());
  for (const auto& [cost, n] : order) sorted.push_back(std::move(tree.children[n]));
  tree.children = std::move(sorted);
}

uint32_t emit(const Typed& tree, Program& program, uint32_t yes, uint32_t no) {
  switch (tree.kind) {
    case Typed::Kind::kTest:
      program.code.push_back({tree.test, yes, no});
      return static_cast<uint32_t>(program.code.size() - 1);
    case Typed::Kind::kNot:
      return emit(tree.children.front(), program, no, yes);
    case Typed::Kind::kAnd:
      for (size_t n = tree.children.size(); n-- > 0;) yes = emit(tree.children[n], program, yes, no);
      return yes;
    case Typed::Kind::kOr:
      for (size_t n = tree.children.size(); n-- > 0;) no = emit(tree.children[n], program, yes, no);
      return no;
  }
  return kMiss;
}

void add_fields_of(const Program& program, const std::vector<uint32_t>& entries, const std::set<uint32_t>& operands,
                   std::set<std::string, std::less<>>& names) {
  std::set<uint32_t> tests, seen;
  std::vector<uint32_t> todo = entries;
  while (!todo.empty()) {
    const uint32_t pc = todo.back();
    todo.pop_back();
    if (pc >= kMiss || !seen.insert(pc).second) continue;
    tests.insert(program.code[pc].test);
    todo.push_back(program.code[pc].yes);
    todo.push_back(program.code[pc].no);
  }
  todo.assign(operands.begin(), operands.end());
  for (uint32_t test : tests) {
    todo.push_back(program.tests[test].operand);
    if (program.tests[test].right != Test::kNoRight) todo.push_back(program.tests[test].right);
  }
  while (!todo.empty()) {
    const Operand& operand = program.operands[todo.back()];
    todo.pop_back();
    if (operand.field) {
      const std::string name(operand.field->name);
      names.insert(name);
      if (operand.arg.given) names.insert(name + "[" + operand.arg.text + "]");
    }
    todo.insert(todo.end(), operand.parts.begin(), operand.parts.end());
  }
}

std::string listing(const Program& program, uint32_t entry) {
  // Instructions of one rule lie together, the first one highest: number them in the order of running.
  std::set<uint32_t, std::greater<>> reachable;
  std::vector<uint32_t> todo{entry};
  while (!todo.empty()) {
    const uint32_t pc = todo.back();
    todo.pop_back();
    if (pc >= kMiss || !reachable.insert(pc).second) continue;
    todo.push_back(program.code[pc].yes);
    todo.push_back(program.code[pc].no);
  }
  std::map<uint32_t, size_t> number;
  for (uint32_t pc : reachable) number.emplace(pc, number.size());
  auto target = [&](uint32_t pc) {
    return pc == kHit ? std::string("match") : pc == kMiss ? std::string("no match") : std::to_string(number.at(pc));
  };
  std::string out;
  for (uint32_t pc : reachable) {
    const Inst& inst = program.code[pc];
    out += fmt::format("{:>4}  {}\n        yes -> {}, no -> {}\n", number.at(pc), program.tests[inst.test].text,
                       target(inst.yes), target(inst.no));
  }
  if (entry == kHit) out = "   always\n";
  if (entry == kMiss) out = "   never\n";
  return out;
}

}  // namespace tiercel::rule
