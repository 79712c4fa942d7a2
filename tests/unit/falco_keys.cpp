// The table of falco.yaml's keys: sound in itself, as complete as Falco's list, and what docs/falco.md shows.
#include <rapidjson/document.h>

#include <set>

#include "agent/cli/falco_flags.h"
#include "agent/config/load.h"
#include "agent/falco/keys.h"
#include "agent/falco/reference.h"
#include "falco_support.h"

using namespace tiercel;
using namespace tiercel::falco;
using namespace tiercel::falco::test;

namespace {

std::string source(const std::string& path) {
  return std::string(TIERCEL_SOURCE_DIR) + "/" + path;
}

// What stands between "<!-- begin WHAT ... -->" and "<!-- end WHAT -->", without the markers.
std::string between(const std::string& page, const std::string& what) {
  const size_t begin = page.find("<!-- begin " + what);
  const size_t end = page.find("<!-- end " + what + " -->");
  REQUIRE(begin != std::string::npos);
  REQUIRE(end != std::string::npos);
  const size_t line = page.find('\n', begin) + 1;
  return page.substr(line, end - line);
}

}  // namespace

TEST_CASE("falco keys: each once, sections before their keys, every row says something") {
  std::set<std::string_view> seen;
  for (const KeyRow& row : all_keys()) {
    CHECK_MESSAGE(seen.insert(row.path).second, row.path);
    CHECK_MESSAGE(!row.note.empty(), row.path);
    const size_t dot = row.path.rfind('.');
    if (dot == std::string_view::npos) continue;
    std::string_view section = row.path.substr(0, dot);
    if (section.ends_with("[]")) section.remove_suffix(2);
    CHECK_MESSAGE(seen.contains(section), row.path);
    const KeyRow* parent = find_key(section);
    REQUIRE(parent != nullptr);
    CHECK_MESSAGE((parent->type == KeyType::kMap || parent->type == KeyType::kMaps || parent->type == KeyType::kAny),
                  row.path);
    CHECK_MESSAGE((row.standing == Standing::kRead || row.quiet == "*" || parent->standing != Standing::kRefused),
                  row.path);
  }
}

TEST_CASE("falco keys: a shipped configuration is quiet but for what is not there yet") {
  const Load load(Request{source("tests/data/falco/falco.yaml"), {}}, with({{"TIERCEL_TEST_SITE", "north"}}));
  REQUIRE_MESSAGE(load.settings, load.said);
  CHECK(load.diagnostics.errors() == 0);
  CHECK(load.diagnostics.warnings() == 1);
  CHECK(has(load.said, "webserver.enabled is ignored"));
  CHECK(load->static_fields == std::vector<config::StaticField>{{"site", "north"}});
}

TEST_CASE("falco keys: the reference's keys are all in the table") {
  const char* shared = std::getenv("TIERCEL_SHARED");
  REQUIRE(shared != nullptr);
  const std::string page = siem::test::content_of(std::string(shared) + "/reference/falco-config.md");
  REQUIRE_FALSE(page.empty());
  // The first cell of each row of the tables in section 2: keys, some of them several.
  const size_t begin = page.find("## 2. Keys"), end = page.find("## 3. Command line");
  REQUIRE(begin != std::string::npos);
  REQUIRE(end != std::string::npos);
  size_t checked = 0;
  for (size_t at = page.find("\n| ", begin); at < end; at = page.find("\n| ", at + 1)) {
    std::string cell = page.substr(at + 3, page.find(" |", at + 3) - at - 3);
    cell = cell.substr(0, cell.find(" ("));  // "rules_files (rules_file deprecated)"
    if (cell == "Key" || cell == "no output enabled") continue;
    for (size_t from = 0; from < cell.size();) {
      const size_t stop = std::min({cell.find(", ", from), cell.find(" / ", from), cell.size()});
      const std::string key = cell.substr(from, stop - from);
      CHECK_MESSAGE(find_key(key) != nullptr, key);
      ++checked;
      from = stop == cell.size() ? stop : stop + (cell[stop] == ',' ? 2 : 3);
    }
  }
  CHECK(checked > 40);
}

TEST_CASE("falco keys: the JSON schema has every key, and its own type for each") {
  rapidjson::Document schema;
  const std::string text = config_schema();
  schema.Parse(text.data(), text.size());
  REQUIRE_FALSE(schema.HasParseError());
  for (const KeyRow& row : all_keys()) {
    const rapidjson::Value* at = &schema;
    bool found = true;
    std::string path(row.path);
    for (size_t from = 0; found && from < path.size();) {
      const size_t dot = std::min(path.find('.', from), path.size());
      std::string name = path.substr(from, dot - from);
      const bool list = name.ends_with("[]");
      if (list) name.resize(name.size() - 2);
      found = at->HasMember("properties") && (*at)["properties"].HasMember(name.c_str());
      if (found) at = &(*at)["properties"][name.c_str()];
      if (found && list) found = at->HasMember("items");
      if (found && list) at = &(*at)["items"];
      from = dot + 1;
    }
    CHECK_MESSAGE((found || row.path.starts_with("config_files[]")), row.path);  // its entries are texts or maps
  }
}

TEST_CASE("falco keys: the lists for machines and for people have every key") {
  rapidjson::Document list;
  const std::string json = keys_json();
  list.Parse(json.data(), json.size());
  REQUIRE_FALSE(list.HasParseError());
  CHECK(list.Size() == all_keys().size());
  const std::string plain = keys_plain();
  for (const KeyRow& row : all_keys()) CHECK_MESSAGE(has("\n" + plain, "\n" + std::string(row.path) + " "), row.path);
}

TEST_CASE("falco docs: docs/falco.md shows the tables as they are") {
  const std::string page = siem::test::content_of(source("docs/falco.md"));
  REQUIRE_FALSE(page.empty());
  // To write them anew: tiercel falco --list-keys --format markdown
  CHECK(between(page, "keys") == keys_markdown());
  CHECK(between(page, "flags") == cli::falco_flags_markdown());
}
