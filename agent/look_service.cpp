#include "agent/look_service.h"

#include <fmt/core.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "agent/base/log.h"

namespace tiercel {
namespace {

constexpr uint64_t kForSeconds = 10, kForSecondsMost = 300;

uint64_t cpu_ns(int who) {
  rusage usage{};
  if (::getrusage(who, &usage) != 0) return 0;
  const auto ns = [](const timeval& time) {
    return static_cast<uint64_t>(time.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(time.tv_usec) * 1'000;
  };
  return ns(usage.ru_utime) + ns(usage.ru_stime);
}

}  // namespace

LookService::LookService(const Clock& clock, std::chrono::milliseconds patience)
    : clock_(clock), patience_(patience), wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (!wake_.valid()) log::warning("tiercel top will not work: no eventfd");
}

void LookService::serve(control::ControlServer& control, std::function<std::string()> status) {
  control.on("top",
             [this, status = std::move(status)](const control::Request& request) { return answer(request, status()); });
}

std::string LookService::answer(const control::Request& request, const std::string& status) {
  const uint64_t seconds = std::strtoull(request.argument("for_s", std::to_string(kForSeconds)).c_str(), nullptr, 10);
  std::unique_lock lock(mutex_);
  const uint64_t ticket = ++asked_;
  until_ns_ =
      std::max(until_ns_, clock_.monotonic_ns() + std::clamp<uint64_t>(seconds, 1, kForSecondsMost) * 1'000'000'000);
  const uint64_t one = 1;
  if (::write(wake_.get(), &one, sizeof one) < 0) return control::error_reply("the agent cannot be asked: no eventfd");
  const bool came = answered_.wait_for(lock, patience_, [&] { return closed_ || answers_ >= ticket; });
  if (closed_) return control::error_reply("the agent is stopping");
  if (!came) return control::error_reply("the deciding thread does not answer: see the agent's log");
  const std::shared_ptr<const Answer> answer = last_;
  lock.unlock();
  return json(*answer, status);
}

void LookService::attend(Pipeline& pipeline, const sensor::Source& source) {
  uint64_t times = 0;
  if (::read(wake_.get(), &times, sizeof times) < 0) return;
  if (!counts_) {
    counts_.emplace(clock_, pipeline.rules());
    counts_->on_timed([this, &source] {
      const auto fills = source.ring_fills();
      for (size_t n = 0; n < fills.size(); ++n) ring_peaks_[n] = std::max(ring_peaks_[n], fills[n].used_bytes);
    });
    pipeline.count_in(&*counts_);
  }
  auto made = std::make_shared<Answer>();
  made->snapshot = counts_->snapshot();
  made->decider_cpu_ns = cpu_ns(RUSAGE_THREAD);
  made->rings = source.ring_fills();
  made->ring_peaks = std::exchange(ring_peaks_, {});
  {
    const std::lock_guard lock(mutex_);
    last_ = std::move(made);
    answers_ = asked_;
  }
  answered_.notify_all();
}

void LookService::tick(Pipeline& pipeline) {
  if (!counts_) return;
  counts_->adapt();
  const std::lock_guard lock(mutex_);
  if (clock_.monotonic_ns() < until_ns_) return;
  pipeline.count_in(nullptr);
  counts_.reset();
  last_.reset();
}

void LookService::close() {
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
  }
  answered_.notify_all();
}

std::string LookService::json(const Answer& answer, const std::string& status) const {
  std::string rings;
  for (size_t n = 0; n < answer.rings.size(); ++n) {
    const sensor::RingFill& ring = answer.rings[n];
    if (ring.size_bytes == 0) continue;
    rings +=
        fmt::format(R"({}{{"ring":"{}","used_bytes":{},"peak_bytes":{},"size_bytes":{}}})", rings.empty() ? "" : ",",
                    ring.name, ring.used_bytes, std::max(answer.ring_peaks[n], ring.used_bytes), ring.size_bytes);
  }
  return fmt::format(R"({{"status":{},"cpu_ns":{},"decider_cpu_ns":{},"realtime_ns":"{}","rings":[{}],{}}})", status,
                     cpu_ns(RUSAGE_SELF), answer.decider_cpu_ns, clock_.realtime_ns(), rings,
                     answer.snapshot.json_members());
}

}  // namespace tiercel
