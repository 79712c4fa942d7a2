// PushSets: which events the kernel leaves out, since no rule needs them (bpf/schema/push.h): put in force and taken
// back whole. One thread at a time.
#pragma once

#include <memory>

#include "agent/base/result.h"
#include "bpf/schema/push.h"

namespace tiercel::sensor {

class PushSets {
 public:
  PushSets() = default;
  // sets: the map of the set in force; it outlives us.
  explicit PushSets(int sets) : sets_(sets) {}
  // Nothing: no event is left out, from here on.
  // Gives the set back, with the number that it has in the kernel.
  Result<std::unique_ptr<push_set>> put(std::unique_ptr<push_set> set);
  [[nodiscard]] bool in_force() const { return in_force_; }

 private:
  int sets_ = -1;
  bool in_force_ = false;
  uint32_t generation_ = 0;
};

}  // namespace tiercel::sensor
