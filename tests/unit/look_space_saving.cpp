// The most frequent keys in bounded memory, against an exact count of the same stream.
#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <random>
#include <string>

#include "agent/look/space_saving.h"

using tiercel::look::SpaceSaving;

namespace {

struct Facts {
  std::string name;
};
struct Plain {
  size_t operator()(uint32_t key) const { return key; }
};
struct Colliding {
  size_t operator()(uint32_t) const { return 7; }
};

template <class Hash>
std::map<uint32_t, typename SpaceSaving<uint32_t, Facts, Hash>::Row> by_key(
    const SpaceSaving<uint32_t, Facts, Hash>& table) {
  std::map<uint32_t, typename SpaceSaving<uint32_t, Facts, Hash>::Row> out;
  for (const auto& row : table.rows()) CHECK(out.emplace(row.key, row).second);
  return out;
}

}  // namespace

TEST_CASE("space saving: exact while there is room") {
  SpaceSaving<uint32_t, Facts, Plain> table(8);
  for (uint32_t key = 0; key < 8; ++key)
    for (uint32_t n = 0; n <= key; ++n) table.add(key).facts.name = std::to_string(key);
  CHECK(table.evicted() == 0);
  const auto rows = by_key(table);
  REQUIRE(rows.size() == 8);
  for (const auto& [key, row] : rows) {
    CHECK(row.seen() == key + 1);
    CHECK(row.facts.name == std::to_string(key));
  }
}

TEST_CASE_TEMPLATE("space saving: who is frequent stays, and nobody is told to be more frequent than he was", Hash,
                   Plain, Colliding) {
  constexpr size_t kRoom = 32;
  for (unsigned seed = 1; seed <= 5; ++seed) {
    std::mt19937 random(seed);
    SpaceSaving<uint32_t, Facts, Hash> table(kRoom);
    std::map<uint32_t, uint64_t> truth;
    uint64_t all = 0, facts_kept = 0;
    bool right = true;
    std::geometric_distribution<uint32_t> skewed(0.08);
    for (int n = 0; n < 10'000; ++n) {
      // A few keys again and again, and in between many that come once.
      const uint32_t key = random() % 3 == 0 ? 1'000'000 + random() % 100'000 : skewed(random);
      auto& row = table.add(key);
      if (row.facts.name.empty())
        row.facts.name = std::to_string(key);
      else
        ++facts_kept;
      right = right && row.key == key && row.facts.name == std::to_string(key);
      ++truth[key];
      ++all;
    }
    CHECK(right);
    const auto rows = by_key(table);
    CHECK(rows.size() == kRoom);
    CHECK(table.evicted() > 500);
    CHECK(facts_kept > 0);
    uint64_t counted = 0;
    for (const auto& [key, row] : rows) {
      CHECK(row.seen() <= truth[key]);
      CHECK(row.count >= truth[key]);
      CHECK(row.inherited <= all / kRoom);
      counted += row.count;
    }
    CHECK(counted == all);
    for (const auto& each : truth)
      if (each.second > all / kRoom)
        CHECK_MESSAGE(rows.contains(each.first), each.first, " came ", each.second, " times");
  }
}

TEST_CASE("space saving: one place is enough for the last one") {
  SpaceSaving<uint32_t, Facts, Plain> table(1);
  for (uint32_t key = 0; key < 100; ++key) CHECK(table.add(key).seen() == 1);
  CHECK(table.rows().size() == 1);
  CHECK(table.rows().front().count == 100);
  CHECK(table.evicted() == 99);
}
