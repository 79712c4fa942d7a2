// Sink: one way for alerts to leave the host. A sink owns its thread if it needs one; it reads a Spool with its own
// cursor, so one that hangs delays nobody else.
#pragma once

#include <string>

#include "agent/base/result.h"

namespace tiercel::siem {

class Sink {
 public:
  virtual ~Sink() = default;
  [[nodiscard]] virtual std::string name() const = 0;
  virtual Result<> start() = 0;
  // Delivers what it can within timeout_ms, then stops its thread. Idempotent.
  virtual void stop(int timeout_ms) = 0;
};

}  // namespace tiercel::siem
