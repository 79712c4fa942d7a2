// Which rules are enabled: group C of the check-list, and what falco.yaml's other words about rules do to a rule set.
#include "agent/falco/readers.h"
#include "agent/rule/load.h"
#include "agent/rule/static_fields.h"
#include "agent/rule_options.h"
#include "falco_support.h"
#include "rule_support.h"

using namespace tiercel;
using namespace tiercel::falco::test;
using Names = std::vector<std::string>;

namespace {

std::string rule_text(const std::string& name, const std::string& more) {
  return "- rule: \"" + name + "\"\n  desc: d\n  condition: evt.type = open\n  output: o\n" +
         (has(more, "priority:") ? "" : "  priority: WARNING\n") + more;
}

// The names of the rules that are active, in order.
Names active(const std::string& rules, const std::string& falco_yaml, size_t* counted = nullptr) {
  const Load load(falco_yaml);
  REQUIRE_MESSAGE(load.settings, load.said);
  const auto loaded = rule::load_texts({{"r.yaml", rules}}, rule_options(load.settings->config));
  REQUIRE(loaded.rules);
  INFO(loaded.diagnostics.render_all());
  CHECK(loaded.diagnostics.errors() == 0);
  Names out;
  for (rule::RuleId id = 0; id < loaded.rules->size(); ++id)
    if (loaded.rules->active(id)) out.push_back(loaded.rules->rule(id).name);
  if (counted != nullptr) *counted = loaded.rules->active_count();
  return out;
}

const std::string kThree = rule_text("Shell one", "  tags: [shell, net]\n") +
                           rule_text("Shell two", "  tags: [shell]\n") +
                           rule_text("Other", "  tags: [net]\n  enabled: false\n");

}  // namespace

TEST_CASE("C1 enable and disable by name, substring, wildcard, tag") {
  CHECK(active(kThree, "") == Names{"Shell one", "Shell two"});
  CHECK(active(kThree, "rules: [{disable: {rule: Shell one}}]\n") == Names{"Shell two"});
  CHECK(active(kThree, "rules: [{enable: {rule: Other}}]\n") == Names{"Shell one", "Shell two", "Other"});
  CHECK(active(kThree, "rules: [{disable: {rule: \"*ell*\"}}]\n") == Names{});
  CHECK(active(kThree, "rules: [{disable: {rule: \"*\"}}, {enable: {rule: \"*t*\"}}]\n") ==
        Names{"Shell two", "Other"});
  CHECK(active(kThree, "rules: [{disable: {tag: shell}}, {enable: {tag: net}}]\n") == Names{"Shell one", "Other"});
}

TEST_CASE("C2 names are matched by wildcards") {
  const std::string odd =
      rule_text("a?c", "") + rule_text("abc", "") + rule_text("a[b]c", "") + rule_text("a\\\\c", "");
  auto left = [&](const std::string& pattern) {
    return active(odd, "rules: [{disable: {rule: \"*\"}}, {enable: {rule: '" + pattern + "'}}]\n");
  };
  CHECK(left("a?c") == Names{"a?c"});  // only * is special
  CHECK(left("a[b]c") == Names{"a[b]c"});
  CHECK(left("a\\c") == Names{"a\\c"});
  CHECK(left("ab") == Names{});  // the whole text
  CHECK(left("bc") == Names{});
  CHECK(left("ab*") == Names{"abc"});
  CHECK(left("abc*") == Names{"abc"});  // * matches the empty text
  CHECK(left("*a*b*c*") == Names{"abc", "a[b]c"});
  CHECK(left("a***c").size() == 4);
  CHECK(left("**").size() == 4);
  CHECK(left("ABC") == Names{});
  rule::LoadOptions options;  // the empty pattern: no configuration can hold it
  options.selection = {{.enable = false, .rule = "", .tag = ""}};
  const auto loaded = rule::load_texts({{"r.yaml", odd}}, options);
  REQUIRE(loaded.rules);
  CHECK(loaded.rules->active_count() == 4);
}

TEST_CASE("C3 tags are exact, and several are any") {
  CHECK(active(kThree, "rules: [{disable: {tag: she}}]\n") == Names{"Shell one", "Shell two"});
  CHECK(active(kThree, "rules: [{disable: {tag: \"*\"}}]\n") == Names{"Shell one", "Shell two"});
  CHECK(active(kThree, "rules: [{disable: {tag: shell}}, {disable: {tag: net}}]\n") == Names{});
  CHECK(active(kThree, "rules: [{disable: {tag: other}}, {disable: {tag: net}}]\n") == Names{"Shell two"});
}

