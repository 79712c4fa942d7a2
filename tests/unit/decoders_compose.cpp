// Records from named parameters: what render prints, compose reads back.
#include <doctest/doctest.h>

#include <set>

#include "decoders/compose.h"
#include "decoders/flags.h"
#include "decoders/render.h"

using namespace tiercel::decoders;

namespace {

struct NoNames : Names {
  std::string user(uint32_t) const override { return {}; }
  std::string group(uint32_t) const override { return {}; }
  std::string comm(int64_t) const override { return {}; }
  std::string absolute(std::string_view raw, std::string_view base) const override {
    return raw.starts_with('/') ? std::string(raw) : std::string(base) + "/" + std::string(raw);
  }
  std::string descriptor(int64_t) const override { return {}; }
  std::string tuple() const override { return {}; }
};

const IdsOf kNobody;

std::string shown(Composer& composer, std::string_view param) {
  auto record = Record::parse(composer.finish());
  REQUIRE(record);
  return param_text(*record, record->info(), param, NoNames()).value_or("none");
}

std::string made(std::string_view event, std::string_view param, const std::string& value) {
  Composer composer(*event_by_name(event), kNobody);
  const auto done = composer.set(param, {value});
  if (!done) return "error: " + done.error().message;
  return shown(composer, param);
}

int64_t number(Kind kind, std::string_view text) {
  const auto value = parse_number(kind, text, kNobody);
  REQUIRE_MESSAGE(value, std::string(text));
  return *value;
}

}  // namespace

