#include "siem/wazuh/datagram_answers.h"

#include <algorithm>
#include <utility>

namespace tiercel::wazuh {

bool DatagramAnswers::seen(std::string_view counter) {
  if (std::find(counters_.begin(), counters_.end(), counter) != counters_.end()) return true;
  if (counters_.size() == kCountersMax) counters_.pop_front();
  counters_.emplace_back(counter);
  return false;
}

void DatagramAnswers::sent(std::string_view counter, std::string message, uint64_t now_ns) {
  // The oldest had its chance.
  if (waiting_.size() == kAnswersMax) waiting_.pop_front();
  waiting_.push_back({std::string(counter), std::move(message), now_ns + kRepeatNs, 1});
}

void DatagramAnswers::acknowledged(std::string_view counter) {
  std::erase_if(waiting_, [counter](const Waiting& each) { return each.counter == counter; });
}

std::vector<std::string> DatagramAnswers::due(uint64_t now_ns) {
  std::vector<std::string> messages;
  for (Waiting& each : waiting_) {
    if (now_ns < each.next_ns) continue;
    if (each.attempts < kAttempts) messages.push_back(each.message);
    ++each.attempts;
    each.next_ns = now_ns + kRepeatNs;
  }
  std::erase_if(waiting_, [](const Waiting& each) { return each.attempts > kAttempts; });
  return messages;
}

uint64_t DatagramAnswers::next_ns() const {
  uint64_t next_ns = UINT64_MAX;
  for (const Waiting& each : waiting_) next_ns = std::min(next_ns, each.next_ns);
  return next_ns;
}

}  // namespace tiercel::wazuh
