// DatagramAnswers: over UDP a request and its answer can be lost, so both sides repeat them: the manager the request
// until we say "#!-req COUNTER ack", we the answer until the manager says the same. This keeps the answers that wait
// for that word, and knows which requests were answered already. Bounded; pure; one thread.
// Facts: Wazuh 4.14, section "Requests": once a second, four times.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

namespace tiercel::wazuh {

class DatagramAnswers {
 public:
  static constexpr size_t kAnswersMax = 16;
  static constexpr size_t kCountersMax = 256;
  static constexpr int kAttempts = 4;
  static constexpr uint64_t kRepeatNs = 1'000'000'000;

  // Whether a request with this counter came before; it has from now on.
  [[nodiscard]] bool seen(std::string_view counter);
  // An answer that was just sent.
  void sent(std::string_view counter, std::string message, uint64_t now_ns);
  void acknowledged(std::string_view counter);
  // Those to send again now.
  [[nodiscard]] std::vector<std::string> due(uint64_t now_ns);
  [[nodiscard]] uint64_t next_ns() const;  // UINT64_MAX: nothing waits

 private:
  struct Waiting {
    std::string counter;
    std::string message;
    uint64_t next_ns = 0;
    int attempts = 1;
  };
  std::deque<Waiting> waiting_;
  std::deque<std::string> counters_;
};

}  // namespace tiercel::wazuh
