// What the kernel looks for in records of other calls than opens: paths, ends of connections, users.
#include <arpa/inet.h>
#include <doctest/doctest.h>

#include <cstring>
#include <vector>

#include "push_sets.h"

using namespace tiercel;
using namespace tiercel::tests;

namespace {

struct End {
  uint16_t family;
  const char* address;
  uint32_t number;  // port, or uid
};

bool has(const push_range& range, const End& end) {
  if (range.family == 0) return end.number >= range.low && end.number <= range.high;
  uint64_t address[2] = {};
  inet_pton(end.family, end.address, address);
  return range.family == end.family && ((address[0] ^ range.address[0]) & range.mask[0]) == 0 &&
         ((address[1] ^ range.address[1]) & range.mask[1]) == 0;
}

// The facts that a value of that side gives, as push__some_ranges() of bpf/include/push_judge.h does.
std::vector<uint32_t> facts_of(const push_set& set, push_side side, const End& end) {
  std::vector<uint32_t> facts;
  bool inside = false;
  for (uint32_t n = 0; n < set.ranges_end; ++n) {
    const push_range& range = set.ranges[n];
    CHECK((n >= set.ranges_of_calls && n < set.ranges_of_users) == (range.side == PUSH_USER));
    if (range.side != side) continue;
    inside |= has(range, end);
    if (range.last == 0) continue;
    if (range.in != 0 && inside) facts.push_back(range.in);
    if (range.out != 0 && !inside) facts.push_back(range.out);
    inside = false;
  }
  return facts;
}

bool wanted(const push_set& set, uint16_t type, push_side side, const End& end) {
  for (uint32_t fact : facts_of(set, side, end))
    if (sent(set, type, {fact})) return true;
  return false;
}

}  // namespace

TEST_CASE("push-down: numbers and addresses, inside and outside") {
  struct Case {
    const char* condition;
    push_side side;
    End hit, miss;
  };
  const Case cases[] = {
      {"fd.sport = 53", PUSH_SERVER, {AF_INET, "1.2.3.4", 53}, {AF_INET, "1.2.3.4", 54}},
      {"fd.sport in (53, 80)", PUSH_SERVER, {AF_INET, "1.2.3.4", 80}, {AF_INET, "1.2.3.4", 81}},
      {"not fd.sport in (53, 80)", PUSH_SERVER, {AF_INET, "1.2.3.4", 79}, {AF_INET, "1.2.3.4", 80}},
      {"fd.cport != 22", PUSH_CLIENT, {AF_INET, "1.2.3.4", 21}, {AF_INET, "1.2.3.4", 22}},
      {"not fd.lport != 22", PUSH_LOCAL, {AF_INET, "1.2.3.4", 22}, {AF_INET, "1.2.3.4", 23}},
      {"fd.rport > 1023", PUSH_REMOTE, {AF_INET, "1.2.3.4", 1024}, {AF_INET, "1.2.3.4", 1023}},
      {"fd.rport < 1024", PUSH_REMOTE, {AF_INET, "1.2.3.4", 1023}, {AF_INET, "1.2.3.4", 1024}},
      {"not fd.rport <= 1023", PUSH_REMOTE, {AF_INET, "1.2.3.4", 1024}, {AF_INET, "1.2.3.4", 1023}},
      {"fd.rport >= 65535", PUSH_REMOTE, {AF_INET, "1.2.3.4", 65535}, {AF_INET, "1.2.3.4", 65534}},
      {"fd.port = 53", PUSH_EITHER, {AF_INET, "1.2.3.4", 53}, {AF_INET, "1.2.3.4", 54}},
      {"fd.sip = 10.0.0.1", PUSH_SERVER, {AF_INET, "10.0.0.1", 0}, {AF_INET, "10.0.0.2", 0}},
      {"fd.sip != 10.0.0.1", PUSH_SERVER, {AF_INET6, "::1", 0}, {AF_INET, "10.0.0.1", 0}},
      {"fd.snet in (\"10.0.0.0/8\", \"fe80::/10\")", PUSH_SERVER, {AF_INET6, "febf::1", 0}, {AF_INET6, "fec0::1", 0}},
      {"not fd.snet in (\"127.0.0.0/8\", \"::1/128\")", PUSH_SERVER, {AF_INET6, "::2", 0}, {AF_INET, "127.9.9.9", 0}},
      {"fd.net = 192.168.4.0/22", PUSH_EITHER, {AF_INET, "192.168.7.255", 0}, {AF_INET, "192.168.8.0", 0}},
      {"fd.cip = ::1", PUSH_CLIENT, {AF_INET6, "::1", 0}, {AF_INET, "0.0.0.1", 0}},
      {"user.uid in (33, 34)", PUSH_USER, {0, "", 34}, {0, "", 35}},
      {"user.uid >= 1000", PUSH_USER, {0, "", 4294967295U}, {0, "", 999}},
      {"not user.uid in (0, 33)", PUSH_USER, {0, "", 1}, {0, "", 0}},
  };
  for (const Case& one_case : cases) {
    CAPTURE(std::string(one_case.condition));
    const auto set = pushed(one("R", std::string("evt.type = connect and ") + one_case.condition));
    REQUIRE(set);
    CHECK(wanted(*set, EVT_connect, one_case.side, one_case.hit));
    CHECK_FALSE(wanted(*set, EVT_connect, one_case.side, one_case.miss));
  }
}

