// A row of the spool's file: whole or nothing, whatever the bytes; and one that is taken is written as it was read.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>

#include "siem/packed_alert.h"
#include "siem/spool.h"

namespace {

using namespace tiercel;

constexpr size_t kHeadBytes = 9;  // version, checksum

// The checksum keeps out what is not a row: with the right one, what stands behind it is looked at as well.
alert::AlertPtr taken(std::string bytes) {
  if (alert::AlertPtr as_it_is = siem::unpack(bytes)) return as_it_is;
  if (bytes.size() < kHeadBytes) return nullptr;
  const uint64_t sum = siem::packed_checksum(std::string_view(bytes).substr(kHeadBytes));
  std::memcpy(bytes.data() + 1, &sum, sizeof sum);
  return siem::unpack(bytes);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const alert::AlertPtr alert = taken({reinterpret_cast<const char*>(data), size});
  if (!alert) return 0;
  constexpr uint8_t kAll = siem::kEventJson | siem::kFalcoJson | siem::kTextLine;
  const alert::AlertPtr again = siem::unpack(siem::pack(*alert, kAll));
  if (!again || again->id != alert->id || again->tags != alert->tags || again->refused_by != alert->refused_by ||
      again->event_json != alert->event_json || again->priority != alert->priority)
    std::abort();
  return 0;
}
