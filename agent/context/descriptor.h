// What a descriptor is: Falco's kinds of descriptors and their names, from what the kernel says of its struct file and
// struct sock. Pure, any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "decoders/record.h"

namespace tiercel::context {

enum class FdKind : uint8_t {
  kNone,
  kFile,
  kDirectory,
  kIpv4,
  kIpv6,
  kUnix,
  kPipe,
  kEvent,
  kSignal,
  kEventPoll,
  kInotify,
  kTimer,
  kNetlink,
  kBpf,
  kUserfault,
  kIoUring,
  kMemfd,
  kPidfd,
  kUnknown,
};

[[nodiscard]] char fd_type_char(FdKind kind);              // fd.typechar; '\0' for none
[[nodiscard]] std::string_view fd_type_name(FdKind kind);  // fd.type; "" where Falco has no name

// name: the kernel's path or name of it.
[[nodiscard]] FdKind fd_kind(uint32_t i_mode, uint32_t magic, std::string_view name);
[[nodiscard]] FdKind socket_kind(uint16_t family, bool mapped);
// An IPv4 address in IPv6 clothes (::ffff:a.b.c.d).
[[nodiscard]] bool is_mapped(const __u8* address);
// fd.name of what is no socket: its path; the name given to a memfd; "mnt:[4026531841]" for a namespace; "" for pipes
// and the like.
[[nodiscard]] std::string fd_name_of(FdKind kind, uint64_t ino, uint32_t magic, std::string_view name);

}  // namespace tiercel::context