TEST_CASE("push-down: the result of what doubles a descriptor") {
  struct Case {
    const char* condition;
    uint32_t hit, miss;
  };
  const Case cases[] = {{"evt.rawres = 0", 0, 1},     {"evt.rawres in (0, 1, 2)", 2, 3},
                        {"evt.rawres != 0", 1, 0},    {"not evt.rawres in (1, 2)", 0, 2},
                        {"evt.rawres >= 5", 5, 4},    {"evt.rawres > 5", 6, 5},
                        {"not evt.rawres >= 5", 4, 5}};
  for (const Case& one_case : cases) {
    CAPTURE(std::string(one_case.condition));
    const auto set = pushed(one("R", std::string("evt.type in (dup, dup2, dup3, fcntl) and ") + one_case.condition));
    REQUIRE(set);
    for (const uint16_t type : {EVT_dup, EVT_dup2, EVT_dup3, EVT_fcntl}) {
      CHECK(wanted(*set, type, PUSH_RESULT, {0, "", one_case.hit}));
      CHECK_FALSE(wanted(*set, type, PUSH_RESULT, {0, "", one_case.miss}));
    }
  }
  const auto accept = pushed(one("R", "evt.type = accept and evt.rawres = 5"));  // there the sign alone
  REQUIRE(accept);
  CHECK(accept->ranges_end == 0);
  for (const char* condition : {"evt.rawres < 3", "evt.rawres <= 3", "evt.rawres != -9", "evt.rawres in (0, -9)",
                                "evt.rawres != val(fd.num)", "fd.typechar = 4"})
    CHECK_FALSE(pushed(one("R", std::string("evt.type = dup2 and ") + condition)));
  const auto failed = pushed(one("R", "evt.type = dup2 and evt.rawres < 0"));
  REQUIRE(failed);
  CHECK(sent(*failed, EVT_dup2, {PF_FAILED}));
  CHECK_FALSE(sent(*failed, EVT_dup2, {PF_SUCCEEDED}));
}

