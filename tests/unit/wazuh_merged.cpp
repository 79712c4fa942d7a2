// merged.mg, the manager's file of files.
#include <doctest/doctest.h>

#include <string>

#include "siem/wazuh/manager/dev_manager.h"
#include "siem/wazuh/manager/shared_folder.h"
#include "siem/wazuh/merged.h"
#include "siem_support.h"

using namespace tiercel;
using namespace tiercel::wazuh;

namespace {

std::string error_of(std::string_view text) {
  const auto merged = parse_merged(text);
  CHECK_FALSE(merged);
  return merged ? "" : merged.error().message;
}

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("merged: files as a manager writes them, with or without a newline at the end of each") {
  const std::string text = "#default,web\n!4 ar.conf\na b\n!3 agent.conf\nabc!0 empty\n!5 tiercel-rules/w.yaml\n!1 x\n";
  const auto merged = parse_merged(text);
  REQUIRE(merged);
  CHECK(merged->group == "default,web");
  REQUIRE(merged->files.size() == 4);
  CHECK(merged->files[0].name == "ar.conf");
  CHECK(merged->files[0].content == "a b\n");
  CHECK(merged->files[1].content == "abc");
  CHECK(merged->files[2].content.empty());
  CHECK(merged->files[3].name == "tiercel-rules/w.yaml");
  CHECK(merged->files[3].content == "!1 x\n");  // looks like a header, and is content
  CHECK(format_merged(merged->group, merged->files) == text);
  CHECK(make_merged_file("g", "r", {{"n", "c"}}) == "#g\n!1 ar.conf\nr!1 n\nc");
}

TEST_CASE("merged: lines between files are skipped; nothing is no mistake") {
  const auto merged = parse_merged("!1 a\nx\nsomething else\n\n#comment\n!1 b\ny");
  REQUIRE(merged);
  CHECK(merged->group.empty());
  REQUIRE(merged->files.size() == 2);
  CHECK(merged->files[1].content == "y");
  CHECK(parse_merged("")->files.empty());
  CHECK(parse_merged("#g")->group == "g");
  CHECK(parse_merged(std::string_view("\0\n\xff", 3))->files.empty());
}

TEST_CASE("merged: sizes that are none, too large or too long") {
  CHECK(has(error_of("!5 a\nabcd"), "a is said to have 5 bytes, and 4 are there"));
  CHECK(has(error_of("!18446744073709551615 a\nx"), "18446744073709551615 bytes"));
  for (const char* header :
       {"!18446744073709551616 a\n", "!-1 a\n", "! a\n", "!a\n", "!1\n", "!1x a\n", "!+1 a\n", "!", "! 1 a\n"})
    CHECK_MESSAGE(has(error_of(header), "header 1 is not"), header);
  CHECK(has(error_of("#g\n!1 a\nx\n!z\n"), "header 4 is not"));
}

TEST_CASE("merged: names that leave their folder, or are none") {
  const std::string nul("!1 a\0b\nx", 8);
  CHECK(has(error_of(nul), "control characters"));
  for (const char* name : {"/etc/passwd", "..", "../a", "a/../b", "a/..", "a//b", "a/", ".", "./a", "", "a\tb", "a\rb"})
    CHECK_MESSAGE(has(error_of("!0 " + std::string(name) + "\n"), "header 1 has"), name);
  CHECK(has(error_of("!0 " + std::string(2000, 'n') + "\n"), "too long"));
  CHECK(has(error_of("!0 " + std::string(201, 'n') + "\n"), "too long"));
  for (const char* name : {"a b", "..a", "a..b/c", "...", "\xc3\xa9.yaml", "a\\b"})
    CHECK_MESSAGE(parse_merged("!0 " + std::string(name) + "\n"), name);
}

TEST_CASE("merged: a name twice, and very many") {
  CHECK(has(error_of("!0 a\n!0 b\n!0 a\n"), "a is there twice"));
  std::string many;
  for (size_t i = 0; i < kMergedFilesMax; ++i) many += "!0 f" + std::to_string(i) + "\n";
  CHECK(parse_merged(many)->files.size() == kMergedFilesMax);
  CHECK(has(error_of(many + "!0 one-more\n"), "more than 10000 files"));
}

TEST_CASE("merged: a folder as a manager merges it") {
  siem::test::TempDir dir;
  std::filesystem::create_directories(dir / "web/tiercel-rules");
  const auto write = [&dir](const std::string& name, const std::string& text) {
    std::ofstream(dir / ("web/" + name)) << text;
  };
  write("tiercel.yaml", "priority: Notice\n");
  write("tiercel-rules/b.yaml", "b");
  write("tiercel-rules/a.yaml", "a");
  write("merged.mg", "old");
  write(".hidden", "h");
  const auto text = merge_folder(dir / "web", "default\n");
  REQUIRE(text);
  CHECK(*text ==
        "#web\n!8 ar.conf\ndefault\n!1 tiercel-rules/a.yaml\na!1 tiercel-rules/b.yaml\nb!17 tiercel.yaml\npriority: "
        "Notice\n");
  const uint64_t stamp = stamp_of_folder(dir / "web");
  CHECK(stamp == stamp_of_folder(dir / "web"));
  write("ar.conf", "own\n");
  CHECK(stamp != stamp_of_folder(dir / "web"));
  CHECK(has(*merge_folder(dir / "web/", "default\n"), "#web\n!4 ar.conf\nown\n!"));
  CHECK_FALSE(merge_folder(dir / "none", ""));
}