TEST_CASE("percentages have decimals, and bounds") {
  CHECK(number(Kind::kPERCENT, "0") == 0);
  CHECK(number(Kind::kPERCENT, "98") == 98'000);
  CHECK(number(Kind::kPERCENT, "97.55") == 97'550);
  CHECK(number(Kind::kPERCENT, "800.001") == 800'001);
  for (const char* wrong : {"-1", "much", "98%", "1e3", "5000000", "nan", "0x10", "9 8", "."})
    CHECK_FALSE(parse_number(Kind::kPERCENT, wrong, kNobody));
}

TEST_CASE("what is printed is read back") {
  CHECK(made("openat", "flags", "O_TRUNC|O_CREAT|O_WRONLY") == "O_TRUNC|O_CREAT|O_WRONLY");
  CHECK(made("openat", "flags", "O_RDWR") == "O_RDWR");
  CHECK(made("openat", "flags", "O_CREAT|O_WRONLY|O_F_CREATED") == "O_CREAT|O_WRONLY|O_F_CREATED");
  CHECK(made("openat", "flags", "O_F_CREATED") == "O_RDONLY|O_F_CREATED");
  CHECK(made("openat", "fd", "ENOENT") == "ENOENT");
  CHECK(made("openat", "fd", "-13") == "EACCES");
  CHECK(made("openat", "dirfd", "AT_FDCWD") == "AT_FDCWD");
  CHECK(made("openat", "mode", "0640") == "0640");
  CHECK(made("openat", "mode", "0o640") == "0640");
  CHECK(made("openat", "name", "/a b") == "/a b");
  CHECK(made("mount", "flags", "RDONLY, NOSUID BIND") == "RDONLY|NOSUID|BIND");
  CHECK(made("mount", "type", "ext4") == "ext4");
  CHECK(made("ptrace", "request", "PTRACE_ATTACH") == "PTRACE_ATTACH");
  CHECK(made("ptrace", "addr", "0xdead") == "DEAD");
  CHECK(made("procexit", "sig", "SIGKILL") == "SIGKILL");
  CHECK(made("setuid", "res", "EPERM") == "EPERM");
  CHECK(made("setuid", "uid", "4294967295") == "<NONE>");
  CHECK(made("clone", "flags", "CLONE_NEWNS|CLONE_NEWUSER") == "CLONE_NEWNS|CLONE_NEWUSER");
}

TEST_CASE("each name of each flag table means what it prints as") {
  std::set<Kind> kinds;
  for (const RecordInfo& record : all_records())
    for (const FieldInfo& field : record.fields) kinds.insert(field.kind);
  for (const EventInfo& event : all_events())
    for (const ParamInfo& param : event.params) kinds.insert(param.kind);
  const std::set<std::string_view> kernels_word = {"O_F_CREATED", "FD_UPPER_LAYER", "FD_LOWER_LAYER"};
  size_t tables = 0;
  for (const Kind kind : kinds) {
    tables += !flag_table(kind).empty();
    for (const FlagName& flag : flag_table(kind)) {
      CAPTURE(kind_info(kind).name);
      CAPTURE(flag.name);
      if (kernels_word.contains(flag.name)) {
        CHECK_FALSE(parse_number(kind, flag.name, kNobody));
        continue;
      }
      const std::string text = flags_text(kind, static_cast<uint64_t>(number(kind, flag.name)));
      CHECK(("|" + text + "|").find("|" + std::string(flag.name) + "|") != std::string::npos);
    }
  }
  CHECK(tables >= 30);
}

TEST_CASE("numbers of every kind") {
  CHECK(number(Kind::kUINT64, "0xFFFFFFFFFFFFFFFF") == -1);
  CHECK(number(Kind::kERRNO, "SUCCESS") == 0);
  CHECK(number(Kind::kERRNO, "ENOENT") == -2);
  CHECK(number(Kind::kERRNO, "-ENOENT") == -2);
  CHECK(number(Kind::kCAPS, "CAP_CHOWN|CAP_SYS_ADMIN") == (1 | 1 << 21));
  CHECK(number(Kind::kINT32, "-9223372036854775808") == INT64_MIN);
  for (const char* bad : {"", " ", "1x", "0x", "-", "--1", "99999999999999999999", "O_WHAT", "0.5"}) {
    CAPTURE(bad);
    CHECK_FALSE(parse_number(Kind::kUINT32, bad, kNobody));
    CHECK_FALSE(parse_number(Kind::kERRNO, bad, kNobody));
    CHECK_FALSE(parse_number(Kind::kOCT32, bad, kNobody));
  }
  CHECK_FALSE(parse_number(Kind::kUINT32, "-1", kNobody));
  CHECK_FALSE(parse_number(Kind::kOCT32, "0899", kNobody));
  CHECK_FALSE(parse_number(Kind::kSOCK_FAMILY, "AF_INET|AF_INET6", kNobody));
  const IdsOf ids{[](std::string_view name) { return name == "bob" ? std::optional<uint32_t>(7) : std::nullopt; }, {}};
  CHECK(parse_number(Kind::kUID, "bob", ids) == 7);
  CHECK_FALSE(parse_number(Kind::kUID, "eve", ids));
  CHECK_FALSE(parse_number(Kind::kGID, "bob", ids));
}

TEST_CASE("a value has to fit its field") {
  CHECK(made("connect", "lport", "65535") != "error");
  Composer composer(*event_by_name("connect"), kNobody);
  CHECK_FALSE(composer.set("lport", {"65536"}));
  CHECK_FALSE(composer.set("lport", {"1", "2"}));
  CHECK_FALSE(composer.set("laddr", {"1.2.3"}));
  CHECK(composer.set("laddr", {"::1"}));
  CHECK_FALSE(composer.set("nothing", {"1"}));
  CHECK_FALSE(composer.set("path", {"a", "b"}));
  Composer exit(*event_by_name("procexit"), kNobody);
  CHECK(exit.set("ret", {"-1"}));
  CHECK_FALSE(exit.set("ret", {"4294967296"}));
}

TEST_CASE("both ends of a socket") {
  struct Want {
    const char *event, *name, *value;
    uint16_t lport, rport;
    uint8_t local, remote;  // first byte of each
    uint16_t family;
  };
  const Want wants[] = {
      {"connect", "tuple", "10.0.0.1:40000->93.0.0.1:443", 40000, 443, 10, 93, 2},
      {"accept", "tuple", "93.0.0.1:5000->10.0.0.1:22", 22, 5000, 10, 93, 2},
      {"connect", "addr", "93.0.0.1:443", 0, 443, 0, 93, 2},
      {"bind", "addr", "10.0.0.1:80", 80, 0, 10, 0, 2},
      {"connect", "remote", "[fd00::1]:443", 0, 443, 0, 0xfd, 10},
      {"accept4", "local", "10.0.0.1", 0, 0, 10, 0, 2},
  };
  for (const Want& want : wants) {
    CAPTURE(want.value);
    Composer composer(*event_by_name(want.event), kNobody);
    REQUIRE(composer.set(want.name, {want.value}));
    auto record = Record::parse(composer.finish());
    REQUIRE(record);
    const auto* sock = record->as<ev_sock>();
    CHECK(sock->lport == want.lport);
    CHECK(sock->rport == want.rport);
    CHECK(sock->laddr[0] == want.local);
    CHECK(sock->raddr[0] == want.remote);
    CHECK(sock->family == want.family);
    CHECK(sock->l4proto == 6);
  }
  for (const char* bad : {"10.0.0.1:x", "10.0.0.1:70000", "::1:443", "[::1", "host:80", "", "10.0.0.1:-1"}) {
    CAPTURE(bad);
    Composer composer(*event_by_name("connect"), kNobody);
    CHECK_FALSE(composer.set("addr", {bad}));
    CHECK_FALSE(composer.set("tuple", {bad}));
  }
  Composer unix_socket(*event_by_name("connect"), kNobody);
  REQUIRE(unix_socket.set("addr", {"/run/x.sock"}));
  auto record = Record::parse(unix_socket.finish());
  CHECK(record->as<ev_sock>()->family == 1);
  CHECK(record->as<ev_sock>()->l4proto == 0);
}

TEST_CASE("every parameter of every event can be set or belongs to the process") {
  const std::set<std::string_view> derived = {"queuepct"};  // of queuelen and queuemax
  for (const EventInfo& event : all_events()) {
    if (event.flags & EF_INTERNAL) continue;
    const Composer composer(event, kNobody);
    const auto names = composer.names();
    for (const ParamInfo& info : event.params) {
      const std::string_view param = info.name;
      CAPTURE(event.name);
      CAPTURE(param);
      const bool settable = std::find(names.begin(), names.end(), param) != names.end();
      CHECK((settable || composer.is_of_process(param) || derived.contains(param)));
      CHECK_FALSE((settable && composer.is_of_process(param)));
    }
  }
}

TEST_CASE("a text that is too long is cut, not written beyond the record") {
  Composer composer(*event_by_name("openat"), kNobody);
  REQUIRE(composer.set("name", {std::string(100'000, 'x')}));
  REQUIRE(composer.set("realpath", {"/x"}));
  auto record = Record::parse(composer.finish());
  REQUIRE(record);
  CHECK((record->head().flags & EVF_TEXT_CUT) != 0);
  CHECK(record->bytes().size() <= TIERCEL_RECORD_MAX);
}
