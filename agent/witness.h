// Witness: a second small process (`tiercel-witness`) that tells what the agent cannot: that it was killed, or does not
// run any more. The broker makes it, so it is a copy of a process without threads; it has a pidfd of the agent, a page
// in which the deciding thread counts its ticks, and the agent's connection to its manager, which it ends before it
// speaks to that manager itself, with the agent's key: a manager takes one connection of an agent. It has no
// capability, the agent's filter of system calls, and a session of its own. It never starts the agent again, and it
// ends with it. docs/self-protection.md tells users. This is the agent's side; agent/witness_process.h is the other.
//
// start() after the broker and before the first thread; note() from any thread; the rest from the deciding one.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <cstdint>
#include <optional>

#include "agent/alert/report.h"
#include "agent/base/clock.h"
#include "agent/base/result.h"
#include "siem/wazuh/sink.h"

namespace tiercel::witness {

// What both sides see.
struct Page {
  int32_t agent_pid = 0;
  // The agent's.
  std::atomic<uint64_t> ticks{0}, ticked_realtime_ns{0};
  std::atomic<uint32_t> ended{0};  // in good order
  // The witness's.
  std::atomic<uint64_t> looks{0};
  std::atomic<uint32_t> state_seen{0};  // 'T', 't': of the agent, when it did not tick
};
static_assert(std::atomic<uint64_t>::is_always_lock_free);

[[nodiscard]] Result<> start();
void tick(const Clock& clock);  // every second
// The witness's own end or silence, once, and what came of the attempt to have another.
[[nodiscard]] std::optional<alert::Report> look(const Clock& clock);
// What it saw of the agent since the last call: 'T' stopped, 't' traced; 0: nothing.
[[nodiscard]] char take_state_seen();
// The connection that the witness has to end, and what it goes on with.
void note(const wazuh::Contact& contact);
void end();
[[nodiscard]] pid_t pid();  // 0: there is none

}  // namespace tiercel::witness
