// What `tiercel outputs` does: tells what outputs are configured, and sends a marked alert by one of them, from the
// process of who asks, past spool, conditions and the running agent. One thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "agent/config/config.h"

namespace tiercel {

// Where an output leads, as may be shown: of a URL only scheme, host and port.
[[nodiscard]] std::string place_of(const config::Output& output);

struct OutputTest {
  enum class Result { kTaken, kRefused, kFailed, kNoAnswer, kNotTried };
  Result result = Result::kNotTried;
  std::string answer;  // for a person
};
[[nodiscard]] std::string_view word_of(OutputTest::Result result);
// The alert has the rule "Tiercel test", the tag test, and the least priority that the output takes, at most Notice.
[[nodiscard]] OutputTest test_output(const config::Config& config, const config::Output& output,
                                     const std::string& name, int timeout_ms);

}  // namespace tiercel
