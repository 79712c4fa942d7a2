// The programs that watch io_uring (bpf/hooks/uring.bpf.c): when they are wanted, and which of them this kernel has a
// place for. They belong to no system call: among the hooks they stand under kUringHooks. Any thread.
#pragma once

#include <array>
#include <cstdint>
#include <set>
#include <string>

#include "agent/sensor/source.h"

struct btf;

namespace tiercel::sensor {

inline constexpr uint16_t kUringHooks = 0;  // EVT_NONE: no event type of their own

// calls_of(), and kUringHooks where an operation of io_uring stands for one of them.
[[nodiscard]] std::set<uint16_t> hooks_of(const Wanted& wanted);

struct Uring {
  std::set<std::string> programs;           // empty: this kernel has no io_uring that can be watched
  std::array<uint32_t, URF_COUNT> flags{};  // the kernel's REQ_F_*, by enum uring_flag; 0: it has none
};
// Of the kernel that these types are of.
[[nodiscard]] Uring uring_of(const btf& types);
// Of the running one: read once.
[[nodiscard]] const Uring& uring_of_kernel();

}  // namespace tiercel::sensor
