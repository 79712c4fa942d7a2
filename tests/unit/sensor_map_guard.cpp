#include "agent/sensor/map_guard.h"

#include <doctest/doctest.h>

#include <array>

using namespace tiercel::sensor;

TEST_CASE("map guard: what somebody else wrote is told and put right, what the agent wrote is not") {
  std::array<volatile std::byte, 4> told{};
  told[1] = std::byte{1};
  MapGuard guard;
  guard.guard_memory("told", told);
  CHECK(guard.check().empty());
  told[1] = std::byte{0};
  told[3] = std::byte{9};
  const auto found = guard.check();
  REQUIRE(found.size() == 1);
  CHECK(found[0].name == "told");
  CHECK(found[0].bytes == 2);
  CHECK(found[0].restored);
  CHECK(std::byte(told[1]) == std::byte{1});
  CHECK(std::byte(told[3]) == std::byte{0});
  CHECK(guard.check().empty());
  {
    const auto change = guard.change();
    told[2] = std::byte{1};
  }
  CHECK(guard.check().empty());
  CHECK(std::byte(told[2]) == std::byte{1});
  told[0] = std::byte{5};
  {
    const auto change = guard.change();  // does not hide what was there before it
    told[3] = std::byte{1};
  }
  CHECK(guard.check().size() == 1);
  CHECK(std::byte(told[0]) == std::byte{0});
  CHECK(std::byte(told[3]) == std::byte{1});
  guard.forget("told");
  told[2] = std::byte{0};
  CHECK(guard.check().empty());
}

TEST_CASE("map guard: a map that cannot be read or written is told of once, as not put right") {
  bool reads = true, writes = true;
  MapGuard::Bytes held(2);
  MapGuard guard;
  guard.guard("entry",
              {[&](MapGuard::Bytes& into) {
                 into = held;
                 return reads;
               },
               [&](const MapGuard::Bytes& from) {
                 if (writes) held = from;
                 return writes;
               }},
              2);
  held[0] = std::byte{7};
  writes = false;
  auto found = guard.check();
  REQUIRE(found.size() == 1);
  CHECK_FALSE(found[0].restored);
  writes = true;
  CHECK(guard.check().at(0).restored);
  reads = false;
  found = guard.check();
  REQUIRE(found.size() == 1);
  CHECK(found[0].bytes == 0);
  CHECK(guard.check().empty());
}
