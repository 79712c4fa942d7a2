#include "agent/rule/dispatch.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <utility>

#include "agent/rule/estimate.h"

namespace tiercel::rule {
namespace {

constexpr size_t kGatesMax = 16;
constexpr size_t kGateRulesMin = 4;
constexpr uint16_t kGateCostMax = 3;     // Test::cost
constexpr double kGateChanceMax = 0.75;  // a gate that is nearly always open is not worth asking

struct Member {  // a rule on the event types of a bucket
  RuleId rule = 0;
  const Clues* clues = nullptr;
};

}  // namespace

class Dispatch::Builder {
 public:
  Builder(Dispatch& out, const Program& program, const std::vector<std::vector<Clues>>& clues,
          const std::vector<bool>& active)
      : out_(out), program_(program), clues_(clues), active_(active), by_pattern_(program.pattern_count) {}

  void build() {
    count_popularity();
    std::map<std::vector<std::pair<RuleId, const Clues*>>, uint32_t> known;
    for (size_t type = 0; type < EVT_COUNT; ++type) {
      std::vector<std::pair<RuleId, const Clues*>> members;
      for (RuleId rule = 0; rule < clues_.size(); ++rule)
        for (const Clues& clues : clues_[rule])
          if (active_[rule] && clues.types[type]) members.emplace_back(rule, &clues);
      out_.by_type_[type] = kNoBucket;
      if (members.empty()) continue;
      auto [it, fresh] = known.try_emplace(members, static_cast<uint32_t>(out_.buckets_.size()));
      out_.by_type_[type] = it->second;
      if (!fresh) continue;
      out_.buckets_.emplace_back();
      fill(it->second, members);
    }
    for (const auto& entries : by_pattern_) {
      out_.first_posting_.push_back(static_cast<uint32_t>(out_.postings_.size()));
      out_.postings_.insert(out_.postings_.end(), entries.begin(), entries.end());
    }
    out_.first_posting_.push_back(static_cast<uint32_t>(out_.postings_.size()));
  }

 private:
  using Members = std::vector<std::pair<RuleId, const Clues*>>;

  // A text that many rules ask for is a common one, or will not tell them apart: either way a poor clue.
  void count_popularity() {
    popularity_.assign(program_.pattern_count, 0);
    for (const auto& rule : clues_)
      for (const Clues& clues : rule)
        for (const Clue& clue : clues.clues)
          for (const Wanted& wanted : clue.any_of)
            for (match::PatternId id : program_.tests[wanted.test].patterns) ++popularity_[id];
  }

  [[nodiscard]] bool by_text(const Wanted& wanted) const {
    return wanted.answer && program_.tests[wanted.test].indexed;
  }

  [[nodiscard]] bool may_be_gate(const Clue& clue) const {
    if (clue.any_of.size() != 1) return false;
    const Test& test = program_.tests[clue.any_of.front().test];
    return !test.path && test.cost <= kGateCostMax && chance_of(clue.any_of.front()) <= kGateChanceMax;
  }
  [[nodiscard]] double chance_of(const Wanted& wanted) const {
    const double chance = rule::chance_of(program_, program_.tests[wanted.test]);
    return wanted.answer ? chance : 1 - chance;
  }

  // How many rules of the bucket could use the same look-up: they share its cost.
  using Users = std::map<std::pair<uint32_t, match::Kind>, size_t>;
  [[nodiscard]] Users count_users(const Members& members) const {
    Users users;
    for (const auto& [rule, clues] : members) {
      std::set<std::pair<uint32_t, match::Kind>> own;
      for (const Clue& clue : clues->clues)
        for (const Wanted& wanted : clue.any_of)
          if (by_text(wanted)) own.emplace(program_.tests[wanted.test].operand, program_.tests[wanted.test].kind);
      for (const auto& key : own) ++users[key];
    }
    return users;
  }

