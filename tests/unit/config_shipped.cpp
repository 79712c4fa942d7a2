// The shipped tiercel.yaml against the tables of keys, and what is made of both: the page, the schema, the manual.
#include <doctest/doctest.h>
#include <rapidjson/document.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>

#include "agent/cli/config_pages.h"
#include "agent/cli/man_page.h"
#include "agent/config/load.h"
#include "agent/config/shipped.h"

using namespace tiercel;
using namespace tiercel::config;

namespace {

bool is_output_key(const std::string& path) {
  return path.starts_with("outputs[");
}

// The part of a schema that is about one key.
const rapidjson::Value* find_in(const rapidjson::Value& root, const std::string& path) {
  const rapidjson::Value* at = &root;
  for (size_t begin = 0; begin <= path.size() && at != nullptr;) {
    const size_t end = std::min(path.find('.', begin), path.size());
    std::string name = path.substr(begin, end - begin);
    const size_t bracket = std::min(name.find('['), name.size());
    const std::string inside = name.substr(bracket);
    name.resize(bracket);
    if (!at->HasMember("properties") || !(*at)["properties"].HasMember(name.c_str())) return nullptr;
    at = &(*at)["properties"][name.c_str()];
    if (!inside.empty()) at = &(*at)["items"];
    if (at->HasMember("oneOf")) {
      const rapidjson::Value* chosen = nullptr;
      for (const auto& one : (*at)["oneOf"].GetArray())
        if (inside == "[" + std::string(one["properties"]["type"]["const"].GetString()) + "]") chosen = &one;
      at = chosen;
    }
    begin = end + 1;
  }
  return at;
}

}  // namespace

TEST_CASE("config shipped: the file names each key once, with a comment, and nothing else") {
  const std::vector<KeyInfo> keys = described_keys();
  const Shipped shipped = read_shipped(shipped_text(), keys);
  for (const std::string& line : shipped.unknown) FAIL_CHECK("no such key: " << line);
  std::map<std::string, int> times;
  for (const std::string& path : shipped.named) ++times[path];
  std::set<std::string> own;  // "].config.path": what some output's block names
  for (const std::string& path : shipped.named)
    if (is_output_key(path)) own.insert(path.substr(path.find("].")));
  for (const KeyInfo& key : keys) {
    CAPTURE(key.path);
    CHECK_FALSE(key.about.empty());
    CHECK_FALSE(key.title.empty());
    if (key.path == "outputs[].type") {
      CHECK(times[key.path] == static_cast<int>(key.words.size()));
    } else if (is_output_key(key.path) && times[key.path] == 0) {
      CHECK(own.contains(key.path.substr(key.path.find("]."))));  // said where the first output has it
    } else {
      CHECK(times[key.path] == 1);
    }
  }
}

TEST_CASE("config shipped: what has no comment, is no key or stands twice is seen") {
  const std::vector<KeyInfo> keys = described_keys();
  const Shipped shipped = read_shipped(
      "# --- A part ---\n\n# How much.\n#log_level: Info\n#state_dir: /x\nlog_levle: Debug\n# run_dir: here\n"
      "spool:\n  #size_mb_max: 1  # So large.\n  #nothing: 1\n#  - odd: 1\nlog_level: Debug\n"
      "outputs:\n  # To a service.\n  #- type: slack\n  #  config:\n  #    # webhook_url: x  # Where.\n",
      keys);
  CHECK(shipped.named == std::vector<std::string>{"log_level", "state_dir", "run_dir", "spool.size_mb_max", "log_level",
                                                  "outputs[].type", "outputs[slack].config.webhook_url"});
  CHECK(shipped.unknown ==
        std::vector<std::string>{"line 6: log_levle: Debug", "line 10: nothing: 1", "line 11: - odd: 1"});
  CHECK(shipped.about_of("log_level") == "How much.");
  CHECK(shipped.about_of("state_dir").empty());
  CHECK(shipped.about_of("spool.size_mb_max") == "So large.");
  CHECK(shipped.about_of("outputs[slack]") == "To a service.");
  CHECK(shipped.about_of("outputs[slack].config.webhook_url") == "Where.");
  CHECK(shipped.titles.at("log_level") == "A part");
}

TEST_CASE("config shipped: the tables say what a key may hold") {
  std::map<std::string, KeyInfo> keys;
  for (const KeyInfo& key : described_keys()) keys[key.path] = key;
  CHECK(keys.at("wazuh.managers[].port").kind == KeyInfo::Kind::kNumber);
  CHECK(keys.at("wazuh.managers[].port").min == 1);
  CHECK(keys.at("wazuh.managers[].port").max == 65'535);
  CHECK(keys.at("wazuh.managers[].port").fallback == "1514");
  CHECK(keys.at("wazuh.password").kind == KeyInfo::Kind::kSecret);
  CHECK(keys.at("rule_matching").words == std::vector<std::string>{"first", "all"});
  CHECK(keys.at("rule_matching").fallback == "first");
  CHECK(keys.at("log_level").fallback == "Informational");
  CHECK(keys.at("rules_files").fallback == "[/usr/share/tiercel/rules, /etc/tiercel/rules.d]");
  CHECK(keys.at("json_output").from_group == FromGroup::kIfAllowed);
  CHECK(keys.at("priority").from_group == FromGroup::kYes);
  CHECK(keys.at("outputs[slack].config.fold_window_s").fallback == "60");
  CHECK(keys.at("outputs[].type").words.size() == 9);
}

TEST_CASE("config shipped: the schema has every key where the file has it, and closes every map") {
  const std::vector<KeyInfo> keys = described_keys();
  rapidjson::Document schema;
  schema.Parse(cli::config_schema(keys, described_sections()).c_str());
  REQUIRE_FALSE(schema.HasParseError());
  CHECK_FALSE(schema["additionalProperties"].GetBool());
  for (const KeyInfo& key : keys) {
    CAPTURE(key.path);
    if (key.path == "outputs[].type") continue;
    const rapidjson::Value* found = find_in(schema, key.path);
    REQUIRE(found != nullptr);
    REQUIRE(found->HasMember("description"));
    CHECK(key.about == (*found)["description"].GetString());
    if (key.kind == KeyInfo::Kind::kNumber) CHECK((*found)["maximum"].GetUint64() == key.max);
    if (key.kind == KeyInfo::Kind::kBoolean) CHECK((*found)["default"].GetBool() == (key.fallback == "true"));
  }
  CHECK(find_in(schema, "outputs[slack].config.path") == nullptr);
  CHECK_FALSE((*find_in(schema, "outputs[slack].config"))["additionalProperties"].GetBool());
}

TEST_CASE("config shipped: page and manual tell of every key") {
  const std::vector<KeyInfo> keys = described_keys();
  const std::string page = cli::config_markdown(keys, described_sections());
  std::string manual = cli::man_configuration(keys, described_sections(), "1");
  for (const KeyInfo& key : keys) {
    CAPTURE(key.path);
    CHECK(page.find("| `" + key.path + "` |") != std::string::npos);
    CHECK(manual.find("\\fB" + key.path + "\\fR\n") != std::string::npos);
  }
  for (const char* title : {"\n## Rules\n", "\n## Where alerts go\n", "\n### slack\n"}) {
    CAPTURE(title);
    const size_t first = page.find(title);
    CHECK(first != std::string::npos);
    CHECK(page.find(title, first + 1) == std::string::npos);
  }
}
