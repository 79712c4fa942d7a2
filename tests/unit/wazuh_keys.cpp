// client.keys, the sender's counter, and what is said and read at enrolment.
#include "siem/wazuh/keys.h"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include "agent/base/fd.h"
#include "siem/wazuh/enroll.h"
#include "wazuh_support.h"

using namespace tiercel;
using namespace tiercel::wazuh;
using namespace tiercel::wazuh::test;

TEST_CASE("wazuh keys: lines of client.keys") {
  const AgentKey key = some_key();
  CHECK(parse_key_line(format_key_line(key)) == key);
  CHECK(parse_key_line("1024 a.b-c_d 10.0.0.0/8 0123\r")->ip == "10.0.0.0/8");
  for (const char* bad : {"", "#comment", " 001 name any key", "001 !gone any key", "001 #gone any key", "001 name any",
                          "001 name any key more", "01 name any key", "abc name any key", "001 n any key",
                          "001 name  key", "001 na/me any key", "001 .name any key"}) {
    CAPTURE(bad);
    CHECK_FALSE(parse_key_line(bad).has_value());
  }
  CHECK(parse_key_file("# first\n001 !old any aa\n\n002 two any bb\n003 three any cc").size() == 2);
}

TEST_CASE("wazuh keys: the file") {
  const TempFolder folder;
  const std::string path = folder / "client.keys";
  CHECK_FALSE((*read_agent_key(path)).has_value());
  REQUIRE(write_key_file(path, {some_key()}).has_value());
  CHECK(**read_agent_key(path) == some_key());
  struct stat facts {};
  REQUIRE(::stat(path.c_str(), &facts) == 0);
  CHECK((facts.st_mode & 07777) == 0640);

  REQUIRE(write_file_atomically(path, "what is this\n", 0640).has_value());
  const auto rubbish = read_agent_key(path);
  REQUIRE_FALSE(rubbish.has_value());
  CHECK(rubbish.error().message.find(path) != std::string::npos);
  CHECK(rubbish.error().message.find("what is this") == std::string::npos);  // it may be a key after all

  REQUIRE(write_file_atomically(path, "\n\n", 0640).has_value());
  CHECK_FALSE((*read_agent_key(path)).has_value());

  REQUIRE(::mkdir((folder / "a-folder").c_str(), 0700) == 0);
  const auto unreadable = read_agent_key(folder / "a-folder");
  REQUIRE_FALSE(unreadable.has_value());
  CHECK(unreadable.error().message.find("a-folder") != std::string::npos);
}

TEST_CASE("wazuh keys: names of agents") {
  CHECK(valid_agent_name("web-1.example_x"));
  for (const char* bad : {"", "x", ".hidden", "a b", "caf\xc3\xa9", "a/b"}) CHECK_FALSE(valid_agent_name(bad));
  CHECK_FALSE(valid_agent_name(std::string(129, 'a')));
  for (const std::string& host : {std::string("web 1"), std::string("x"), std::string(), std::string(300, 'h'),
                                  std::string(".dot"), std::string("caf\xc3\xa9")})
    CHECK(valid_agent_name(agent_name_of_host(host)));
  CHECK(agent_name_of_host("web-1.example") == "web-1.example");
}

TEST_CASE("wazuh keys: the counter never falls") {
  const TempFolder folder;
  const std::string path = folder / "counter";
  MessageCounter last;
  {
    SenderCounter counter(path, 1'000);
    CHECK(counter.trouble().empty());
    for (int i = 0; i < 25'000; ++i) {
      const MessageCounter next = counter.next();
      REQUIRE(next > last);
      REQUIRE(next.local >= 1);
      REQUIRE(next.local <= 9'997);
      last = next;
    }
    CHECK(last.global == 1'002);
  }
  // The clock went back, and the last run ended without a word.
  CHECK(SenderCounter(path, 500).next() > last);
  CHECK(SenderCounter(path, 2'000).next() == MessageCounter{2'000, 1});
  REQUIRE(write_file_atomically(path, "rubbish", 0640).has_value());
  CHECK(SenderCounter(path, 3'000).next() == MessageCounter{3'000, 1});
  CHECK_FALSE(SenderCounter(folder / "no/such/folder", 1).trouble().empty());
}

TEST_CASE("wazuh enrolment: the request line") {
  EnrolRequest request;
  request.agent_name = "real-agent";
  request.version = "v4.14.7";
  CHECK(*enrol_line(request) == "OSSEC A:'real-agent' V:'v4.14.7'\n");
  request.groups = {"default", "web"};
  request.ip = "src";
  request.password = "with a blank";
  request.old_key_hash = "dfc4";
  CHECK(*enrol_line(request) ==
        "OSSEC PASS: with a blank OSSEC A:'real-agent' V:'v4.14.7' G:'default,web' IP:'src' K:'dfc4'\n");

  const auto error_of = [&request] {
    const auto line = enrol_line(request);
    return line ? std::string() : line.error().message;
  };
  request.password = "two\nlines";
  CHECK(error_of().find("two") == std::string::npos);
  CHECK(error_of().find("password") != std::string::npos);
  request.password.clear();
  for (const char* group : {"", "a b", "a'b", "a\nb", "a,b"}) {
    request.groups = {group};
    CHECK_FALSE(error_of().empty());
  }
  request.groups = std::vector<std::string>(129, "g");
  CHECK_FALSE(error_of().empty());
  request.groups.clear();
  request.ip = "1.2.3.4' K:'x";
  CHECK_FALSE(error_of().empty());
  request.ip.clear();
  request.agent_name = "a'b";
  CHECK_FALSE(error_of().empty());
}

TEST_CASE("wazuh enrolment: the hash of the old key") {
  // From a real agent's request, for the key of the vectors: sha1 of id, name and key, one after the other.
  CHECK(key_hash({"001", "ab", "any", "cd"}) == sha1_hex("001abcd"));
  CHECK(key_hash({"001", "ab", "any", "cd"}) == key_hash({"001", "ab", "1.2.3.4", "cd"}));
}

TEST_CASE("wazuh enrolment: the answer") {
  const std::string key(64, 'a');
  const auto good = parse_enrol_answer("OSSEC K:'003 web any " + key + "'", false);
  REQUIRE(good.has_value());
  CHECK(good->key == AgentKey{"003", "web", "any", key});
  CHECK(parse_enrol_answer("OSSEC K:'003 web any " + key + "'\n", false)->key.id == "003");

  const auto refused = parse_enrol_answer("ERROR: Invalid group: nope. Unable to add agent", false);
  REQUIRE(refused.has_value());
  CHECK(refused->key.id.empty());
  CHECK(refused->refusal == "Invalid group: nope");
  CHECK_FALSE(advice_for(refused->refusal).empty());
  CHECK(parse_enrol_answer("ERROR: \x1b[31mred\n. Unable to add agent", false)->refusal == "?[31mred?");

  const std::string duplicate = "ERROR: Duplicate agent name: web. Unable to add agent";
  CHECK(parse_enrol_answer(duplicate, true)->may_be_good);
  CHECK_FALSE(parse_enrol_answer(duplicate, false)->may_be_good);
  for (const char* rubbish : {"", "OSSEC K:'", "OSSEC K:'003 web any'", "OSSEC K:'x'", "HTTP/1.1 400 Bad Request"}) {
    CAPTURE(rubbish);
    CHECK_FALSE(parse_enrol_answer(rubbish, false).has_value());
  }
}