TEST_CASE("C4 later entries win") {
  CHECK(active(kThree, "rules: [{disable: {rule: Shell one}}, {enable: {rule: Shell one}}]\n") ==
        Names{"Shell one", "Shell two"});
  CHECK(active(kThree, "rules: [{enable: {rule: \"*\"}}, {disable: {rule: \"*\"}}]\n") == Names{});
}

TEST_CASE("C5 a rule below the minimum priority cannot be enabled") {
  const std::string rules = rule_text("low", "  priority: INFO\n") + rule_text("high", "  priority: CRITICAL\n");
  CHECK(active(rules, "priority: notice\nrules: [{enable: {rule: \"*\"}}]\n") == Names{"high"});
  CHECK(active(rules, "priority: informational\n") == Names{"low", "high"});
}

TEST_CASE("C6 rules: of the configuration, in order, both halves of an entry") {
  CHECK(active(kThree, "rules:\n- disable:\n    rule: \"*\"\n- enable:\n    rule: Other\n") == Names{"Other"});
  CHECK(active(kThree, "rules: [{enable: {rule: Other}, disable: {rule: Shell*}}]\n") == Names{"Other"});
  CHECK(active(kThree, "rules: [{disable: {rule: Shell one, tag: net}}, {enable: {tag: net}}]\n") ==
        Names{"Shell one", "Shell two", "Other"});
}

TEST_CASE("C7 the count of enabled rules is right after toggles") {
  size_t counted = 0;
  CHECK(active(kThree, "", &counted).size() == counted);
  CHECK(active(kThree, "rules: [{disable: {rule: \"*\"}}]\n", &counted).size() == counted);
  CHECK(counted == 0);
  CHECK(active(kThree, "rules: [{enable: {rule: \"*\"}}, {disable: {tag: shell}}, {enable: {rule: Shell two}}]\n",
               &counted)
            .size() == counted);
  CHECK(counted == 2);
}

TEST_CASE("D12 duration text") {
  using falco::duration_ms;
  constexpr uint64_t kHour = 3'600'000, kDay = 24 * kHour;
  CHECK(duration_ms("1ms") == 1);
  CHECK(duration_ms("30s") == 30'000);
  CHECK(duration_ms("15m") == 900'000);
  CHECK(duration_ms("1h") == kHour);
  CHECK(duration_ms("2d") == 2 * kDay);
  CHECK(duration_ms("1w") == 7 * kDay);
  CHECK(duration_ms("1y") == 365 * kDay);
  CHECK(duration_ms("2h 5m") == 2 * kHour + 300'000);
  CHECK(duration_ms("2h5m") == 2 * kHour + 300'000);
  CHECK(duration_ms(" 1y 2w 3d 4h 5m 6s 7ms ") == 382 * kDay + 4 * kHour + 306'007);
  for (const char* bad : {"", "5", "5m 2h", "1h 1h", "1x", "h", "-1h", "1.5h", "1 h", "1ms 1s", "99999999999999999999h",
                          "18446744073709551615y", "1h,5m"})
    CHECK_MESSAGE(duration_ms(bad) == 0, bad);
}

TEST_CASE("K21 static fields: text, in conditions and outputs") {
  namespace rt = rule::test;
  struct Fields {
    Fields() { rule::set_static_fields({{"site", "north"}, {"rack.no", "7"}}); }
    ~Fields() { rule::set_static_fields({}); }
  } const fields;
  rt::World world;
  const rt::TestEvent event = rt::exec_event(world);
  CHECK(rt::holds("static.site = north", *event));
  CHECK(rt::holds("static.site startswith nor and static.rack.no in (6, 7)", *event));
  CHECK(rt::holds("static.site contains ort and toupper(static.site) = NORTH and static.site exists", *event));
  CHECK_FALSE(rt::holds("static.site = south", *event));
  CHECK(rt::rendered("at %static.site, rack %static.rack.no (%static.site.)", *event).message ==
        "at north, rack 7 (north.)");
  const std::string rule_text = rt::rule_yaml("static.site = north", "at %static.site", "R");
  const auto loaded = rt::load(rule_text, {});  // with suggested_output
  REQUIRE(loaded.rules);
  REQUIRE(loaded.rules->size() == 1);
  CHECK(has(loaded.rules->rule(0).output, " static_site=%static.site static_rack_no=%static.rack.no"));
  CHECK(has(rt::condition_errors("static.other = a"), "filter_check called with nonexistent field static.other"));
  CHECK_FALSE(rt::condition_errors("static exists").empty());
  CHECK_FALSE(rt::errors_of(rt::load(rt::rule_yaml("evt.num > 0", "%static.other"))).empty());
}
