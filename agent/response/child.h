// Talks with a child (agent/base/child.h): converse() with a script as execd does; run_tool() runs a program of the
// system to its end. Any thread; both block the caller, and no other.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "agent/base/child.h"
#include "agent/base/result.h"

namespace tiercel::response {

using tiercel::Child;
using tiercel::Launch;
using tiercel::plain_environment;

struct Talk {
  std::string message;       // the first line for its standard input, without newline
  bool close_input = false;  // after it, as there is nothing more to say
  int quiet_ms_max = -1;     // close its input when it has said nothing for so long: it may wait for the end; -1: never
  int time_limit_ms = 60'000;
  int stop_fd = -1;  // readable when we stop: leave it alone from *stop_deadline_ns (CLOCK_MONOTONIC) on
  const std::atomic<uint64_t>* stop_deadline_ns = nullptr;
  // The script's keys; returns the line to answer. Not called a second time.
  std::function<std::string(const std::vector<std::string>& keys)> on_keys;
};
struct Talked {
  enum class End : uint8_t { kExited, kTimeLimit, kLeft };  // kLeft: it runs on, we are stopping
  End end = End::kExited;
  int exit_status = 0;
  std::string result, reason;  // of a result line
  uint64_t output_bytes = 0;
};
[[nodiscard]] Talked converse(Child& child, const Talk& talk);

struct ToolRun {
  int exit_status = 0;
  std::string output;  // both streams, the first 4 KiB, without a newline at the end
};
// `network`: a network namespace to run it in; -1: ours.
[[nodiscard]] Result<ToolRun> run_tool(const std::string& file, std::vector<std::string> arguments,
                                       const std::string& input, int time_limit_ms, int network = -1);
// Absolute path of a program of the system; empty: it is not installed.
[[nodiscard]] std::string find_tool(const std::string& name);

}  // namespace tiercel::response
