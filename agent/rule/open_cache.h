// OpenCache: which texts held for the paths of an open, for opens that came of late: hosts open the same files over and
// over. Opens are the same if all that their records say behind the head is the same, but for the descriptor's number
// (of that only whether there is one); fields marked FF_OPEN read nothing else. An open is kept when it comes a second
// time, so that a walk over a whole disk drives nothing out. Bounded; one thread.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "agent/context/event.h"
#include "agent/rule/found_texts.h"

namespace tiercel::rule {

class OpenCache {
 public:
  static constexpr size_t kBytesMax = 512;  // of a record; longer ones are not kept

  // places: of one open; forgets all.
  void bind(uint32_t places);
  // nullptr: it is no open, or not kept.
  FoundTexts* of(const context::Event& event);

 private:
  static constexpr int kSizeBits = 6;
  struct Entry {
    uint16_t type = 0, flags = 0;  // of the head
    bool failed = false;
    uint64_t came = 0;             // hash of the open that came last, and is not kept
    std::vector<std::byte> bytes;  // of the record
    FoundTexts texts;
  };
  static bool same(const Entry& entry, const decoders::Record& record, const ev_open& open);
  uint32_t places_ = 0;
  std::array<Entry, size_t{1} << kSizeBits> entries_;
};

}  // namespace tiercel::rule
