// MissedRuns: how often the kernel did not run one of our programs because another was at work on that CPU or the
// program itself was (recursion_misses of its info, v5.12). Nobody else counts these: the program that would have is
// the one that did not run. One thread.
#pragma once

#include <cstdint>
#include <map>
#include <string>

namespace tiercel::sensor {

class MissedRuns {
 public:
  // Asks the kernel about each program that this process holds. The sum since the start: programs that are gone count
  // on with what they had at the last look.
  uint64_t look();

 private:
  std::map<uint32_t, uint64_t> of_program_;  // by program id
};

}  // namespace tiercel::sensor
