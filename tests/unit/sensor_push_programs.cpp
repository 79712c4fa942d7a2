// What the kernel is told of programs that run already.
#include "agent/sensor/push_programs.h"

#include <doctest/doctest.h>

#include <string>

#include "tests/unit/push_sets.h"

using namespace tiercel;
using namespace tiercel::tests;

namespace {

bool any_of(const push_program& program, const push_set& set, uint16_t type) {
  // the clauses of the only rule: one of them looks at the program
  const push_type& row = set.types[set.type_of[type] - 1];
  for (uint32_t n = row.first; n < row.end; ++n)
    for (size_t word = 0; word < PUSH_WORDS; ++word)
      if ((set.clauses[n].any_of[word] & set.of_program[word] & program.facts[word]) != 0) return true;
  return false;
}

std::string rule_with(const std::string& test) {
  return "- rule: R\n  desc: d\n  condition: evt.type = openat and " + test + "\n  output: o\n  priority: NOTICE\n";
}

}  // namespace

TEST_CASE("push programs: a program's facts are those of its path and its name, and of no other text") {
  struct Case {
    const char* test;
    const char *exepath, *name;
    bool fits;
  };
  const Case cases[] = {
      {"proc.exepath endswith /nft", "/usr/sbin/nft", "nft", true},
      {"proc.exepath endswith /nft", "/usr/sbin/nginx", "nginx", false},
      {"proc.exepath endswith /nft", "/usr/sbin/nft/x", "nft", false},
      {"proc.exepath startswith /usr/s", "/usr/sbin/x", "x", true},
      {"proc.exepath startswith /usr/s", "/opt/usr/sbin/x", "x", false},
      {"proc.exepath = /a/b", "/a/b", "b", true},
      {"proc.exepath = /a/b", "/a/bc", "/a/b", false},
      {"proc.name = nginx", "/opt/x", "nginx", true},
      {"proc.name = nginx", "/nginx", "x", false},
      {"proc.name in (a, nginx)", "/x", "nginx2", false},
  };
  for (const Case& one : cases) {
    CAPTURE(std::string(one.test));
    CAPTURE(std::string(one.exepath));
    const auto set = pushed(rule_with(one.test));
    REQUIRE(set);
    const push_program program = sensor::facts_of_program(*set, {7, 11, 3, one.exepath, one.name});
    CHECK(any_of(program, *set, EVT_openat) == one.fits);
    CHECK(program.start_ns == 11);
    CHECK(program.exec_id == 3);
    CHECK(program.generation == set->generation);
  }
}

TEST_CASE("push programs: asked for once by each set that looks at programs") {
  sensor::PushPrograms programs;
  CHECK_FALSE(programs.ask());
  auto without = std::make_unique<push_set>();
  programs.came(std::move(without));
  CHECK_FALSE(programs.ask());
  auto with = std::make_unique<push_set>();
  with->of_program[3] = 1;
  programs.came(std::move(with));
  CHECK(programs.ask());
  programs.tell({});
  CHECK_FALSE(programs.ask());
}
