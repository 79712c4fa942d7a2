// The group's set on the disk: whatever instant the agent ends at, the old set or the new one is there.
#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "agent/group/kept.h"
#include "siem/wazuh/crypto.h"
#include "siem/wazuh/merged.h"
#include "siem_support.h"

using namespace tiercel;
using namespace tiercel::group;
using siem::test::content_of;
using siem::test::TempDir;
namespace fs = std::filesystem;

namespace {

std::string merged_of(const std::string& rules, const std::string& config = "priority: debug\n") {
  return wazuh::format_merged("web", {{"ar.conf", "x - y - 0\n"},
                                      {"agent.conf", "<agent_config/>"},
                                      {"tiercel.yaml", config},
                                      {"tiercel-rules/web.yaml", rules},
                                      {"tiercel-rules/sub/more.yml", "- list: l"}});
}

GroupSet set_of(const std::string& merged) {
  auto set = read_set(wazuh::md5_hex(merged), merged);
  REQUIRE(set);
  return *set;
}

void keep(const std::string& folder, const std::string& merged) {
  const auto kept = Kept(folder).keep(set_of(merged), merged);
  INFO((kept ? std::string() : kept.error().message));
  REQUIRE(kept);
}

std::string loaded_md5(const std::string& folder) {
  const auto set = Kept(folder).load();
  return set ? set->md5 : "";
}

unsigned mode_of(const std::string& path) {
  struct stat st {};
  REQUIRE(::stat(path.c_str(), &st) == 0);
  return st.st_mode & 07777;
}

}  // namespace

TEST_CASE("group set: what is ours of a merged.mg") {
  const GroupSet set = set_of(merged_of("r"));
  CHECK(set.group == "web");
  CHECK(set.names() ==
        std::vector<std::string>{"tiercel.yaml", "tiercel-rules/sub/more.yml", "tiercel-rules/web.yaml"});
  CHECK(set.ar_conf == "x - y - 0\n");
  CHECK(set.is_ours("tiercel-rules/web.yaml"));
  CHECK_FALSE(set.is_ours("agent.conf"));
  CHECK(set.says_the_same_as(set_of("#other\n" + merged_of("r").substr(5))));
  CHECK_FALSE(set.says_the_same_as(set_of(merged_of("R"))));
  CHECK_FALSE(set.says_the_same_as(set_of(merged_of("r", ""))));
  CHECK_FALSE(read_set("m", "!9 tiercel.yaml\nx"));
  const auto none = read_set("m", "#g\n!1 tiercel-rules/readme.txt\nx!1 tiercel-rules\nx!1 rules.yaml\nx");
  REQUIRE(none);
  CHECK(none->names().empty());
}

TEST_CASE("group kept: a set is kept whole, and the next takes its place") {
  TempDir dir;
  const std::string folder = dir / "state/shared";
  CHECK(loaded_md5(folder).empty());
  const std::string first = merged_of("first"), second = merged_of("second");
  keep(folder, first);
  CHECK(loaded_md5(folder) == wazuh::md5_hex(first));
  CHECK(content_of(folder + "/current/tiercel-rules/web.yaml") == "first");
  CHECK(content_of(folder + "/current/tiercel-rules/sub/more.yml") == "- list: l");
  CHECK(content_of(folder + "/current/ar.conf") == "x - y - 0\n");
  CHECK_FALSE(fs::exists(folder + "/current/agent.conf"));
  CHECK(mode_of(folder) == 0750);
  CHECK(mode_of(folder + "/current/") == 0750);
  CHECK(mode_of(folder + "/current/tiercel-rules") == 0750);
  CHECK(mode_of(folder + "/current/merged.mg") == 0640);
  keep(folder, second);
  CHECK(loaded_md5(folder) == wazuh::md5_hex(second));
  CHECK_FALSE(fs::exists(folder + "/" + wazuh::md5_hex(first)));
  size_t entries = 0;
  for ([[maybe_unused]] const auto& entry : fs::directory_iterator(folder)) ++entries;
  CHECK(entries == 2);
}

