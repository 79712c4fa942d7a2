// The names of bits and values in Falco's order of printing (flag tables), with the kernel's numbers (uapi headers).
// Constant, any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "decoders/catalog.h"

namespace tiercel::decoders {

struct FlagName {
  std::string_view name;
  uint64_t value;
};
// The table that a kind prints with; empty when it has none.
[[nodiscard]] std::span<const FlagName> flag_table(Kind kind);

// Its names are values, of which one holds, not bits.
[[nodiscard]] bool is_enum(Kind kind);
// "O_TRUNC|O_CREAT|O_WRONLY"; "" when no name applies. Unknown bits are dropped.
[[nodiscard]] std::string flags_text(Kind kind, uint64_t value);
// The flags of an open, with O_F_CREATED if the kernel says that this call made the file.
[[nodiscard]] std::string open_flags_text(const ev_open& open);
// Names whose value equals the number, joined: "AF_LOCAL|AF_UNIX"; "" if none.
[[nodiscard]] std::string enum_text(Kind kind, uint64_t value);

// The other way: the kernel's number of one name ("O_WRONLY", "AF_INET", "SIGKILL"); nothing if the kind has no such
// name. O_F_CREATED has none: it is in ev_open.fmode.
[[nodiscard]] std::optional<uint64_t> flag_value(Kind kind, std::string_view name);
[[nodiscard]] std::optional<int> errno_value(std::string_view name);            // 2 for "ENOENT"
[[nodiscard]] std::optional<uint64_t> capability_value(std::string_view name);  // 1 << 0 for "CAP_CHOWN"
inline constexpr uint32_t kFmodeCreated = 0x100000;  // include/linux/fs.h: this call made the file

[[nodiscard]] std::string_view errno_name(int64_t code);     // "ENOENT" for 2 or -2; "" if unknown
[[nodiscard]] std::string capabilities_text(uint64_t bits);  // "CAP_CHOWN CAP_KILL"
[[nodiscard]] std::string_view signal_name(int64_t number);  // "SIGKILL"; "" if unknown

}  // namespace tiercel::decoders
