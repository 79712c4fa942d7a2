// What engine.cpp and engine_told.cpp share: an order on its way, and the words for what became of it. Inner.
#pragma once

#include <string>

#include "agent/alert/report.h"
#include "agent/response/engine.h"

namespace tiercel::response {

struct Engine::Job {
  const Order& order;
  uint64_t begun_ns = 0;  // CLOCK_MONOTONIC
  std::string key = {}, target = {};
  std::string id = {};    // of what may be undone; empty: nothing
  uint64_t acted_ns = 0;  // CLOCK_BOOTTIME: of the first signal, or the like; 0: none
  Deed deed = {};
  std::optional<KernelDeed> kernel = {};  // as the order has it, or found later
};

struct UndoneDeed {
  std::string id, response, act, target, result, reason;
  uint64_t begun_ns = 0;  // CLOCK_MONOTONIC
};
void give_undone(alert::Reports& reports, const UndoneDeed& deed, uint64_t now_ns);

[[nodiscard]] std::string target_text(const Order& order);  // "xmrig(4711)", "container web", an address, a path
[[nodiscard]] std::string outcome_text(const Deed& deed);   // JSON

}  // namespace tiercel::response