TEST_CASE("group kept: an end between any two steps leaves the old set, then the new one") {
  const std::string old = merged_of("old"), fresh = merged_of("new");
  const std::string old_md5 = wazuh::md5_hex(old), new_md5 = wazuh::md5_hex(fresh);
  for (int step = 0; step < 6; ++step) {
    CAPTURE(step);
    TempDir dir;
    const std::string folder = dir / "shared", made = folder + "/" + new_md5;
    keep(folder, old);
    const std::string whole = dir / "elsewhere";
    keep(whole, fresh);
    const auto copy = [&](const std::string& to) { fs::copy(whole + "/" + new_md5, to, fs::copy_options::recursive); };
    if (step == 0) fs::create_directory(made + ".new");
    if (step == 1) copy(made + ".new"), std::ofstream(made + ".new/merged.mg", std::ios::trunc) << fresh.substr(0, 9);
    if (step == 2) copy(made + ".new");
    if (step >= 3) copy(made);
    if (step == 4) fs::create_symlink(new_md5, folder + "/current.new");
    if (step == 5)
      fs::remove(folder + "/current"), fs::create_symlink(new_md5, folder + "/current");  // the old one is still there
    CHECK(loaded_md5(folder) == (step < 5 ? old_md5 : new_md5));
    const std::string third = merged_of("third");
    keep(folder, third);
    CHECK(loaded_md5(folder) == wazuh::md5_hex(third));
    CHECK_FALSE(fs::exists(made));
    CHECK_FALSE(fs::exists(made + ".new"));
    CHECK_FALSE(fs::exists(folder + "/current.new"));
    CHECK_FALSE(fs::exists(folder + "/" + old_md5));
  }
}

TEST_CASE("group kept: what the disk broke is passed by, and can be kept anew") {
  TempDir dir;
  const std::string folder = dir / "shared", merged = merged_of("r"), md5 = wazuh::md5_hex(merged);
  keep(folder, merged);
  std::ofstream(folder + "/current/merged.mg", std::ios::app) << "x";
  CHECK(loaded_md5(folder).empty());
  keep(folder, merged);
  CHECK(loaded_md5(folder) == md5);
  fs::remove(folder + "/current");
  fs::create_symlink("/etc", folder + "/current");
  CHECK(loaded_md5(folder).empty());
  fs::remove(folder + "/current");
  fs::create_symlink("../shared/" + md5, folder + "/current");
  CHECK(loaded_md5(folder).empty());
  keep(folder, merged);
  CHECK(loaded_md5(folder) == md5);
  // What cannot be written leaves what was there.
  const std::string clash = "!1 tiercel-rules/a.yaml\nx!1 tiercel-rules/a.yaml/b.yaml\ny";
  CHECK_FALSE(Kept(folder).keep(set_of(clash), clash));
  CHECK(loaded_md5(folder) == md5);
}

TEST_CASE("group kept: a refusal is remembered, whatever its text holds") {
  TempDir dir;
  Kept kept(dir / "shared");
  CHECK_FALSE(kept.refusal());
  const std::string md5(32, 'a');
  REQUIRE(kept.remember({md5, "tiercel-rules/w.yaml", 3, 14, "two\nlines \x01", "0.1.0 enabled "}));
  const auto refusal = kept.refusal();
  REQUIRE(refusal);
  CHECK(refusal->md5 == md5);
  CHECK(refusal->file == "tiercel-rules/w.yaml");
  CHECK(refusal->line == 3);
  CHECK(refusal->column == 14);
  CHECK(refusal->reason == "two lines  ");
  CHECK(refusal->conditions == "0.1.0 enabled ");
  keep(dir / "shared", merged_of("r"));
  CHECK(kept.refusal());  // a kept set leaves it
  kept.forget_refusal();
  CHECK_FALSE(kept.refusal());
  for (const char* odd : {"", "x", "not an md5\n\n\n1\n1\nr\n"}) {
    std::ofstream(dir / "shared/refused", std::ios::trunc) << odd;
    CHECK_FALSE(kept.refusal());
  }
}
