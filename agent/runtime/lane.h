// Lane: the thread that asks one kind of runtime, with its queue. ask() from any thread; the rest is asker.cpp's.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "agent/base/metrics.h"
#include "agent/container/container.h"
#include "agent/http/client.h"
#include "agent/runtime/dialogue.h"
#include "agent/runtime/patience.h"

namespace tiercel::runtime {

using ContainerPtr = std::shared_ptr<const container::Container>;

// One runtime that a lane may ask: how, what it can tell, and where.
struct Peer {
  std::string type;  // Container::type of what it knows
  std::vector<std::string> sockets;
  uint32_t (*tells)(const container::Container& container);
  Outcome (*ask)(const Dialogue& dialogue, const std::string& type, container::Container& container);
};

struct LaneOptions {
  std::string name;
  std::vector<Peer> peers;  // in this order, until one knows the container
  int timeout_ms = 0;
  size_t queue_max = 0;
  size_t answer_size_max = 0;
  std::function<void(uint64_t ticket, ContainerPtr)> answer;
};

class Lane {
 public:
  Lane(LaneOptions options, Metrics& metrics, Patience& patience);
  ~Lane();
  Lane(const Lane&) = delete;
  Lane& operator=(const Lane&) = delete;

  bool ask(uint64_t ticket, ContainerPtr container);
  // No more asking: what waits is answered with what it had. The destructor then joins.
  void stop();
  [[nodiscard]] const std::string& name() const { return options_.name; }

 private:
  struct Question {
    uint64_t ticket = 0;
    ContainerPtr container;
  };
  void run();
  [[nodiscard]] ContainerPtr answer_to(const ContainerPtr& container);

  LaneOptions options_;
  Patience& patience_;
  Counter &refused_, &answered_, &failed_, &not_asked_;
  http::Client client_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Question> queue_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace tiercel::runtime
