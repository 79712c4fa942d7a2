#include "agent/runtime/lane.h"

#include <signal.h>
#include <sys/stat.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "agent/base/thread.h"

namespace tiercel::runtime {
namespace {

constexpr const char* kQuestions = "tiercel_runtime_questions_total";
constexpr const char* kHelp = "Questions to container runtimes, by runtime and by what became of them";

struct Place {
  const Peer* peer;
  const std::string* socket;
};

// Those that exist now. Two paths may lead to one socket (/var/run is a link to /run).
std::vector<Place> places_of(const std::vector<Peer>& peers, const container::Container& container) {
  std::vector<Place> places;
  std::vector<std::pair<dev_t, ino_t>> seen;
  for (const Peer& peer : peers) {
    if (peer.tells(container) == 0) continue;
    for (const std::string& socket : peer.sockets) {
      struct stat info {};
      if (::stat(socket.c_str(), &info) != 0 || !S_ISSOCK(info.st_mode)) continue;
      const std::pair<dev_t, ino_t> identity(info.st_dev, info.st_ino);
      if (std::find(seen.begin(), seen.end(), identity) != seen.end()) continue;
      seen.push_back(identity);
      places.push_back({&peer, &socket});
    }
  }
  return places;
}

}  // namespace

Lane::Lane(LaneOptions options, Metrics& metrics, Patience& patience)
    : options_(std::move(options)),
      patience_(patience),
      refused_(metrics.counter(kQuestions, kHelp, {{"runtime", options_.name}, {"result", "refused"}})),
      answered_(metrics.counter(kQuestions, kHelp, {{"runtime", options_.name}, {"result", "answered"}})),
      failed_(metrics.counter(kQuestions, kHelp, {{"runtime", options_.name}, {"result", "failed"}})),
      not_asked_(metrics.counter(kQuestions, kHelp, {{"runtime", options_.name}, {"result", "not asked"}})) {
  thread_ = start_thread("ask-" + options_.name, [this] { run(); });
}

Lane::~Lane() {
  stop();
  thread_.join();
}

void Lane::stop() {
  client_.stop();
  const std::lock_guard<std::mutex> lock(mutex_);
  stopping_ = true;
  wake_.notify_one();
}

bool Lane::ask(uint64_t ticket, ContainerPtr container) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (stopping_ || queue_.size() >= options_.queue_max) {
    refused_.add();
    return false;
  }
  queue_.push_back({ticket, std::move(container)});
  wake_.notify_one();
  return true;
}

void Lane::run() {
  std::unique_lock<std::mutex> lock(mutex_);
  while (true) {
    wake_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
    if (queue_.empty()) return;
    const Question question = std::move(queue_.front());
    queue_.pop_front();
    const bool ask = !stopping_;
    lock.unlock();
    options_.answer(question.ticket, ask ? answer_to(question.container) : question.container);
    lock.lock();
  }
}

ContainerPtr Lane::answer_to(const ContainerPtr& container) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(options_.timeout_ms);
  auto learnt = std::make_shared<container::Container>(*container);
  bool tried = false;
  bool failed = false;
  for (const Place& place : places_of(options_.peers, *container)) {
    if (!patience_.may_ask(*place.socket)) continue;
    tried = true;
    const Dialogue dialogue(client_, *place.socket, deadline, options_.answer_size_max);
    const Outcome outcome = place.peer->ask(dialogue, place.peer->type, *learnt);
    if (outcome == Outcome::kHung)
      patience_.hung(*place.socket);
    else
      patience_.spoke(*place.socket);
    failed = failed || outcome == Outcome::kFailed || outcome == Outcome::kHung;
    if (outcome == Outcome::kAnswered || learnt->missing != container->missing) break;
    if (std::chrono::steady_clock::now() >= deadline) break;
  }
  (tried ? (failed ? failed_ : answered_) : not_asked_).add();
  if (learnt->missing == container->missing) return container;
  return learnt;
}

}  // namespace tiercel::runtime
