// Broker: a small process of ours that starts programs for the agent (responses' scripts, nft, program outputs). It is
// forked before the agent gives up what it does not need itself, and keeps what these programs need: the agent's system
// call filter and dropped capabilities would be theirs, too. It reads requests from one socket and does nothing else;
// it ends when the agent does. Programs that still run then go on. It also opens tracepoints and kprobes for the agent,
// which some kernels give to CAP_SYS_ADMIN only.
//
// start() before the first thread; everything else from any thread, which waits for a start of a program, not for its
// end. A helper, another process of ours, is a copy of the broker: the agent itself has threads by then, whose copy
// could run nothing.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "agent/base/fd.h"
#include "agent/base/result.h"
#include "agent/base/spawn.h"

namespace tiercel::broker {

// `mounts`: a mount namespace (/proc/1/ns/mnt) whose files the programs are to see; empty: ours. An agent whose service
// manager gives it a read-only system would else run scripts that can change nothing.
// `helper`: what start_helper() runs; it gets the descriptors, and never returns into the broker.
using Helper = std::function<void(std::vector<Fd> fds)>;
[[nodiscard]] Result<> start(const std::string& mounts, const Helper& helper = {});
// At the end of ours: it goes, and is waited for, though not for long. What is asked of it from here on fails.
void end();
[[nodiscard]] bool runs();
[[nodiscard]] pid_t pid();  // 0: there is none

struct Started {
  Spawned spawned;
  Fd line;  // to the broker; closing it lets the broker reap the program once it has ended
};
// As tiercel::spawn(); errors name the program.
[[nodiscard]] Result<Started> spawn(const Launch& launch, const Stdio& stdio);
// Exit status, or 128 + signal; -1: the broker has ended.
[[nodiscard]] int wait_for_end(Fd line);

// A copy of the broker that has nothing but these descriptors and runs the helper; the pidfd is for its end. One that
// has ended is reaped once the line is closed.
[[nodiscard]] Result<Started> start_helper(std::span<const int> fds);
// As tiercel::start_canaries(): the broker may ask for calls that end the agent.
[[nodiscard]] Result<pid_t> start_canaries(const std::string& name, std::span<const uint8_t> calls);

// As tiercel::open_tracepoint().
[[nodiscard]] Result<Fd> open_tracepoint(long id);
// As tiercel::open_kprobe().
[[nodiscard]] Result<Fd> open_kprobe(const std::string& function);

// What goes over the socket for a program, behind the kind of request. Inner; for tests, too.
[[nodiscard]] std::string packed(const Launch& launch);
[[nodiscard]] std::optional<Launch> unpacked(std::span<const std::byte> bytes);

}  // namespace tiercel::broker
