// ATT&CK's table and the matrix of what rules name.
#include <doctest/doctest.h>
#include <rapidjson/document.h>

#include <algorithm>
#include <string>

#include "agent/attack/coverage.h"

using namespace tiercel;

namespace {

const attack::Column& column(const attack::Coverage& coverage, std::string_view tactic) {
  const auto at = std::find_if(coverage.columns.begin(), coverage.columns.end(),
                               [&](const attack::Column& one) { return one.tactic->name == tactic; });
  REQUIRE(at != coverage.columns.end());
  return *at;
}

const std::vector<attack::TaggedRule> kRules = {
    {"One & <two>", {"T1611", "T1574.006"}, {"privilege-escalation"}},
    {"Another", {"T1611"}, {"execution"}},
    {"Without", {}, {"execution"}},
    {"Wrong", {"T9999"}, {}},
};

}  // namespace

TEST_CASE("ATT&CK's table: version, order, tactics, platforms") {
  CHECK(attack::version() == "18.1");
  CHECK(attack::techniques().size() == 691);
  CHECK(std::is_sorted(attack::techniques().begin(), attack::techniques().end(),
                       [](const auto& a, const auto& b) { return a.id < b.id; }));
  for (const attack::Technique& one : attack::techniques()) {
    CHECK_MESSAGE(!one.name.empty(), one.id);
    CHECK_MESSAGE(!one.tactics.empty(), one.id);
    for (const std::string_view tactic : one.tactics)
      CHECK_MESSAGE(std::any_of(attack::tactics().begin(), attack::tactics().end(),
                                [&](const attack::Tactic& known) { return known.name == tactic; }),
                    one.id);
  }
  REQUIRE(attack::find("T1611") != nullptr);
  CHECK(attack::find("T1611")->name == "Escape to Host");
  CHECK(attack::find("T1611")->on_our_ground);
  REQUIRE(attack::find("T1547.001") != nullptr);  // registry run keys
  CHECK_FALSE(attack::find("T1547.001")->on_our_ground);
  CHECK(attack::find("T9999") == nullptr);
  CHECK(attack::find("") == nullptr);
}

TEST_CASE("coverage: a technique stands where its rule and ATT&CK agree, else where ATT&CK has it") {
  const attack::Coverage got = attack::coverage_of(kRules);
  CHECK(got.rules == 2);
  CHECK(got.techniques == 2);
  CHECK(got.untagged == std::vector<std::string>{"Without"});
  CHECK(got.unknown == std::vector<std::string>{"Wrong: T9999"});
  const attack::Column& escalation = column(got, "privilege-escalation");
  REQUIRE(escalation.cells.size() == 2);
  CHECK(escalation.rules == 2);
  CHECK(escalation.cells[1].technique->id == "T1611");
  CHECK(escalation.cells[1].rules == std::vector<std::string>{"Another", "One & <two>"});
  CHECK(column(got, "execution").cells.empty());    // T1611 is none of it
  CHECK(column(got, "persistence").cells.empty());  // T1574.006 is, but its rule says otherwise
}

TEST_CASE("coverage: without rules every form is still whole") {
  const attack::Coverage got = attack::coverage_of({});
  CHECK(got.columns.size() == attack::tactics().size());
  CHECK(attack::to_svg(got).ends_with("</svg>\n"));
  rapidjson::Document layer;
  CHECK_FALSE(layer.Parse(attack::to_navigator(got).c_str()).HasParseError());
  CHECK(layer["techniques"].Size() == 0);
}

TEST_CASE("coverage: the Navigator's layer") {
  rapidjson::Document layer;
  REQUIRE_FALSE(layer.Parse(attack::to_navigator(attack::coverage_of(kRules)).c_str()).HasParseError());
  CHECK(std::string(layer["domain"].GetString()) == "enterprise-attack");
  CHECK(std::string(layer["versions"]["attack"].GetString()) == "18");
  CHECK(std::string(layer["versions"]["layer"].GetString()) == "4.5");
  const auto& cells = layer["techniques"];
  REQUIRE(cells.Size() == 2);
  CHECK(std::string(cells[1]["techniqueID"].GetString()) == "T1611");
  CHECK(std::string(cells[1]["tactic"].GetString()) == "privilege-escalation");
  CHECK(cells[1]["score"].GetUint() == 2);
  CHECK(std::string(cells[1]["comment"].GetString()) == "Another; One & <two>");
}

TEST_CASE("coverage: an SVG's texts cannot break out of it") {
  const std::string svg = attack::to_svg(attack::coverage_of(kRules));
  CHECK(svg.find("One &amp; &lt;two&gt;") != std::string::npos);
  CHECK(svg.find("<two>") == std::string::npos);
}
