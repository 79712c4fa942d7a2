// What a rule and an alert say of operations that came through an io_uring.
#include <doctest/doctest.h>

#include "rule_support.h"

using namespace tiercel::rule;
using namespace tiercel::rule::test;

namespace {

TestEvent opened(World& world, uint16_t flags, int64_t fd = 5) {
  tiercel::decoders::RecordBuilder<ev_open> builder(EVT_openat);
  builder->head.flags = flags;
  builder->fd = fd;
  builder.set_text(&ev_open::name, "/etc/shadow");
  return {world, builder};
}

}  // namespace

TEST_CASE("a rule sees an operation of a ring as the call, and can tell it from one") {
  World world;
  const TestEvent call = opened(world, 0), ring = opened(world, EVF_IO_URING);
  const char* stock =
      "evt.type in (open, openat, openat2) and fd.name = /etc/shadow and fd.num >= 0 and fd.typechar = f";
  CHECK(holds(stock, *call));
  CHECK(holds(stock, *ring));
  CHECK(holds("evt.is_io_uring = true", *ring));
  CHECK(holds("evt.is_io_uring = false", *call));
  CHECK(holds("evt.is_res_unknown = false and fd.is_direct = false", *ring));
}

TEST_CASE("an open whose end is not told, or that made no descriptor, is no way around a rule") {
  World world;
  const char* stock =
      "evt.type in (open, openat, openat2) and fd.name = /etc/shadow and fd.num >= 0 and fd.typechar = f";
  const TestEvent untold = opened(world, EVF_IO_URING | EVF_RES_UNKNOWN | EVF_PATH_UNCERTAIN, 0);
  CHECK(holds(stock, *untold));
  CHECK(holds("evt.is_res_unknown = true and evt.failed = false", *untold));
  const TestEvent direct = opened(world, EVF_IO_URING | EVF_FD_DIRECT, 2);
  CHECK(holds(stock, *direct));
  CHECK(holds("fd.is_direct = true and fd.num = 2", *direct));
}
