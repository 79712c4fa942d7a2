#include "agent/self_watch.h"

#include <fmt/core.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <climits>
#include <cstdio>
#include <optional>
#include <utility>
#include <vector>

#include "agent/base/broker.h"
#include "agent/base/log.h"
#include "agent/base/thread.h"
#include "agent/sensor/start_time.h"
#include "agent/vigil.h"
#include "agent/witness.h"
#include "agent/witness_process.h"

namespace tiercel {
namespace {

constexpr int kLookMs = 1'000;
constexpr uint64_t kHooksEvery = 5;  // looks: some hundred calls, which are events to rules that name bpf
constexpr uint64_t kSecondNs = 1'000'000'000;
constexpr uint64_t kLeftNs = 60 * kSecondNs;  // how long a witness of the agent before may still be at it
constexpr size_t kLeftBytesMax = 8'192;
constexpr std::array kUnits = {"/etc/systemd/system/tiercel.service", "/usr/lib/systemd/system/tiercel.service",
                               "/lib/systemd/system/tiercel.service"};

std::string own_program() {
  std::array<char, PATH_MAX> path{};
  const ssize_t size = ::readlink("/proc/self/exe", path.data(), path.size());
  return size > 0 ? std::string(path.data(), static_cast<size_t>(size)) : std::string();
}

alert::Report denied_report(uint64_t denied) {
  return {Priority::kCritical,
          "Tiercel internal: attack denied",
          fmt::format(
              "somebody tried to end, stop or trace the agent, or to reach its maps or hooks: denied, {} times so far",
              denied),
          {{"denied", denied}}};
}

}  // namespace

SelfWatch::SelfWatch(Options options, alert::Reports& reports, const Metrics& metrics, const Clock& clock)
    : options_(std::move(options)),
      reports_(reports),
      metrics_(metrics),
      clock_(clock),
      wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

SelfWatch::~SelfWatch() {
  end();
}

void SelfWatch::put(std::optional<alert::Report> report) {
  if (report) reports_.put(std::move(*report));
}

std::vector<FilesWatch::Place> SelfWatch::places() const {
  using Kind = FilesWatch::Kind;
  std::vector<FilesWatch::Place> places{{Kind::kKey, options_.config.wazuh_keys_file()}};
  if (!options_.config_file.empty()) places.push_back({Kind::kConfiguration, options_.config_file});
  for (const std::string& path : options_.config.rules_files) places.push_back({Kind::kRules, path});
  for (const char* unit : kUnits) places.push_back({Kind::kUnit, unit});
  if (const std::string program = own_program(); !program.empty()) places.push_back({Kind::kProgram, program});
  return places;
}

// The agent itself writes it when it enrols, between two looks.
bool SelfWatch::wrote_key() {
  constexpr uint64_t kWhileNs = 5 * kSecondNs;  // two looks and a little
  return enrolled_ns_ != 0 && clock_.monotonic_ns() - enrolled_ns_ < kWhileNs;
}

void SelfWatch::begin(sensor::Source& source) {
  began_ns_ = clock_.monotonic_ns();
  if (auto opened = lifeline_.open(options_.config.state_dir + "/lifeline", clock_); !opened)
    log::warning("the next agent cannot tell how long this host was without one: {}", opened.error().message);
  put(lifeline_.gap_report());
  put(attach_.look(source.attached()));  // the first heartbeat has it
  if (wake_.valid()) thread_ = start_thread("self-watch", [this, &source] { run(source); });
}

void SelfWatch::run(sensor::Source& source) {
  FilesWatch files(places(), [this](const std::string& /*path*/) { return wrote_key(); });
  for (uint64_t turn = 0; !stopping_; ++turn) {
    if (const uint64_t now = metrics_.sum("tiercel_wazuh_enrolments_total"); std::exchange(enrolments_, now) != now)
      enrolled_ns_ = clock_.monotonic_ns();
    put(tracer_.look());
    if (turn % kHooksEvery == 0) put(attach_.look(source.attached()));
    put(maps_report(source.mend_maps()));
    guard();
    if (turn % 2 == 0)
      for (alert::Report& report : files.look()) reports_.put(std::move(report));
    if (clock_.monotonic_ns() - began_ns_ < kLeftNs + 2 * kSecondNs) take_left();
    pollfd one{wake_.get(), POLLIN, 0};
    ::poll(&one, 1, kLookMs);
  }
}

// Processes and hooks come and go: a reload wants others, a witness is made anew.
void SelfWatch::guard() {
  if (!options_.config.hardening.guard || (guard_tried_ && !guard_)) return;
  if (!std::exchange(guard_tried_, true)) {
    auto opened = sensor::Guard::open();
    if (!opened) return log::warning("hardening.guard: {}; the agent runs on without", opened.error().message);
    guard_ = std::move(*opened);
  }
  if (const uint64_t denied = guard_->denied(); std::exchange(denied_, denied) != denied) put(denied_report(denied));
  const std::string now = fmt::format("{} {}", attach_.state().digest, witness::pid());
  if (std::exchange(guarded_, now) == now) return;
  auto times = sensor::StartTimes::open();
  for (const pid_t pid : {::getpid(), broker::pid(), witness::pid()}) {
    const auto start_ns = times && pid != 0 ? (*times)->of(pid) : Result<uint64_t>(0);
    if (!start_ns || *start_ns == 0) continue;
    if (auto added = guard_->add_process(pid, *start_ns); !added)
      log::warning("hardening.guard: {}", added.error().message);
  }
  if (auto added = guard_->add_own_objects(); !added) log::warning("hardening.guard: {}", added.error().message);
}

// What the witness of the agent before could not tell; at the end of its time also what it was still trying to.
void SelfWatch::take_left() {
  const bool late = clock_.monotonic_ns() - began_ns_ > kLeftNs;
  for (const std::string& path :
       {witness::left_file(options_.config.state_dir), witness::busy_file(options_.config.state_dir)}) {
    if (path == witness::busy_file(options_.config.state_dir) && !late) continue;
    const auto text = read_file(path, kLeftBytesMax);
    if (!text) continue;
    ::unlink(path.c_str());
    put(kept_report(*text));
  }
}

void SelfWatch::tick(uint64_t lost) {
  lifeline_.touch(clock_);
  put(pause_.look(clock_, lost, witness::take_state_seen()));
  witness::tick(clock_);
  put(witness::look(clock_));
  put(clock_watch_.look(clock_));
}

void SelfWatch::end() {
  if (thread_.joinable()) {
    stopping_ = true;
    const uint64_t one = 1;
    [[maybe_unused]] const ssize_t written = ::write(wake_.get(), &one, sizeof one);
    thread_.join();
  }
  lifeline_.end(clock_);
}

}  // namespace tiercel
