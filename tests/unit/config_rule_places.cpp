// Which rule files a list names, and what stands in for Falco's that are not there.
#include <doctest/doctest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "agent/config/rule_places.h"

using tiercel::config::find_rules;
using tiercel::config::RulePlaces;
using Texts = std::vector<std::string>;

namespace {

// A folder with Tiercel's own rules and one that is to be /etc/falco.
class Places {
 public:
  Places() {
    std::string path = std::filesystem::temp_directory_path() / "tiercel-places-XXXXXX";
    REQUIRE(::mkdtemp(path.data()) != nullptr);
    root_ = path;
    std::filesystem::create_directories(shipped());
    std::filesystem::create_directories(falco());
  }
  ~Places() { std::filesystem::remove_all(root_); }
  Places(const Places&) = delete;
  Places& operator=(const Places&) = delete;

  [[nodiscard]] std::string shipped() const { return root_ + "/shipped"; }
  [[nodiscard]] std::string falco(const std::string& name = {}) const { return root_ + "/falco/" + name; }
  [[nodiscard]] std::string add(const std::string& name) const {
    std::ofstream(falco(name)) << "[]\n";
    return falco(name);
  }
  [[nodiscard]] RulePlaces find(const Texts& list) const { return find_rules(list, {shipped()}, falco()); }

 private:
  std::string root_;
};

Texts instead_of(const RulePlaces& found, const std::string& path) {
  for (const auto& missing : found.missing)
    if (missing.path == path) return missing.instead;
  FAIL("it is not missing: " << path);
  return {};
}

}  // namespace

TEST_CASE("Falco's files that are not there: the shipped rules stand in, once") {
  const Places places;
  const std::string stock = places.falco("falco_rules.yaml"), custom = places.falco("custom_rules.yaml");
  const RulePlaces found = places.find({stock, custom});
  CHECK(found.there == Texts{places.shipped()});
  CHECK(instead_of(found, stock) == Texts{places.shipped()});
  CHECK(instead_of(found, custom).empty());
  CHECK(places.find({custom}).there == Texts{places.shipped()});
}

TEST_CASE("one's own rules keep their place behind the rules that stand in for Falco's stock") {
  const Places places;
  const std::string stock = places.falco("falco_rules.yaml"), custom = places.add("custom_rules.yaml");
  CHECK(places.find({stock, custom}).there == Texts{places.shipped(), custom});
  CHECK(places.find({custom, stock}).there == Texts{custom, places.shipped()});
}

TEST_CASE("where Falco's stock rules are there, nothing stands in for another file") {
  const Places places;
  const std::string stock = places.add("falco_rules.yaml"), custom = places.falco("custom_rules.yaml");
  const RulePlaces found = places.find({stock, custom});
  CHECK(found.there == Texts{stock});
  CHECK(instead_of(found, custom).empty());
}

TEST_CASE("the shipped rules are not read twice, and other folders' files are passed by") {
  const Places places;
  const std::string stock = places.falco("falco_rules.yaml");
  const RulePlaces named = places.find({places.shipped(), stock});
  CHECK(named.there == Texts{places.shipped()});
  CHECK(instead_of(named, stock).empty());
  const RulePlaces elsewhere = places.find({"/nowhere/falco_rules.yaml"});
  CHECK(elsewhere.there.empty());
  CHECK(instead_of(elsewhere, "/nowhere/falco_rules.yaml").empty());
}

TEST_CASE("rules that are not installed stand in for nothing") {
  const Places places;
  const std::string stock = places.falco("falco_rules.yaml");
  std::filesystem::remove_all(places.shipped());
  CHECK(places.find({stock}).there.empty());
}
