// Numbers that a call has for 32-bit callers, arch/x86/entry/syscalls/syscall_32.tbl. Constant, any thread.
#pragma once

#include <cstdint>
#include <vector>

namespace tiercel::sensor {

// Of an event type: none where such callers have no such call, where their arguments are laid out otherwise, or on
// another architecture than x86-64.
[[nodiscard]] std::vector<uint32_t> numbers_for_32_bit(uint16_t type);

}  // namespace tiercel::sensor
