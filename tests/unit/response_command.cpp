// Active response: what managers and scripts write, ar.conf, growing timeouts, what shipped scripts read of the host.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "agent/response/account.h"
#include "agent/response/ar_conf.h"
#include "agent/response/command.h"
#include "agent/response/firewall.h"
#include "agent/response/pending.h"

using namespace tiercel;
using namespace tiercel::response;

namespace {

// From a rule of a real manager, with our event in it: every leaf is text.
constexpr const char* kFromRule =
    R"({"version":1,"origin":{"name":"node01","module":"wazuh-analysisd"},"command":"kill-process0","parameters":)"
    R"({"extra_args":["a","b"],"alert":{"id":"1.2","rule":{"description":"d"},"data":{"srcip":"10.0.0.7","srcuser":"www",)"
    R"("tiercel":{"id":"ab-1","rule":"Reverse Shell","proc":{"pid":"4711","start_ns":"26210323544059","name":"bash"},)"
    R"("container":{"id":"0123456789ab","full_id":"0123456789abcdef","name":"web","verified":"false"}}}}}})";

Error refusal(const std::string& json) {
  auto command = parse_command(json);
  REQUIRE_FALSE(command);
  return command.error();
}

}  // namespace

TEST_CASE("response command: what a rule of the manager sends") {
  const auto command = parse_command(kFromRule);
  REQUIRE(command);
  CHECK(command->name == "kill-process0");
  CHECK_FALSE(command->direct);
  CHECK(command->extra_args == std::vector<std::string>{"a", "b"});
  const Cause& cause = command->cause;
  CHECK(cause.alert_id == "ab-1");
  CHECK(cause.rule == "Reverse Shell");
  CHECK(cause.pid == 4711);
  CHECK(cause.start_ns == 26210323544059u);
  CHECK(cause.process == "bash");
  CHECK(cause.srcip == "10.0.0.7");
  CHECK(cause.srcuser == "www");
  CHECK(cause.container_id == "0123456789abcdef");
  CHECK(cause.in_container);
}

TEST_CASE("response command: from agent_control, and numbers as numbers") {
  auto command = parse_command(
      R"({"version":1,"origin":{"name":"","module":""},"command":"!test-ar","parameters":{"extra_args":[],"alert":{"data":{"srcip":"10.3.3.3"}}}})");
  REQUIRE(command);
  CHECK(command->direct);
  CHECK(command->name == "test-ar");
  CHECK_FALSE(command->cause.pid);
  CHECK_FALSE(command->cause.in_container);
  command = parse_command(
      R"({"version":1,"command":"x","parameters":{"alert":{"data":{"tiercel":{"proc":{"pid":5,"start_ns":18446744073709551615}}}}}})");
  REQUIRE(command);
  CHECK(command->cause.pid == 5);
  CHECK(command->cause.start_ns == UINT64_MAX);
}