TEST_CASE("push-down: fcntl's commands that double a descriptor") {
  for (const char* condition :
       {"evt.arg.cmd startswith F_DUPFD", "evt.arg.cmd = F_DUPFD", "evt.arg.cmd in (F_DUPFD, F_DUPFD_CLOEXEC)"}) {
    CAPTURE(std::string(condition));
    const auto set = pushed(one("R", std::string("evt.type in (dup, fcntl) and ") + condition));
    REQUIRE(set);
    CHECK(sent(*set, EVT_fcntl, {PF_DUPLICATES}));
    CHECK_FALSE(sent(*set, EVT_fcntl, {PF_DUPLICATES_NOT}));
  }
  for (const char* condition : {"evt.arg.cmd in (F_DUPFD, F_GETFL)", "not evt.arg.cmd = F_DUPFD",
                                "evt.arg.cmd startswith F_", "evt.arg.cmd endswith F_DUPFD", "evt.arg.cmd exists"})
    CHECK_FALSE(pushed(one("R", std::string("evt.type = fcntl and ") + condition)));
}

TEST_CASE("push-down: tests of few ranges come first, whole, and what the others may say is set aside") {
  std::string ports = "fd.sport in (1";
  for (int port = 2; port <= 20; ++port) ports += ", " + std::to_string(port);
  const auto set = pushed(one("R", "evt.type = connect and user.uid = 33 and " + ports +
                                       ") and fd.sip in (1.1.1.1, 1.1.1.2, 1.1.1.3) and fd.cport != 22"));
  REQUIRE(set);
  REQUIRE(set->ranges_of_calls == 0);
  REQUIRE(set->ranges_of_users == 1);
  CHECK(set->ranges_few == 5);
  CHECK(set->ranges_end == 25);
  CHECK(set->ranges[1].side == PUSH_CLIENT);
  CHECK(set->ranges[4].side == PUSH_SERVER);
  CHECK(set->ranges[4].last == 1);
  CHECK(set->facts_of_rest == uint64_t{1} << set->ranges[24].in);
  const auto few = pushed(one("R", "evt.type = connect and fd.sport in (1, 2)"));
  REQUIRE(few);
  CHECK(few->ranges_few == few->ranges_end);
  CHECK(few->facts_of_rest == 0);
  const auto many = pushed(one("R", "evt.type = connect and " + ports + ")"));
  REQUIRE(many);
  CHECK(many->ranges_few == many->ranges_of_users);
}

TEST_CASE("push-down: what a socket is") {
  const auto set = pushed(one("R", "evt.type in (connect, accept4) and fd.typechar in (4, 6) and fd.l4proto = udp"));
  REQUIRE(set);
  CHECK(sent(*set, EVT_connect, {PF_SOCK_IP, PF_SOCK_UDP}));
  CHECK_FALSE(sent(*set, EVT_connect, {PF_SOCK_IP, PF_SOCK_TCP}));
  CHECK_FALSE(sent(*set, EVT_accept4, {PF_SOCK_UNIX, PF_SOCK_UDP}));
  CHECK(set->type_of[EVT_bind] == 0);
  const auto raw = pushed(one("R", "evt.type in (accept, socket) and fd.l4proto = raw"));
  REQUIRE(raw);
  CHECK(sent(*raw, EVT_socket, {PF_SOCK_RAW}));
  CHECK(sent(*raw, EVT_accept, {PF_SOCK_RAW}));
  CHECK_FALSE(sent(*raw, EVT_socket, {PF_SOCK_IP, PF_SOCK_TCP, PF_SOCK_UDP}));
  const auto unix_sockets = pushed(one("R", "evt.type = connect and fd.type = unix"));
  REQUIRE(unix_sockets);
  CHECK(sent(*unix_sockets, EVT_connect, {PF_SOCK_UNIX}));
  CHECK_FALSE(sent(*unix_sockets, EVT_connect, {PF_SOCK_IP}));
}

