// The normalised event against decoders/ALERT.md.
#include <doctest/doctest.h>
#include <rapidjson/document.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <random>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "agent/alert/normalised.h"

using namespace tiercel::alert;

namespace {

struct Documented {
  std::string type, place;
  bool operator==(const Documented&) const = default;
};

// The rows of the page's table, in order: | `key` | type | place | meaning |
std::vector<std::pair<std::string, Documented>> documented_keys() {
  std::ifstream in(std::filesystem::path(__FILE__).parent_path() / "../../decoders/ALERT.md");
  std::vector<std::pair<std::string, Documented>> keys;
  for (std::string line; std::getline(in, line);) {
    if (!line.starts_with("| `")) continue;
    std::vector<std::string> cells;
    std::istringstream row(line.substr(2));
    for (std::string cell; std::getline(row, cell, '|');) cells.push_back(cell.substr(cell[0] == ' ' ? 1 : 0));
    REQUIRE(cells.size() >= 4);
    auto trimmed = [](std::string cell) { return cell.substr(0, cell.find_last_not_of(' ') + 1); };
    std::string key = trimmed(cells[0]);
    keys.push_back({key.substr(1, key.size() - 2), {trimmed(cells[1]), trimmed(cells[2])}});
  }
  return keys;
}

rapidjson::Document parsed(const std::string& json) {
  rapidjson::Document document;
  document.Parse<rapidjson::kParseValidateEncodingFlag>(json.data(), json.size());
  REQUIRE_FALSE(document.HasParseError());
  REQUIRE(document.IsObject());
  return document;
}

struct Leaves {
  std::map<std::string, const rapidjson::Value*> by_path;
  size_t count = 0;
  size_t largest_bytes = 0;

