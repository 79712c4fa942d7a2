// What delivery to a manager costs: delivery_bench stages ALERTS DIR | delivery_bench run ALERTS DIR PORT ENROL_PORT
// AGE_MS
//
// stages: each stage alone over the same alerts, CPU time of this thread; and zlib at each level. run: a spool and a
// WazuhSink of this process against a manager in another one: wall and CPU time from the first append to the last
// confirmation. Prints JSON.
#include <fmt/core.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include "agent/alert/alert.h"
#include "agent/alert/report.h"
#include "agent/base/clock.h"
#include "agent/base/fd.h"
#include "agent/base/metrics.h"
#include "siem/spool.h"
#include "siem/wazuh/crypto.h"
#include "siem/wazuh/event_text.h"
#include "siem/wazuh/frame.h"
#include "siem/wazuh/keys.h"
#include "siem/wazuh/sink.h"
#include "siem/wazuh/tcp.h"
#include "tests/bench/sample_alert.h"

using namespace tiercel;
using bench::make_alert;
using std::chrono::milliseconds;

namespace {

constexpr double kNsPerUs = 1e3;
constexpr size_t kBatch = 64;  // rows that the sink takes at once

uint64_t clock_ns(clockid_t id) {
  timespec t{};
  ::clock_gettime(id, &t);
  return static_cast<uint64_t>(t.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(t.tv_nsec);
}

[[noreturn]] void die(const std::string& why) {
  fmt::print(stderr, "delivery_bench: {}\n", why);
  std::exit(2);
}

std::vector<alert::AlertPtr> make_alerts(size_t count) {
  std::vector<alert::AlertPtr> alerts;
  alerts.reserve(count);
  for (size_t n = 1; n <= count; ++n) alerts.push_back(make_alert(n));
  return alerts;
}

// µs of this thread for each of `count`.
template <class Work>
double cost_us(size_t count, Work work) {
  const uint64_t begun = clock_ns(CLOCK_THREAD_CPUTIME_ID);
  for (size_t i = 0; i < count; ++i) work(i);
  return static_cast<double>(clock_ns(CLOCK_THREAD_CPUTIME_ID) - begun) / static_cast<double>(count) / kNsPerUs;
}

std::pair<Fd, Fd> connected_pair() {
  auto listener = wazuh::listen_on_loopback("127.0.0.1", 0);
  if (!listener) die(listener.error().message);
  auto ours = wazuh::connect_tcp("127.0.0.1", wazuh::local_port(listener->get()),
                                 {wazuh::deadline_in_ms(1'000), -1, {}, nullptr});
  if (!ours) die(ours.error().message);
  Fd theirs(::accept4(listener->get(), nullptr, nullptr, SOCK_CLOEXEC));
  if (!theirs.valid()) die("no connection");
  return {std::move(*ours), std::move(theirs)};
}

// The kernel's part of a batch's send(), over TCP; somebody else reads.
double socket_us(const std::vector<std::string>& frames) {
  auto [ours, theirs] = connected_pair();
  const int socket = ours.get();
  std::thread reader([fd = theirs.get()] {
    std::vector<char> chunk(256 * 1024);
    while (::recv(fd, chunk.data(), chunk.size(), 0) > 0) {
    }
  });
  std::string batch;
  const double us = cost_us(frames.size(), [&](size_t i) {
    batch += frames[i];
    if ((i + 1) % kBatch != 0 && i + 1 < frames.size()) return;
    for (size_t done = 0; done < batch.size();) {
      const ssize_t put = ::send(socket, batch.data() + done, batch.size() - done, MSG_NOSIGNAL);
      if (put < 0 && errno == EAGAIN) {
        pollfd room{socket, POLLOUT, 0};
        ::poll(&room, 1, -1);
        continue;
      }
      if (put <= 0) die("the socket failed");
      done += static_cast<size_t>(put);
    }
    batch.clear();
  });
  ours.reset();
  reader.join();
  return us;
}

struct Stage {
  std::string name;
  double us = 0;
};

// A durable spool, with all that it needs.
class Spool {
 public:
  explicit Spool(const std::string& dir) : reports_(metrics_) {
    siem::SpoolOptions options;
    options.folder = dir + "/spool";
    options.size_bytes_max = uint64_t{8} << 30;
    options.memory_rows_max = 10'000'000;
    options.memory_bytes_max = size_t{8} << 30;
    spool_ = siem::make_spool(options, metrics_, clock_, reports_);
  }
  siem::Spool* operator->() { return spool_.get(); }
  siem::Spool& operator*() { return *spool_; }
  [[nodiscard]] Metrics& metrics() { return metrics_; }
  [[nodiscard]] const Clock& clock() const { return clock_; }
  [[nodiscard]] uint64_t commits() const { return metrics_.sum("tiercel_spool_commits_total"); }

 private:
  SystemClock clock_;
  Metrics metrics_;
  alert::Reports reports_;
  std::unique_ptr<siem::Spool> spool_;
};

std::vector<Stage> spool_stages(const std::vector<alert::AlertPtr>& alerts, const std::string& dir);

void print_levels(const std::vector<std::string>& plain, const std::string& key) {
  fmt::print("\"levels\":[");
  for (int level = 1; level <= 9; ++level) {
    wazuh::Codec codec(key, level);
    uint64_t bytes = 0;
    const double us = cost_us(plain.size(), [&](size_t i) { bytes += codec.compress(plain[i]).size(); });
    fmt::print("{}{{\"level\":{},\"us\":{:.3f},\"bytes\":{:.1f}}}", level == 1 ? "" : ",", level, us,
               static_cast<double>(bytes) / static_cast<double>(plain.size()));
  }
  fmt::print("]");
}

int run_stages(size_t count, const std::string& dir) {
  const std::vector<alert::AlertPtr> alerts = make_alerts(count);
  const std::string key = wazuh::derive_key("001", "bench", std::string(64, 'a'));
  wazuh::Codec codec(key);
  wazuh::CipherBox box(key);
  wazuh::SenderCounter counter({}, 1'790'000'000);
  std::vector<std::string> text(count), plain(count), zipped(count), sealed(count), frames(count);
  std::vector<Stage> stages = spool_stages(alerts, dir);
  stages.push_back({"event text", cost_us(count, [&](size_t i) {
                      bool cut = false;
                      text[i] = wazuh::event_text(*alerts[i], cut);
                    })});
  stages.push_back({"head with counter, random number and MD5", cost_us(count, [&](size_t i) {
                      plain[i] = wazuh::checksummed_plaintext(text[i], static_cast<uint16_t>(wazuh::random_u32()),
                                                              counter.next());
                    })});
  stages.push_back({"zlib", cost_us(count, [&](size_t i) { zipped[i] = codec.compress(plain[i]); })});
  stages.push_back({"cipher", cost_us(count, [&](size_t i) {
                      auto encrypted = box.encrypt(wazuh::Cipher::kAes, zipped[i]);
                      if (!encrypted) die("no AES");
                      sealed[i] = std::move(*encrypted);
                    })});
  stages.push_back({"frame", cost_us(count, [&](size_t i) { frames[i] = wazuh::frame("!001!#AES:" + sealed[i]); })});
  stages.push_back({"socket", socket_us(frames)});
  double sum = 0;
  size_t bytes = 0, wire_bytes = 0;
  for (size_t i = 0; i < count; ++i) {
    bytes += alerts[i]->event_json.size();
    wire_bytes += frames[i].size();
  }
  fmt::print("{{\"alerts\":{},\"event_bytes\":{},\"wire_bytes\":{},\"stages\":[", count, bytes / count,
             wire_bytes / count);
  for (const Stage& stage : stages) {
    fmt::print("{}{{\"name\":\"{}\",\"us\":{:.3f}}}", sum > 0 ? "," : "", stage.name, stage.us);
    sum += stage.us;
  }
  fmt::print("],\"sum_us\":{:.3f},", sum);
  print_levels(plain, key);
  fmt::print("}}\n");
  return 0;
}

// The stages of a durable spool. Its own thread commits: what that takes is the rest of the process's time.
std::vector<Stage> spool_stages(const std::vector<alert::AlertPtr>& alerts, const std::string& dir) {
  Spool spool(dir);
  const auto reader = spool->add_reader({.name = "bench", .wake = {}, .keeps_place = true});
  if (auto opened = spool->open(); !opened) die(opened.error().message);
  std::vector<Stage> stages;
  const uint64_t cpu_begun = clock_ns(CLOCK_PROCESS_CPUTIME_ID), our_begun = clock_ns(CLOCK_THREAD_CPUTIME_ID);
  stages.push_back({"spool: append", cost_us(alerts.size(), [&](size_t i) { spool->append(alerts[i]); })});
  // All is on the disk when there are no commits any more.
  for (uint64_t before = ~uint64_t{0}; before != spool.commits(); std::this_thread::sleep_for(milliseconds(500)))
    before = spool.commits();
  const uint64_t others_ns =
      clock_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu_begun - (clock_ns(CLOCK_THREAD_CPUTIME_ID) - our_begun);
  stages.push_back({"spool: pack, insert and commit",
                    static_cast<double>(others_ns) / static_cast<double>(alerts.size()) / kNsPerUs});
  // What has left the memory comes from the file.
  std::array<uint64_t, 2> last{};
  const double read_us = cost_us(alerts.size() / kBatch, [&](size_t) {
    for (const alert::Lane lane : {alert::Lane::kCritical, alert::Lane::kRest}) {
      const auto rows = spool->read(reader, lane, last[static_cast<size_t>(lane)], kBatch);
      if (!rows.empty()) last[static_cast<size_t>(lane)] = rows.back().seq;
    }
  });
  stages.push_back({"spool: read", read_us / kBatch});
  const uint64_t confirm_begun = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
  for (const alert::Lane lane : {alert::Lane::kCritical, alert::Lane::kRest})
    spool->confirm(reader, lane, last[static_cast<size_t>(lane)]);
  spool->close();
  stages.push_back(
      {"spool: confirm and remove", static_cast<double>(clock_ns(CLOCK_PROCESS_CPUTIME_ID) - confirm_begun) /
                                        static_cast<double>(alerts.size()) / kNsPerUs});
  return stages;
}

double cpu_s_of_process() {
  return static_cast<double>(clock_ns(CLOCK_PROCESS_CPUTIME_ID)) / 1e9;
}

// A session that is up for a while knows how quickly its manager answers.
void warm_up(Spool& spool, const wazuh::WazuhSink& sink) {
  constexpr uint64_t kAlerts = 4'000, kAtOnce = 100;
  for (uint64_t n = 1; n <= kAlerts; ++n) {
    spool->append(make_alert(1'000'000'000 + n));
    if (n % kAtOnce == 0) std::this_thread::sleep_for(milliseconds(100));
  }
  while (sink.status().confirmed < kAlerts) std::this_thread::sleep_for(milliseconds(20));
}

// age_ms: what a confirmation waits for after the answer; negative: as the agent has it.
int run_delivery(size_t count, const std::string& dir, uint16_t port, uint16_t enrol_port, int age_ms) {
  const std::vector<alert::AlertPtr> alerts = make_alerts(count);
  Spool spool(dir);
  wazuh::WazuhOptions options;
  options.managers = {{"127.0.0.1", port, enrol_port}};
  options.keys_file = dir + "/client.keys";
  options.agent_name = "bench";
  if (age_ms >= 0) options.delivery.confirm_age_ms = options.delivery.confirm_age_ms_min = age_ms;
  wazuh::WazuhSink sink(*spool, options, {}, spool.metrics(), spool.clock());
  if (auto opened = spool->open(); !opened) die(opened.error().message);
  if (auto started = sink.start(); !started) die(started.error().message);
  for (int i = 0; i < 600 && !sink.status().connected; ++i) std::this_thread::sleep_for(milliseconds(100));
  if (!sink.status().connected) die("no session with the manager: " + sink.status().last_error);
  warm_up(spool, sink);
  const uint64_t before = sink.status().confirmed;
  const double cpu_begun_s = cpu_s_of_process();
  const uint64_t begun = clock_ns(CLOCK_MONOTONIC);
  for (const alert::AlertPtr& alert : alerts) spool->append(alert);
  const uint64_t appended = clock_ns(CLOCK_MONOTONIC);
  uint64_t sent = 0;
  while (sink.status().confirmed < before + count) {
    if (sent == 0 && sink.status().sent >= before + count) sent = clock_ns(CLOCK_MONOTONIC);
    std::this_thread::sleep_for(milliseconds(5));
    if (clock_ns(CLOCK_MONOTONIC) - begun > 600'000'000'000) die("not confirmed within 600 s");
  }
  const uint64_t confirmed = clock_ns(CLOCK_MONOTONIC);
  const double cpu_s = cpu_s_of_process() - cpu_begun_s;
  if (sent == 0) sent = confirmed;
  const auto seconds = [begun](uint64_t until) { return static_cast<double>(until - begun) / 1e9; };
  fmt::print(
      "{{\"alerts\":{},\"appended_s\":{:.6f},\"sent_s\":{:.6f},\"confirmed_s\":{:.6f},\"cpu_s\":{:.6f},"
      "\"resent\":{},\"lost\":{}}}\n",
      count, seconds(appended), seconds(sent), seconds(confirmed), cpu_s, sink.status().resent, spool->counts().lost);
  sink.stop(1'000);
  spool->close();
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string mode = argc > 1 ? argv[1] : "";
  if (auto crypto = wazuh::check_crypto(); !crypto) die(crypto.error().message);
  if (mode == "stages" && argc == 4) return run_stages(std::strtoull(argv[2], nullptr, 10), argv[3]);
  if (mode == "run" && argc == 7)
    return run_delivery(std::strtoull(argv[2], nullptr, 10), argv[3], static_cast<uint16_t>(std::atoi(argv[4])),
                        static_cast<uint16_t>(std::atoi(argv[5])), std::atoi(argv[6]));
  die("usage: delivery_bench stages ALERTS DIR | delivery_bench run ALERTS DIR PORT ENROL_PORT AGE_MS");
}
