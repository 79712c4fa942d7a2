// The output wazuh_agent against a queue of the test's own, and the lines that a wazuh-agent's logcollector reads.
#include <doctest/doctest.h>
#include <rapidjson/document.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "agent/base/fd.h"
#include "siem/local/file_sink.h"
#include "siem/wazuh/agent_queue.h"
#include "siem/wazuh/message.h"
#include "siem_support.h"

using namespace tiercel;
using namespace tiercel::siem;
using namespace tiercel::siem::test;
using alert::Priority;
using wazuh::make_agent_queue_sink;

namespace {

// What a wazuh-agent has: it takes the path anew at each start.
class Queue {
 public:
  explicit Queue(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    REQUIRE(path.size() < sizeof address.sun_path);
    std::memcpy(address.sun_path, path.data(), path.size());
    ::unlink(path.c_str());
    fd_.reset(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    REQUIRE(::bind(fd_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    const timeval patience{kGenerousMs / 1000, 0};
    ::setsockopt(fd_.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  }
  std::string receive() {
    std::string out(70'000, '\0');
    const ssize_t n = ::recv(fd_.get(), out.data(), out.size(), 0);
    out.resize(n > 0 ? static_cast<size_t>(n) : 0);
    return out;
  }

 private:
  Fd fd_;
};

std::string message(const std::string& id) {
  return "1:tiercel:tiercel: {\"tiercel\":{\"id\":\"" + id + "\"}}";
}

alert::AlertPtr long_alert(size_t event_bytes) {
  auto made = std::make_shared<alert::Alert>(*make_alert(Priority::kError, "long"));
  made->event_json = R"({"tiercel":{"id":"long","output":""}})";
  made->event_json.insert(made->event_json.size() - 3, std::string(event_bytes - made->event_json.size(), 'x'));
  return made;
}

struct Bench {
  TempDir dir;
  std::string path = dir / "queue";
  Metrics metrics;
  std::unique_ptr<Spool> spool = make_memory_spool({}, metrics);
  std::unique_ptr<Sink> sink;

  explicit Bench(uint32_t rate_max_per_s = 0, int full_ms_max = 5'000) {
    sink = make_agent_queue_sink(*spool,
                                 {.path = path,
                                  .rate_max_per_s = rate_max_per_s,
                                  .least_priority = Priority::kNotice,
                                  .retry_ms_max = 60,
                                  .full_ms_max = full_ms_max},
                                 metrics);
    REQUIRE(sink->start());
  }
  void put(const std::string& id, Priority priority = Priority::kError) { spool->append(make_alert(priority, id)); }
  uint64_t counted(const std::string& name) { return metrics.sum("tiercel_output_" + name + "_total"); }
  template <class Predicate>
  bool eventually(Predicate predicate) {
    for (int i = 0; i < kGenerousMs && !predicate(); ++i) ::usleep(1000);
    return predicate();
  }
};

}  // namespace

TEST_CASE("wazuh agent: alerts wait for the agent, and go to it with the decoder's word, in order") {
  Bench bench;
  bench.put("a");
  bench.put("b");
  CHECK(bench.eventually([&] { return bench.counted("errors") > 0; }));  // nobody is there
  CHECK(bench.spool->counts().waiting == 2);
  Queue queue(bench.path);
  bench.put("too little", Priority::kDebug);
  bench.put("c");
  for (const char* id : {"a", "b", "c"}) CHECK(queue.receive() == message(id));
  bench.sink->stop(kGenerousMs);
  CHECK(bench.counted("delivered") == 3);
  CHECK(bench.counted("lost") == 0);
  CHECK(bench.spool->counts().waiting == 0);
}

TEST_CASE("wazuh agent: one that is started anew, or away for a while, costs nothing") {
  Bench bench;
  auto queue = std::make_unique<Queue>(bench.path);
  bench.put("a");
  CHECK(queue->receive() == message("a"));
  queue = std::make_unique<Queue>(bench.path);  // the old socket is closed after the new one is there
  bench.put("b");
  CHECK(queue->receive() == message("b"));
  queue.reset();  // the path is still there: connection refused
  const uint64_t before = bench.counted("errors");
  bench.put("c");
  CHECK(bench.eventually([&] { return bench.counted("errors") > before + 1; }));
  ::unlink(bench.path.c_str());  // now it is not
  bench.put("d");
  queue = std::make_unique<Queue>(bench.path);
  CHECK(queue->receive() == message("c"));
  CHECK(queue->receive() == message("d"));
  bench.sink->stop(kGenerousMs);
  CHECK(bench.counted("delivered") == 4);
  CHECK(bench.counted("lost") == 0);
}

TEST_CASE("wazuh agent: a queue that is full holds alerts back, and none is lost or out of order") {
  constexpr int kAlerts = 3'000;  // more than any host's net.unix.max_dgram_qlen lets through unread
  Bench bench(0, 20);
  auto queue = std::make_unique<Queue>(bench.path);
  for (int i = 0; i < kAlerts; ++i) bench.put(std::to_string(i));
  CHECK(bench.eventually([&] { return bench.counted("errors") > 0; }));
  CHECK(bench.spool->counts().waiting > 0);
  CHECK(bench.counted("delivered") < kAlerts);
  std::vector<std::string> wrong;
  for (int i = 0; i < kAlerts; ++i)
    if (queue->receive() != message(std::to_string(i))) wrong.push_back(std::to_string(i));
  CHECK(wrong.empty());
  // A restart with a full queue: what was in it is gone with that agent, the rest waits for the next.
  for (int i = 0; i < kAlerts; ++i) bench.put("again-" + std::to_string(i));
  const uint64_t errors = bench.counted("errors");
  CHECK(bench.eventually([&] { return bench.counted("errors") > errors; }));
  const uint64_t first = bench.counted("delivered") - kAlerts;
  queue = std::make_unique<Queue>(bench.path);
  CHECK(queue->receive() == message("again-" + std::to_string(first)));
  std::thread reader([&] {
    for (uint64_t i = first + 1; i < kAlerts; ++i) queue->receive();
  });
  bench.sink->stop(kGenerousMs);
  reader.join();
  CHECK(bench.counted("delivered") == 2 * kAlerts);
  CHECK(bench.counted("lost") == 0);
}

TEST_CASE("wazuh agent: criticals go first, and not faster than told") {
  Bench bench(200);
  for (int i = 0; i < 60; ++i) bench.put(std::to_string(i));
  bench.put("critical", Priority::kCritical);
  const auto begun = std::chrono::steady_clock::now();
  Queue queue(bench.path);
  std::vector<std::string> got, rest;
  for (int i = 0; i < 61; ++i) got.push_back(queue.receive());
  const auto critical = std::find(got.begin(), got.end(), message("critical"));
  // It comes after nothing but the batch that may have been on its way when it was made.
  CHECK(critical - got.begin() <= 16);
  if (critical != got.end()) got.erase(critical);
  for (int i = 0; i < 60; ++i) rest.push_back(message(std::to_string(i)));
  CHECK(got == rest);
  // 61 alerts at 200 a second, of which a tenth of a second's may go at once: never sooner, whatever the host does.
  CHECK(std::chrono::steady_clock::now() - begun >= std::chrono::milliseconds(61'000 / 200 - 100 - 10));
  bench.sink->stop(kGenerousMs);
}

TEST_CASE("wazuh agent: an event longer than a message is cut and counted, and a stop ends at once") {
  Bench bench;
  {
    Queue queue(bench.path);
    bench.spool->append(long_alert(70'000));
    const std::string got = queue.receive();
    CHECK(got.size() <= wazuh::kMessageBytesMax);
    rapidjson::Document document;
    document.Parse(got.c_str() + std::strlen("1:tiercel:tiercel: "));
    REQUIRE_FALSE(document.HasParseError());
    CHECK(document["tiercel"]["id"] == "long");
    bench.spool->append(long_alert(wazuh::kMessageBytesMax - std::strlen("1:tiercel:tiercel: ")));
    CHECK(queue.receive().size() == wazuh::kMessageBytesMax);
    CHECK(bench.counted("cut") == 1);
  }
  bench.put("for the next start");
  bench.sink->stop(10);
  CHECK(bench.counted("delivered") == 2);
  CHECK(bench.spool->counts().waiting == 1);
}

TEST_CASE("wazuh agent: lines of a file for its logcollector, no longer than that reads") {
  TempDir dir;
  const std::string path = dir / "wazuh.log";
  std::ofstream(path) << "tiercel: {\"half\nnotes\ntierc";  // the end is from an agent that was killed
  Metrics metrics;
  auto spool = make_memory_spool({}, metrics);
  auto sink =
      make_file_sink(*spool, {.path = path, .format = FileSinkOptions::Format::kWazuh, .rate_max_per_s = 20}, metrics);
  const auto begun = std::chrono::steady_clock::now();
  REQUIRE(sink->start());
  spool->append(make_alert(Priority::kError, "a"));
  constexpr size_t kLineMax = 65'536 - 256 - 1;  // with its line break
  const size_t event_max = kLineMax - 1 - std::strlen("tiercel: ");
  spool->append(long_alert(event_max));
  spool->append(long_alert(event_max + 1));
  for (int i = 0; i < 4; ++i) spool->append(make_alert(Priority::kError, "more"));
  sink->stop(kGenerousMs);
  const auto lines = lines_of(path);
  REQUIRE(lines.size() == 9);
  CHECK(std::chrono::steady_clock::now() - begun >= std::chrono::milliseconds(7'000 / 20 - 150 - 10));  // never sooner
  CHECK(lines[1] == "notes");
  CHECK(lines[2] == "tiercel: " + make_alert(Priority::kError, "a")->event_json);
  CHECK(lines[3].size() + 1 == kLineMax);
  CHECK(lines[4].size() < kLineMax);
  rapidjson::Document document;
  document.Parse(lines[4].c_str() + std::strlen("tiercel: "));
  REQUIRE_FALSE(document.HasParseError());
  CHECK(document["tiercel"]["truncated"].Size() == 1);
  CHECK(metrics.sum("tiercel_output_cut_total") == 1);
}
