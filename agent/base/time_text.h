// Times as text, in the forms that Falco's fields and lines have. Input: nanoseconds since the epoch. Any thread;
// the local forms read the process's time zone.
#pragma once

#include <cstdint>
#include <string>

namespace tiercel {

[[nodiscard]] std::string time_local(uint64_t time_ns);              // 18:27:01.000000000          evt.time
[[nodiscard]] std::string time_local_seconds(uint64_t time_ns);      // 18:27:01                    evt.time.s
[[nodiscard]] std::string datetime_local(uint64_t time_ns);          // 2026-07-31 18:27:01.000...  evt.datetime
[[nodiscard]] std::string datetime_local_seconds(uint64_t time_ns);  // 2026-07-31 18:27:01         evt.datetime.s
[[nodiscard]] std::string iso8601_offset(uint64_t time_ns);          // 2026-07-31T18:27:01.000000000+0000 (UTC)
[[nodiscard]] std::string iso8601_z(uint64_t time_ns);               // 2026-07-31T18:27:01.000000000Z     (UTC)

}  // namespace tiercel
