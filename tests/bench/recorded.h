// What the benches of the parts work on: recordings read into memory, and rule sets. A bench has one thread; what does
// not read or load ends the program with a line that says why.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "agent/rule/engine.h"
#include "decoders/record.h"

namespace tiercel::bench {

struct Recording {
  std::string path;
  uint64_t realtime_offset_ns = 0;
  std::vector<std::vector<uint64_t>> records;  // aligned bytes, whole words
};

struct Set {
  std::string name;
  std::shared_ptr<const rule::RuleSet> rules;
  double load_s = 0;
};

[[noreturn]] void die(const std::string& why);
[[nodiscard]] Recording read(const std::string& path);
[[nodiscard]] Set load(const std::string& argument);  // NAME=PATH[,PATH...]
// One of a recording's. Its bytes are what a ring would hold: they are checked as those are.
[[nodiscard]] decoders::Record parse(const std::vector<uint64_t>& words);

}  // namespace tiercel::bench