  void walk(const rapidjson::Value& value, const std::string& path) {
    if (value.IsObject()) {
      std::set<std::string> seen;
      REQUIRE(value.MemberCount() > 0);
      for (const auto& member : value.GetObject()) {
        const std::string name = member.name.GetString();
        REQUIRE(seen.insert(name).second);
        REQUIRE(name.find('.') == std::string::npos);
        walk(member.value, path.empty() ? name : path + "." + name);
      }
      return;
    }
    REQUIRE_FALSE(value.IsNull());
    if (!path.empty()) by_path[path] = &value;
    if (value.IsArray()) {
      REQUIRE(value.Size() > 0);
      for (const auto& element : value.GetArray()) walk(element, {});
      return;
    }
    ++count;
    if (value.IsString()) largest_bytes = std::max<size_t>(largest_bytes, value.GetStringLength());
  }
};

// The contract's limits, whatever was set.
Leaves check_limits(const rapidjson::Document& document, const std::string& json) {
  Leaves leaves;
  leaves.walk(document, {});
  CHECK(json.size() <= 65'408 - std::string("1:tiercel:tiercel: ").size());
  CHECK(leaves.count <= 200);
  CHECK(leaves.largest_bytes <= 8192);
  CHECK(json.find('\n') == std::string::npos);
  CHECK(json.find("\\u0000") == std::string::npos);
  for (const auto& [path, value] : leaves.by_path)  // no leaf is also a parent
    CHECK(leaves.by_path.lower_bound(path + ".") == leaves.by_path.lower_bound(path + "/"));
  return leaves;
}

std::vector<std::string> strings(const rapidjson::Value* value) {
  std::vector<std::string> out;
  if (value != nullptr)
    for (const auto& element : value->GetArray()) out.emplace_back(element.GetString());
  return out;
}

const rapidjson::Value* at(const Leaves& leaves, const std::string& path) {
  auto it = leaves.by_path.find(path);
  return it == leaves.by_path.end() ? nullptr : it->second;
}

void set_everything(NormalisedEvent& event, const std::string& text) {
  for (const NormalisedKey& key : normalised_keys()) switch (key.type) {
      case NormalisedKey::Type::kText:
        event.set(key.name, text);
        break;
      case NormalisedKey::Type::kNumber:
        event.set(key.name, 42);
        break;
      case NormalisedKey::Type::kBoolean:
        event.set(key.name, true);
        break;
      case NormalisedKey::Type::kList:
        event.set(key.name, std::vector<std::string>{text, "b"});
        break;
    }
}

}  // namespace

TEST_CASE("contract: the page and the table have the same keys, types, places and order") {
  auto documented = documented_keys();
  std::vector<std::pair<std::string, Documented>> table;
  for (const NormalisedKey& key : normalised_keys()) {
    if (key.name == "truncated") table.push_back({"field.*", {"text", "tiercel"}});
    const bool top = key.place == NormalisedKey::Place::kTop;
    table.push_back({std::string(key.name), {type_name(key.type), top ? "top" : "tiercel"}});
  }
  REQUIRE(documented.size() == table.size());
  for (size_t i = 0; i < table.size(); ++i) {
    INFO(table[i].first);
    CHECK(documented[i].first == table[i].first);
    CHECK(documented[i].second == table[i].second);
  }
}

TEST_CASE("contract: the page names the limits that the code has") {
  std::ifstream in(std::filesystem::path(__FILE__).parent_path() / "../../decoders/ALERT.md");
  std::stringstream page;
  page << in.rdbuf();
  CHECK(kEventLeavesMax == 200);
  CHECK(kEventLeafBytesMax == 8192);
  CHECK(kEventBytesMax == 65'389);
  for (const char* words : {"200 leaves", "8,192 bytes", "65,389 bytes", "`1:tiercel:tiercel: `"})
    CHECK_MESSAGE(page.str().find(words) != std::string::npos, words);
  CHECK(page.str().find("schema " + std::string(kNormalisedSchema)) != std::string::npos);
}

TEST_CASE("contract: everything that can be set is emitted under its documented path and type") {
  NormalisedEvent event;
  set_everything(event, "x");
  event.set_field("evt.arg.flags", "O_RDONLY");
  const std::string json = event.render();
  const auto document = parsed(json);
  const Leaves leaves = check_limits(document, json);
  std::set<std::string> expected;
  for (const auto& [key, row] : documented_keys()) {
    if (key == "truncated") continue;  // nothing was cut
    std::string path = row.place == "top" ? key : "tiercel." + key;
    if (key == "field.*") path = "tiercel.field.evt_arg_flags";
    expected.insert(path);
    const rapidjson::Value* value = at(leaves, path);
    INFO(path);
    REQUIRE(value != nullptr);
    if (row.type == "text") CHECK(value->IsString());
    if (row.type == "number") CHECK(value->IsInt());
    if (row.type == "boolean") CHECK(value->IsBool());
    if (row.type == "list") CHECK(value->IsArray());
  }
  for (const auto& entry : leaves.by_path) CHECK_MESSAGE(expected.count(entry.first) == 1, entry.first);
  CHECK(json.starts_with("{\"tiercel\":{\"schema\":\"1\",\"id\":\"x\",\"time\":"));
  CHECK(
      json.ends_with("\"field\":{\"evt_arg_flags\":\"O_RDONLY\"}},\"srcip\":\"x\",\"srcport\":\"x\",\"dstip\":\"x\","
                     "\"dstport\":\"x\",\"protocol\":\"x\",\"srcuser\":\"x\"}"));
}

TEST_CASE("contract: what is unknown is left out, the rest in the table's order") {
  NormalisedEvent event;
  CHECK(event.render() == R"({"tiercel":{"schema":"1"}})");
  event.set("srcip", "10.0.0.1");
  event.set("proc.pid", 7);
  event.set("proc.name", "old");
  event.set("proc.name", std::string("sh"));
  event.set("id", "a-1");
  event.set("user.name", std::optional<std::string>());
  event.set("user.uid", std::optional<uint32_t>(0));
  event.set("tags", std::vector<std::string>{});
  event.set("container.privileged", false);
  event.set("schema", "9");
  event.set("fd.name", "");
  CHECK(
      event.render() ==
      R"({"tiercel":{"schema":"1","id":"a-1","proc":{"name":"sh","pid":7},"user":{"uid":0},"fd":{"name":""},"container":{"privileged":false}},"srcip":"10.0.0.1"})");
}

TEST_CASE("contract: numbers beyond 32 bits are text") {
  NormalisedEvent event;
  event.set("proc.pid", int64_t{2147483647});
  event.set("proc.tid", int64_t{-2147483648});
  event.set("proc.vpid", int64_t{2147483648});
  event.set("proc.start_ns", uint64_t{18446744073709551615u});
  event.set("user.loginuid", uint32_t{4294967295u});
  event.set("user.uid", -1);
  CHECK(
      event.render() ==
      R"({"tiercel":{"schema":"1","proc":{"pid":2147483647,"tid":-2147483648,"vpid":"2147483648","start_ns":"18446744073709551615"},"user":{"uid":-1,"loginuid":"4294967295"}}})");
}

TEST_CASE("contract: fields without a key of their own, and slips") {
  NormalisedEvent event;
  event.set_field("proc.aname[2]", "init");
  event.set_field("evt.arg.a-b", "1");
  event.set_field("evt.arg.a_b", "2");
  event.set_field("evt.arg.a-b", "1 again");
  event.set("proc.nme", "a slip");
  event.set("proc.pid", "not a number");
  event.set("evt.res", 5);
  event.set_field("", "e");
  event.set_field(std::string(300, 'x'), "long");
  const std::string json = event.render();
  CHECK(
      json ==
      R"({"tiercel":{"schema":"1","evt":{"res":"5"},"field":{"proc_aname_2_":"init","evt_arg_a_b":"1 again","evt_arg_a_b_2":"2","proc_nme":"a slip","proc_pid":"not a number","_":"e",")" +
          std::string(61, 'x') + R"(":"long"}}})");
  check_limits(parsed(json), json);
  CHECK(is_normalised_key("proc.name"));
  CHECK_FALSE(is_normalised_key("proc"));
  CHECK_FALSE(is_normalised_key("proc.aname[2]"));
}