TEST_CASE("response command: what is refused, and what reads as absent") {
  for (const char* json :
       {"", "[]", "{", "null", R"({"version":2,"command":"a","parameters":{}})",
        R"({"version":"1","command":"a","parameters":{}})", R"({"version":1,"command":"a"})",
        R"({"version":1,"command":"a","parameters":[]})", R"({"version":1,"command":7,"parameters":{}})"})
    CHECK(refusal(json).fault == Fault::kUser);
  for (const char* name :
       {"", "!", "../a", "!../a", "a/b", "a..b", ".a", "-a", "a b", "a\\u0000b/", "a\\n", "a\\\\b", "\\u00e9"})
    CHECK_FALSE(parse_command(std::string(R"({"version":1,"parameters":{},"command":")") + name + "\"}"));
  CHECK_FALSE(parse_command(R"({"version":1,"parameters":{},"command":")" + std::string(256, 'a') + "\"}"));
  CHECK_FALSE(parse_command(std::string(1'000'000, '[')));
  CHECK_FALSE(parse_command(R"({"version":1,"command":"a","parameters":)" + std::string(100'000, '[')));
  for (const char* pid : {"-1x", "\"\"", "\"-\"", "1.5", "4294967296", "\"99999999999999999999\"", "{}", "true"}) {
    auto command = parse_command(
        std::string(R"({"version":1,"command":"a","parameters":{"alert":{"data":{"tiercel":{"proc":{"pid":)") + pid +
        "}}}}}}");
    if (command) CHECK_FALSE(command->cause.pid);
  }
}

TEST_CASE("response command: a script's message keeps the rest, byte for byte") {
  const std::string add = script_message(kFromRule, "add", "active-response/bin/x");
  CHECK(add.find(R"("command":"add")") != std::string::npos);
  CHECK(add.find(R"("origin":{"name":"node01","module":"wazuh-execd"})") != std::string::npos);
  CHECK(add.find(R"("program":"active-response/bin/x")") != std::string::npos);
  CHECK(add.find(R"("start_ns":"26210323544059")") != std::string::npos);
  CHECK(with_verb(add, "delete").find(R"("command":"delete")") != std::string::npos);
  // A newline within a text stays one line.
  const std::string line =
      script_message(R"({"version":1,"command":"a","parameters":{"x":"1\n2","y":"\u0000"}})", "add", "p");
  CHECK(line.find('\n') == std::string::npos);
  CHECK(line.find('\0') == std::string::npos);
}

TEST_CASE("response command: what scripts say") {
  auto line = parse_script_line(check_keys_line("firewall-drop", {"10.9.8.7", "x\"y"}));
  REQUIRE(line.keys);
  CHECK(*line.keys == std::vector<std::string>{"10.9.8.7", "x\"y"});
  line = parse_script_line(
      R"({"version":1,"origin":{"name":"N","module":"active-response"},"command":"check_keys","parameters":{"keys":[]}})");
  CHECK(line.keys);
  line = parse_script_line(result_line("kill-process", "refused", "because"));
  CHECK_FALSE(line.keys);
  CHECK(line.result == "refused");
  CHECK(line.reason == "because");
  CHECK(parse_script_line(result_line("x", "undone", "")).result.empty());  // not a script's to say
  for (const char* other : {"", "hello", "[1]", "{", R"({"command":"check_key"})"}) {
    CHECK_FALSE(parse_script_line(other).keys);
    CHECK(parse_script_line(other).result.empty());
  }
}

TEST_CASE("response ar.conf: lines, order, and what is no line") {
  const auto entries = parse_ar_conf(
      "restart-wazuh0 - restart-ossec.sh - 0\nrestart-wazuh0 - restart-wazuh - 0\r\n"
      "test-ar5 - test-ar - 5\n\nnonsense\na - b\n - c - 1\nd - ../e - 1\nf - g - x\nh - i - 99999999999\nj - k - "
      "-1\nlast - z - 7");
  CHECK(entries == std::vector<ArEntry>{{"restart-wazuh0", "restart-ossec.sh", 0},
                                        {"restart-wazuh0", "restart-wazuh", 0},
                                        {"test-ar5", "test-ar", 5},
                                        {"h", "i", kTimeoutSMax},
                                        {"last", "z", 7}});
  std::string many;
  for (int i = 0; i < 100'000; ++i) many += "a - b - 1\n";
  CHECK(parse_ar_conf(many).size() == 4096);
}

TEST_CASE("response: timeouts of repeated offenders grow to the end of the list") {
  Offenders offenders({1, 10, 30});
  CHECK(offenders.timeout_s("a", 300) == 300);
  CHECK(offenders.timeout_s("a", 300) == 600);
  CHECK(offenders.timeout_s("b", 5) == 5);
  CHECK(offenders.timeout_s("a", 300) == 1800);
  CHECK(offenders.timeout_s("a", 300) == 1800);
  CHECK(offenders.timeout_s("b", 5) == 60);
  CHECK(offenders.timeout_s("a", 7200) == 7200);  // never shorter than its own
  Offenders none({});
  CHECK(none.timeout_s("a", 5) == 5);
  CHECK(none.timeout_s("a", 5) == 5);
}

TEST_CASE("response firewall: addresses, and which stay reachable") {
  CHECK(*plain_address("10.1.2.3") == "10.1.2.3");
  CHECK(*plain_address("::ffff:10.1.2.3") == "10.1.2.3");
  CHECK(*plain_address("2001:DB8:0::1") == "2001:db8::1");
  for (const char* text :
       {"", "10.1.2", "10.1.2.3/8", "1.2.3.4; flush ruleset", "example.org", "fe80::1%eth0", "10.1.2.3 "})
    CHECK_FALSE(plain_address(text));
  CHECK(why_reachable("127.9.9.9", {}) == "it is loopback");
  CHECK(why_reachable("::1", {}) == "it is loopback");
  for (const char* address : {"0.0.0.0", "255.255.255.255", "224.0.0.1", "::", "ff02::1"})
    CHECK(why_reachable(address, {}) == "it is no host's address");
  CHECK(why_reachable("192.0.2.7", {"192.0.2.7"}) == "it is the manager's");
  CHECK(why_reachable("192.0.2.7", {"192.0.2.8"}).empty());
  CHECK(why_reachable("192.0.2.7", {"no-such-host.invalid"}).find("does not resolve") != std::string::npos);
}

TEST_CASE("response firewall: gateways, managers of ossec.conf, nft") {
  CHECK(gateways_of(
            "Iface\tDestination\tGateway\tFlags\neth0\t00000000\t0101A8C0\t0003\neth0\t0001A8C0\t00000000\t0001\n",
            "00000000000000000000000000000000 00 00000000000000000000000000000000 00 "
            "fe800000000000000000000000000001 00000400 00000001 00000000 00000003 eth0\n"
            "00000000000000000000000000000000 00 00000000000000000000000000000000 00 "
            "00000000000000000000000000000000 ffffffff 00000001 00000000 00200200 lo\nbroken") ==
        std::vector<std::string>{"192.168.1.1", "fe80::1"});
  CHECK(managers_of_ossec_conf("<client><server><address> 10.0.0.1 </address></server><server><address>m2</address>"
                               "<address></address><address>open") == std::vector<std::string>{"10.0.0.1", "m2"});
  CHECK(nft_script("10.1.2.3", true).find("add element inet tiercel blocked4 { 10.1.2.3 }") != std::string::npos);
  CHECK(nft_script("10.1.2.3", true).find("delete element") == std::string::npos);
  CHECK(nft_script("2001:db8::1", false).find("delete element inet tiercel blocked6 { 2001:db8::1 }") !=
        std::string::npos);
}

TEST_CASE("response account: whom an alert means, and who stays") {
  Cause cause;
  CHECK_FALSE(account_of(cause));
  cause.srcuser = "www-data";
  CHECK(*account_of(cause) == "www-data");
  cause.dstuser = "alice";
  CHECK(*account_of(cause) == "alice");
  cause.in_container = true;
  CHECK(*account_of(cause) == "alice");
  cause.dstuser.clear();
  CHECK_FALSE(account_of(cause));  // a name of the container's own passwd file
  cause.in_container = false;
  for (const char* name : {"-L", "a:b", "a b", "../x"}) {
    cause.srcuser = name;
    CHECK_FALSE(account_of(cause));
  }
  CHECK(why_needed("root") == "it is root");
  CHECK(why_needed("no-such-user-here") == "there is no local account of that name");
}
