#include <doctest/doctest.h>

#include "decoders/derived.h"
#include "decoders/encode.h"
#include "decoders/flags.h"
#include "decoders/render.h"

using namespace tiercel::decoders;

namespace {

RecordBuilder<ev_open> an_open() {
  RecordBuilder<ev_open> b(EVT_openat);
  b->fd = 3;
  b->dirfd = -100;
  b->flags = 0101;
  b.set_text(&ev_open::name, "x").set_text(&ev_open::base, "/tmp").set_text(&ev_open::realpath, "/tmp/x");
  return b;
}

struct TestNames final : Names {
  std::string user(uint32_t uid) const override { return uid == 0 ? "root" : ""; }
  std::string group(uint32_t) const override { return {}; }
  std::string comm(int64_t) const override { return {}; }
  std::string absolute(std::string_view raw, std::string_view base) const override {
    return std::string(base) + "/" + std::string(raw);
  }
  std::string descriptor(int64_t) const override { return "<f>/tmp/x"; }
  std::string tuple() const override { return {}; }
};

}  // namespace

TEST_CASE("a built record parses to the same texts and numbers") {
  auto built = an_open();
  auto record = Record::parse(built.bytes());
  REQUIRE(record.has_value());
  const auto* open = record->as<ev_open>();
  REQUIRE(open);
  CHECK(record->as<ev_exec>() == nullptr);
  CHECK(record->text(open->name) == "x");
  CHECK(record->text(open->realpath) == "/tmp/x");
  CHECK(record->number(*field_of(*record->info().record, "dirfd")) == -100);
}

TEST_CASE("every truncation and every forged length is refused") {
  auto built = an_open();
  const auto whole = built.bytes();
  for (size_t size = 0; size < whole.size(); ++size) CHECK_FALSE(Record::parse(whole.first(size)).has_value());
  for (uint16_t off : {0, 8, 87, 150, 65535})
    for (uint16_t len : {1, 200, 65535}) {
      auto forged = an_open();
      forged->name = {off, len};
      CHECK_FALSE(Record::parse(forged.bytes()).has_value());
    }
}

TEST_CASE("a record of unknown type is refused") {
  auto built = an_open();
  for (uint16_t type : {0, int(EVT_COUNT), 65535}) {
    built->head.type = type;
    CHECK_FALSE(Record::parse(built.bytes()).has_value());
  }
}

TEST_CASE("parameters by name, by index and as one text") {
  auto built = an_open();
  auto record = Record::parse(built.bytes());
  const EventInfo& info = record->info();
  CHECK(param_text(*record, info, "name", TestNames()) == "/tmp/x");
  CHECK(param_text(*record, info, "2", TestNames()) == "/tmp/x");
  CHECK(param_text(*record, info, "flags", TestNames()) == "O_CREAT|O_WRONLY");
  CHECK(param_text(*record, info, "dirfd", TestNames()) == "AT_FDCWD");
  CHECK_FALSE(param_text(*record, info, "nosuch", TestNames()).has_value());
  CHECK_FALSE(param_text(*record, info, "99", TestNames()).has_value());
  CHECK(params_text(*record, info, TestNames()).starts_with("fd=3(<f>/tmp/x) dirfd=-100(AT_FDCWD) name=x(/tmp/x)"));
}

TEST_CASE("every parameter of every event can be found, and has a field or is told by the process") {
  for (const EventInfo& event : all_events())
    for (const ParamInfo& param : event.params) {
      CAPTURE(event.name);
      CAPTURE(param.name);
      CHECK(event.param(param.name) == &param);
      CHECK((param.field || derived_kind(param.name)));
    }
}

TEST_CASE("access modes print as Falco prints them") {
  CHECK(flags_text(Kind::kFILE_FLAGS, 0) == "O_RDONLY");
  CHECK(flags_text(Kind::kFILE_FLAGS, 1) == "O_WRONLY");
  CHECK(flags_text(Kind::kFILE_FLAGS, 2) == "O_RDWR");
  CHECK(flags_text(Kind::kFILE_FLAGS, 01101) == "O_TRUNC|O_CREAT|O_WRONLY");
  CHECK(enum_text(Kind::kSOCK_FAMILY, 1) == "AF_LOCAL|AF_UNIX");
  CHECK(errno_name(-2) == "ENOENT");
  CHECK(capabilities_text(1ull << 21 | 1) == "CAP_CHOWN CAP_SYS_ADMIN");
}
