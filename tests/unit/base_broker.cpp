// What goes between the agent and its broker; that the broker works is tests/kernel/test_hardening.py's.
#include "agent/base/broker.h"

#include <doctest/doctest.h>

#include <cstddef>
#include <span>
#include <string>

using namespace tiercel;

namespace {

std::optional<Launch> through(const std::string& text) {
  return broker::unpacked(std::as_bytes(std::span(text.data(), text.size())));
}

Launch example() {
  Launch launch;
  launch.file = "/usr/sbin/nft";
  launch.argv = {"/usr/sbin/nft", "", "-f", "-"};
  launch.environment = {"LANG=C.UTF-8"};
  launch.folder = "/";
  return launch;
}

}  // namespace

TEST_CASE("broker: a request comes out as it went in") {
  const auto got = through(broker::packed(example()));
  REQUIRE(got);
  CHECK(got->file == "/usr/sbin/nft");
  CHECK(got->argv == example().argv);
  CHECK(got->environment == example().environment);
  CHECK(got->folder == "/");
  CHECK(got->network == -1);
}

TEST_CASE("broker: a network goes as a descriptor, not as a number") {
  Launch launch = example();
  launch.network = 17;
  const auto got = through(broker::packed(launch));
  REQUIRE(got);
  CHECK(got->network == 0);
}

TEST_CASE("broker: a request that is cut, too long or says other things than it holds starts nothing") {
  const std::string good = broker::packed(example());
  for (size_t size = 0; size < good.size(); ++size) CHECK_FALSE(through(good.substr(0, size)));
  CHECK_FALSE(through(good + "x"));
  std::string lies = good;
  lies[0] = lies[1] = lies[2] = lies[3] = '\xff';  // the length of the first text
  CHECK_FALSE(through(lies));
  Launch nul = example();
  nul.argv[1] = std::string("a\0b", 3);
  CHECK_FALSE(through(broker::packed(nul)));
  CHECK_FALSE(through(broker::packed(Launch{})));
}