  [[nodiscard]] double price(const Clue& clue, const Users& users) const {
    double sum = 0;
    std::set<std::pair<uint32_t, match::Kind>> look_ups;
    for (const Wanted& wanted : clue.any_of) {
      const Test& test = program_.tests[wanted.test];
      if (!by_text(wanted)) {
        sum += kRunCost * chance_of(wanted) + kPlainTestCost * test.cost;
        continue;
      }
      double popular = 1;
      for (match::PatternId id : test.patterns) popular = std::max<double>(popular, popularity_[id]);
      sum += kRunCost * std::min(1.0, chance_of(wanted) * std::sqrt(popular));
      const std::pair key{test.operand, test.kind};
      if (look_ups.insert(key).second)
        sum += look_up_cost(program_.operands[test.operand], test.kind) / static_cast<double>(users.at(key));
    }
    return sum;
  }

  void choose_gates(Bucket& bucket, const Members& members) {
    std::map<Wanted, size_t> uses;
    for (const auto& [rule, clues] : members) {
      std::set<Wanted> own;
      for (const Clue& clue : clues->clues)
        if (may_be_gate(clue)) own.insert(clue.any_of.front());
      for (const Wanted& wanted : own) ++uses[wanted];
    }
    std::vector<std::pair<size_t, Wanted>> order;
    for (const auto& [wanted, count] : uses)
      if (count >= kGateRulesMin) order.emplace_back(count, wanted);
    std::stable_sort(order.begin(), order.end(), [](const auto& a, const auto& b) { return a.first > b.first; });
    if (order.size() > kGatesMax) order.resize(kGatesMax);
    for (const auto& [count, wanted] : order) bucket.gates.push_back(wanted);
  }

  [[nodiscard]] Mask mask_of(const Bucket& bucket, const Clues& clues) const {
    Mask mask = 0;
    for (const Clue& clue : clues.clues)
      for (size_t n = 0; n < bucket.gates.size(); ++n)
        if (clue.any_of.size() == 1 && clue.any_of.front() == bucket.gates[n]) mask |= Mask{1} << n;
    return mask;
  }

  void fill(uint32_t number, const Members& members) {
    Bucket& bucket = out_.buckets_[number];
    bucket.rules = members.size();
    choose_gates(bucket, members);
    const Users users = count_users(members);
    std::map<std::pair<uint32_t, match::Kind>, std::set<Mask>> needs;
    std::map<Wanted, std::vector<Entry>> plains;
    for (const auto& [rule, clues] : members) {
      const Entry entry{rule, mask_of(bucket, *clues)};
      const Clue* best = nullptr;
      for (const Clue& clue : clues->clues) {
        const bool is_gate = clue.any_of.size() == 1 && std::find(bucket.gates.begin(), bucket.gates.end(),
                                                                  clue.any_of.front()) != bucket.gates.end();
        if (!is_gate && (!best || price(clue, users) < price(*best, users))) best = &clue;
      }
      if (!best || price(*best, users) > kRunCost * 2) {
        bucket.always.push_back(entry);
        continue;
      }
      for (const Wanted& wanted : best->any_of) {
        const Test& test = program_.tests[wanted.test];
        if (!by_text(wanted)) {
          plains[wanted].push_back(entry);
          continue;
        }
        needs[{test.operand, test.kind}].insert(entry.mask);
        for (match::PatternId id : test.patterns) by_pattern_[id].push_back({number, entry});
      }
    }
    for (auto& [key, masks] : needs) bucket.needs.push_back({key.first, key.second, minimal(masks)});
    for (auto& [wanted, entries] : plains) bucket.plains.push_back({wanted, std::move(entries)});
  }

  // A mask that asks for more than another adds nothing.
  static std::vector<Mask> minimal(const std::set<Mask>& masks) {
    std::vector<Mask> out;
    for (Mask mask : masks)
      if (std::none_of(masks.begin(), masks.end(), [&](Mask other) { return other != mask && (other & ~mask) == 0; }))
        out.push_back(mask);
    return out;
  }

  Dispatch& out_;
  const Program& program_;
  const std::vector<std::vector<Clues>>& clues_;
  const std::vector<bool>& active_;
  std::vector<uint32_t> popularity_;
  std::vector<std::vector<Posting>> by_pattern_;
};

Dispatch::Dispatch(const Program& program, const std::vector<std::vector<Clues>>& clues,
                   const std::vector<bool>& active) {
  Builder(*this, program, clues, active).build();
}

}  // namespace tiercel::rule
