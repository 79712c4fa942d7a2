// Canary calls: for each event a system call that does nothing, whoever makes it: it names what cannot be there, or
// says what no kernel takes, and fails. Its exit is told all the same, so whoever waits for it learns whether the hook
// is alive.
//
// They are made by a child of a secret name, by which the records are known. Any thread; start_canaries() waits until
// the child has ended, some 0.2 ms. A process that a system call filter holds may not ask for all of these: the broker
// may (agent/base/broker.h).
#pragma once

#include <sys/types.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "agent/base/result.h"

namespace tiercel {

inline constexpr size_t kCanaryNameMax = 15;  // TASK_COMM_LEN

struct CanaryCall {
  const char* event;  // Falco's name
  long number;
  std::array<long, 6> arguments;
  unsigned paths = 0;  // bits: those arguments become a path in a folder of the secret name, which is not there
};

[[nodiscard]] std::span<const CanaryCall> canary_calls();

// A child of that name makes the calls of those numbers (indices of canary_calls()) and ends. Its pid. It has a copy of
// nothing: no memory of ours, and no program.
[[nodiscard]] Result<pid_t> start_canaries(const std::string& name, std::span<const uint8_t> calls);

}  // namespace tiercel