TEST_CASE("push-down: what socket() was called with") {
  const auto set = pushed(one("R", "evt.type = socket and evt.rawarg.domain in (16, 17) and evt.rawarg.proto = 12"));
  REQUIRE(set);
  CHECK(facts_of(*set, PUSH_DOMAIN, {0, "", 17}).size() == 1);
  CHECK(facts_of(*set, PUSH_DOMAIN, {0, "", 2}).empty());
  CHECK(facts_of(*set, PUSH_PROTOCOL, {0, "", 12}).size() == 1);
  CHECK(facts_of(*set, PUSH_PROTOCOL, {0, "", 16}).empty());
  for (const char* test : {"evt.rawarg.domain != 2", "not evt.rawarg.domain = 2", "evt.rawarg.domain > 2",
                           "evt.rawarg.type = 3", "evt.arg.domain = AF_INET", "evt.rawarg.domain = 65536"}) {
    CAPTURE(std::string(test));
    CHECK_FALSE(pushed(one("R", std::string("evt.type = socket and ") + test)));
  }
  CHECK_FALSE(pushed(one("R", "evt.type = connect and evt.rawarg.domain = 2")));
}

TEST_CASE("push-down: a unix socket's name is looked at from its first slash on") {
  const auto set = pushed(one("R", "evt.type = connect and fd.name endswith anyof (/docker.sock, \"x /run/a.sock\")"));
  REQUIRE(set);
  CHECK(finds(*set, "/run/docker.sock", PF_TEXTS));
  CHECK(finds(*set, "/run/a.sock", PF_TEXTS));
  CHECK_FALSE(finds(*set, "/run/b.sock", PF_TEXTS));
  for (const char* condition : {"fd.name contains 127", "fd.name startswith ff", "basename(fd.name) = a.sock"}) {
    CAPTURE(std::string(condition));
    CHECK_FALSE(pushed(one("R", std::string("evt.type = connect and ") + condition)));
  }
}

TEST_CASE("push-down: calls with a path, and with two") {
  const auto set =
      pushed(one("R", "evt.type in (unlink, unlinkat, openat) and fs.path.name startswith /etc/") +
             one("S", "evt.type in (rename, renameat2, symlink) and fs.path.target = /etc/passwd and evt.rawres >= 0"));
  REQUIRE(set);
  const bool etc_first = finds(*set, "/etc/x", PF_TEXTS);
  const uint32_t etc = PF_TEXTS + (etc_first ? 0 : 1), passwd = PF_TEXTS + (etc_first ? 1 : 0);
  CHECK(finds(*set, "/etc/passwd", passwd));
  CHECK(sent(*set, EVT_unlinkat, {etc}));
  CHECK_FALSE(sent(*set, EVT_unlinkat, {passwd, PF_SUCCEEDED}));
  CHECK(sent(*set, EVT_openat, {etc}));
  CHECK(sent(*set, EVT_rename, {passwd, PF_SUCCEEDED}));
  CHECK_FALSE(sent(*set, EVT_symlink, {passwd, PF_FAILED}));
  // a descriptor's number is no result there, and flags of opens are no flags of theirs
  for (const char* condition :
       {"fd.num >= 0", "evt.is_open_write = true", "evt.arg.flags contains O_TRUNC", "fd.name = /x"}) {
    CAPTURE(std::string(condition));
    CHECK_FALSE(pushed(one("R", std::string("evt.type = unlinkat and ") + condition)));
  }
  // what changes how later paths are read is told whatever it is
  CHECK_FALSE(pushed(one("R", "evt.type in (chroot, umount2, move_mount) and fs.path.name = /x")));
}

TEST_CASE("push-down: more numbers than the kernel has room for are judged in user space") {
  std::string ports;
  for (int port = 1; port <= 300; ++port) ports += (port > 1 ? ", " : "") + std::to_string(port);
  CHECK_FALSE(pushed(one("R", "evt.type = connect and fd.sport in (" + ports + ")")));
  std::string rules;
  for (int n = 1; n <= 60; ++n)
    rules += one("R" + std::to_string(n), "evt.type = connect and fd.typechar = u and fd.sport = " + std::to_string(n));
  const auto set = pushed(rules);
  REQUIRE(set);
  CHECK_FALSE(sent(*set, EVT_connect, {PF_SOCK_IP}));
}
