// Matching allocates nothing for an event that no rule matches. Counted by the sanitizer's own hook, so only a build
// with AddressSanitizer (as the tests' is) has this test.
#if defined(__SANITIZE_ADDRESS__)
#include <doctest/doctest.h>
#include <atomic>

#include "rule_support.h"

// Of the sanitizer's runtime (sanitizer/allocator_interface.h, which GCC does not install).
extern "C" int __sanitizer_install_malloc_and_free_hooks(void (*malloc_hook)(const volatile void*, size_t),
                                                         void (*free_hook)(const volatile void*));

using namespace tiercel::rule;
using namespace tiercel::rule::test;

namespace {

std::atomic<size_t> allocations{0};

size_t allocations_of(Matcher& matcher, const tiercel::context::Event& event) {
  for (int warm_up = 0; warm_up < 3; ++warm_up) CHECK(matcher.match(event).empty());
  const size_t before = allocations;
  for (int round = 0; round < 10; ++round) CHECK(matcher.match(event).empty());
  return allocations - before;
}

std::vector<RuleText> stock_files() {
  std::vector<RuleText> texts;
  for (const char* name : {"falco_rules.yaml", "falco-incubating_rules.yaml", "falco-sandbox_rules.yaml"})
    texts.push_back({name, read_text(shared_dir() / "data" / "falco-rules" / name)});
  return texts;
}

}  // namespace

TEST_CASE("an event that no rule matches costs no allocation") {
  REQUIRE_FALSE(shared_dir().empty());
  static const int installed = __sanitizer_install_malloc_and_free_hooks(
      [](const volatile void*, size_t) { ++allocations; }, [](const volatile void*) {});
  REQUIRE(installed > 0);
  const Loaded loaded = load_texts(stock_files(), plain_options());
  REQUIRE(loaded.rules);
  Matcher matcher(loaded.rules);
  World host;
  host.runs("make", {"make", "-j2", "all"});
  const size_t before = allocations;
  const std::string counts_at_all(100, 'x');
  REQUIRE(allocations > before);
  CHECK(allocations_of(matcher, *exec_event(host)) == 0);
  CHECK(allocations_of(matcher, *open_event(host, {.name = "/usr/lib/x86_64-linux-gnu/libc.so.6"})) == 0);
  CHECK(allocations_of(matcher, *open_event(host, {.name = "/srv/www/index.html", .flags = O_WRONLY | O_TRUNC})) == 0);
  CHECK(allocations_of(matcher, *open_event(host, {.name = "/nowhere", .fd = -2})) == 0);
  CHECK(allocations_of(matcher, *sock_event(host)) == 0);
}
#endif