TEST_CASE("contract: a leaf is cut at a character's end and named") {
  NormalisedEvent event;
  std::string text(8191, 'a');
  text += "\xe2\x82\xac!";  // the euro would cross the limit
  event.set("proc.cmdline", text);
  event.set("proc.cwd", std::string(8192, 'b'));
  event.set("proc.exe", std::string(8191, 'a') + "\xe2\x82\xac");
  event.set("tags", std::vector<std::string>{"short", std::string(9000, 't')});
  const std::string json = event.render();
  const auto document = parsed(json);
  const Leaves leaves = check_limits(document, json);
  CHECK(at(leaves, "tiercel.proc.cmdline")->GetStringLength() == 8191);
  CHECK(at(leaves, "tiercel.proc.cwd")->GetStringLength() == 8192);
  CHECK(at(leaves, "tiercel.proc.exe")->GetStringLength() == 8191);
  CHECK(strings(at(leaves, "tiercel.truncated")) == std::vector<std::string>{"tags", "proc.exe", "proc.cmdline"});
}

TEST_CASE("contract: invalid UTF-8 and NUL are replaced") {
  NormalisedEvent event;
  event.set("proc.cmdline", std::string_view("a\0b\xff\xc3", 5));
  event.set_field("x", std::string_view("\xed\xa0\x80", 3));
  const std::string json = event.render();
  const std::string fffd = "\xef\xbf\xbd";
  CHECK(json == "{\"tiercel\":{\"schema\":\"1\",\"proc\":{\"cmdline\":\"a" + fffd + "b" + fffd + fffd +
                    "\"},\"field\":{\"x\":\"" + fffd + fffd + fffd + "\"}}}");
}

TEST_CASE("contract: the whole is cut by its longest texts, short facts survive") {
  NormalisedEvent event;
  set_everything(event, std::string(8192, 'x'));
  event.set("rule", "Reverse Shell");
  event.set("id", "a-1");
  event.set("container.name", "web");
  const std::string json = event.render();
  const auto document = parsed(json);
  const Leaves leaves = check_limits(document, json);
  CHECK(json.size() > 60'000);  // no more than needed
  CHECK(std::string(at(leaves, "tiercel.rule")->GetString()) == "Reverse Shell");
  CHECK(std::string(at(leaves, "tiercel.container.name")->GetString()) == "web");
  const auto cut = strings(at(leaves, "tiercel.truncated"));
  REQUIRE(cut.size() == 16);
  CHECK(cut.back().starts_with("and "));
  CHECK(cut.back().ends_with(" more"));
}

TEST_CASE("contract: texts that grow by escaping stay within the whole") {
  NormalisedEvent event;
  for (int i = 0; i < 20; ++i) event.set_field("f" + std::to_string(i), std::string(8192, '\x01'));
  event.set("rule", "R");
  const std::string json = event.render();
  const Leaves leaves = check_limits(parsed(json), json);
  CHECK(json.size() > 60'000);
  CHECK(leaves.count > 20);
}

TEST_CASE("contract: beyond 200 leaves fields are left out and named") {
  NormalisedEvent event;
  set_everything(event, "x");
  std::vector<std::string> many(100, "m");
  for (const char* list : {"tags", "mitre.technique", "mitre.tactic", "proc.ancestors"}) event.set(list, many);
  for (int i = 0; i < 400; ++i) event.set_field("f" + std::to_string(i), "v");
  const std::string json = event.render();
  const auto document = parsed(json);
  const Leaves leaves = check_limits(document, json);
  CHECK(leaves.count > 180);
  CHECK(at(leaves, "tiercel.tags")->Size() == 22);
  const auto cut = strings(at(leaves, "tiercel.truncated"));
  REQUIRE_FALSE(cut.empty());
  CHECK(cut[0] == "tags");
  for (const NormalisedKey& key : normalised_keys())  // none of the table's keys had to go
    CHECK(at(leaves, (key.place == NormalisedKey::Place::kTop ? "" : "tiercel.") + std::string(key.name)) != nullptr);
}

TEST_CASE("contract: random events keep it") {
  std::mt19937 random(11);
  for (int round = 0; round < 60; ++round) {
    NormalisedEvent event;
    auto text = [&] {
      std::string out(random() % 4 == 0 ? random() % 20'000 : random() % 100, '\0');
      uint32_t bits = random();
      for (char& c : out) c = static_cast<char>((bits = bits * 1664525 + 1013904223) >> 24);
      return out;
    };
    for (const NormalisedKey& key : normalised_keys()) {
      if (random() % 2 == 0) continue;
      if (key.type == NormalisedKey::Type::kList) {
        std::vector<std::string> list(random() % 40);
        for (std::string& element : list) element = text();
        event.set(key.name, list);
      } else if (key.type == NormalisedKey::Type::kNumber) {
        event.set(key.name, static_cast<int64_t>(random()) << (random() % 32));
      } else {
        event.set(key.name, text());
      }
    }
    for (size_t i = random() % 250; i > 0; --i) event.set_field(text().substr(0, 90), text());
    const std::string json = event.render();
    check_limits(parsed(json), json);
  }
}
