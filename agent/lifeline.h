// Lifeline: when the agent was last alive, in a page of a file that outlives it however it ends, and from that the
// report of the time in which this host was without one ("Tiercel internal: gap"). Writing is a store into mapped
// memory: a killed agent leaves the last second, a power cut what the kernel had written back by then, so that a gap is
// rather told too long than too short.
//
// Deciding thread. Errors: open() says what the disk did not allow; without a file nothing is told.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "agent/alert/report.h"
#include "agent/base/clock.h"
#include "agent/base/result.h"

namespace tiercel {

class Lifeline {
 public:
  Lifeline() = default;
  ~Lifeline();
  Lifeline(const Lifeline&) = delete;
  Lifeline& operator=(const Lifeline&) = delete;

  // Looks at what the agent before left, and takes the file over. Call when events are seen again.
  Result<> open(const std::string& path, const Clock& clock);
  void touch(const Clock& clock);  // every second
  void end(const Clock& clock);    // the agent stops in good order

  // When the agent that has that file last touched it, since boot; nothing: there is no such file.
  [[nodiscard]] static std::optional<uint64_t> last_touch(const std::string& path);

  struct Gap {
    uint64_t from_ns = 0, to_ns = 0;  // since the epoch
    enum class How : uint8_t { kStopped, kKilled, kRebooted } how = How::kKilled;
  };
  [[nodiscard]] const std::optional<Gap>& gap() const { return gap_; }  // nothing: the first agent here
  [[nodiscard]] std::optional<alert::Report> gap_report() const;

 private:
  struct Page;
  Page* page_ = nullptr;
  std::optional<Gap> gap_;
};

}  // namespace tiercel
