#include "agent/rule/compile.h"

#include <fmt/core.h>

#include <algorithm>
#include <map>
#include <set>

namespace tiercel::rule {
namespace {

// The cheapest test that may decide the subtree.
size_t cost_of(const Typed& tree, const Program& program) {
  if (tree.kind == Typed::Kind::kTest) return program.tests[tree.test].cost;
  size_t sum = 0;
  for (const Typed& child : tree.children) sum += cost_of(child, program);
  return sum;
}

}  // namespace

void order_by_cost(Typed& tree, const Program& program) {
  for (Typed& child : tree.children) order_by_cost(child, program);
  if (tree.children.size() < 2) return;
  std::vector<std::pair<size_t, size_t>> order;
  for (size_t n = 0; n < tree.children.size(); ++n) order.emplace_back(cost_of(tree.children[n], program), n);
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
