// The syslog output with an address, against servers of the test's own.
#include <doctest/doctest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "agent/base/clock.h"
#include "siem/local/syslog_forwarder.h"
#include "siem/wazuh/manager/tls_server.h"
#include "siem_support.h"
#include "syslog_support.h"

using namespace tiercel;
using namespace tiercel::siem;
using namespace tiercel::siem::test;
using alert::Priority;
using Texts = std::vector<std::string>;

namespace {

const SystemClock kClock;

template <class Predicate>
bool eventually(Predicate predicate) {
  for (int i = 0; i < kGenerousMs; ++i) {
    if (predicate()) return true;
    ::usleep(1000);
  }
  return false;
}

// A forwarder over a spool in memory.
struct Bench {
  Metrics metrics;
  alert::Reports reports{metrics};
  std::unique_ptr<Spool> spool = make_memory_spool({}, metrics);
  std::unique_ptr<Forwarder> forwarder;

  explicit Bench(const std::string& address, SyslogForwarderOptions options = {}) {
    options.link.address = *parse_syslog_address(address);
    options.forwarder.name = "syslog";
    options.forwarder.retry_ms_min = 1;
    options.forwarder.retry_ms_max = 20;
    forwarder = make_syslog_forwarder(*spool, std::move(options), metrics, kClock, reports);
    REQUIRE(forwarder->start());
  }
  void append(const std::string& text, Priority priority = Priority::kError) const {
    spool->append(make_alert(priority, text));
  }
  [[nodiscard]] uint64_t delivered() const { return metrics.sum("tiercel_output_delivered_total"); }
  [[nodiscard]] bool delivers(uint64_t count) const {
    return eventually([&] { return delivered() >= count; });
  }
};

// The last word of each message, "m17".
Texts last_words(const Texts& messages) {
  Texts words;
  for (const std::string& message : messages) words.push_back(message.substr(message.rfind(' ') + 1));
  return words;
}

// All of m0 to mN-1, each for the first time in order.
bool all_in_order(const Texts& words, size_t count) {
  Texts firsts;
  for (const std::string& word : words)
    if (std::find(firsts.begin(), firsts.end(), word) == firsts.end()) firsts.push_back(word);
  if (firsts.size() != count) return false;
  for (size_t i = 0; i < count; ++i)
    if (firsts[i] != "m" + std::to_string(i)) return false;
  return true;
}

Fd unix_socket(const std::string& path, int type) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), std::min(path.size(), sizeof address.sun_path - 1));
  Fd fd(::socket(AF_UNIX, type | SOCK_CLOEXEC, 0));
  REQUIRE(::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  if (type == SOCK_STREAM) REQUIRE(::listen(fd.get(), 4) == 0);
  const timeval patience{kGenerousMs / 1000, 0};
  ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  return fd;
}

Fd udp_socket(uint16_t& port) {
  Fd fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  socklen_t size = sizeof address;
  REQUIRE(::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), size) == 0);
  ::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&address), &size);
  port = ntohs(address.sin_port);
  const timeval patience{kGenerousMs / 1000, 0};
  ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  return fd;
}

std::string receive(const Fd& fd) {
  std::string out(1 << 20, '\0');
  const ssize_t n = ::recv(fd.get(), out.data(), out.size(), 0);
  out.resize(n > 0 ? static_cast<size_t>(n) : 0);
  return out;
}

std::string at_loopback(const char* way, uint16_t port) {
  return std::string(way) + "://127.0.0.1:" + std::to_string(port);
}

struct Certificate {
  TempDir dir;
  std::string file = dir / "certificate.pem", key = dir / "key.pem";
  Certificate() {
    wazuh::TlsServer maker;
    REQUIRE(maker.open(file, key));
  }
};

}  // namespace

TEST_CASE("syslog forwarder: Unix datagrams; the daemon may come later and start anew") {
  const TempDir dir;
  const Bench bench("unix://" + (dir / "log"));
  bench.append("m0");
  REQUIRE(eventually([&] { return bench.metrics.sum("tiercel_output_errors_total") > 0; }));
  Fd daemon = unix_socket(dir / "log", SOCK_DGRAM);
  const std::string first = receive(daemon);
  CHECK(first.starts_with("<11>1 "));
  CHECK(first.ends_with(" m0"));
  REQUIRE(bench.delivers(1));
  daemon.reset();
  ::unlink((dir / "log").c_str());
  daemon = unix_socket(dir / "log", SOCK_DGRAM);
  bench.append("m1");
  CHECK(receive(daemon).ends_with(" m1"));
  // More than the socket takes is cut to what it takes.
  bench.append(std::string(4 << 20, 'x'));
  CHECK(receive(daemon).ends_with("x...[cut]"));
  REQUIRE(bench.delivers(3));
  CHECK(bench.metrics.sum("tiercel_output_cut_total") == 1);
  bench.forwarder->stop(kGenerousMs);
}

TEST_CASE("syslog forwarder: a Unix stream has a line each; delivered is what was read") {
  const TempDir dir;
  Fd daemon = unix_socket(dir / "log", SOCK_STREAM);
  const Bench bench("unix://" + (dir / "log"));
  bench.append("m0");
  bench.append("m1");
  Fd connection(::accept4(daemon.get(), nullptr, nullptr, SOCK_CLOEXEC));
  REQUIRE(eventually([&] { return bench.forwarder->status().held == 2; }));
  CHECK(bench.delivered() == 0);  // nobody has read it
  connection.reset();             // and nobody will
  connection.reset(::accept4(daemon.get(), nullptr, nullptr, SOCK_CLOEXEC));
  std::string got;
  while (std::count(got.begin(), got.end(), '\n') < 2) {
    const std::string more = receive(connection);
    REQUIRE(!more.empty());
    got += more;
  }
  CHECK(got.find(" m0\n") < got.find(" m1\n"));
  REQUIRE(bench.delivers(2));
}

TEST_CASE("syslog forwarder: UDP messages are cut at 2048 bytes") {
  uint16_t port = 0;
  const Fd server = udp_socket(port);
  const Bench bench(at_loopback("udp", port));
  bench.append("m0", Priority::kCritical);
  bench.append(std::string(5000, 'x'));
  CHECK(receive(server).starts_with("<10>1 "));
  const std::string cut = receive(server);
  CHECK(cut.size() == 2048);
  CHECK(cut.ends_with("x...[cut]"));
  REQUIRE(bench.delivers(2));
  CHECK(bench.forwarder->status().last_answer.find("over UDP nobody says") != std::string::npos);
}

TEST_CASE("syslog forwarder: TCP and TLS frames arrive in order, and count when they were acknowledged") {
  const Certificate certificate;
  for (const bool tls : {false, true}) {
    CAPTURE(tls);
    FrameServer server(tls ? FrameServer::Options{.certificate = certificate.file, .key = certificate.key}
                           : FrameServer::Options{});
    SyslogForwarderOptions options;
    options.format = SyslogForwarderOptions::Format::kJson;
    options.link.ca_file = certificate.file;
    const Bench bench(at_loopback(tls ? "tls" : "tcp", server.port()), options);
    constexpr size_t kCount = 3'000;  // more than the window
    for (size_t i = 0; i < kCount; ++i) bench.append("m" + std::to_string(i));
    REQUIRE(bench.delivers(kCount));
    const Texts got = server.messages();
    REQUIRE(got.size() == kCount);
    CHECK(!server.malformed());
    CHECK(got.front().ends_with("] {\"falco\":\"m0\"}"));
    CHECK(got.back().ends_with("] {\"falco\":\"m2999\"}"));
    CHECK(server.connections() == 1);
    // Ended in order while idle: what was read is not sent again.
    server.end_connection();
    REQUIRE(eventually([&] {
      bench.append("again");
      ::usleep(10'000);
      return server.connections() == 2;
    }));
    CHECK(bench.metrics.sum("tiercel_output_lost_total") == 0);
    bench.forwarder->stop(kGenerousMs);
    const Texts all = server.messages();
    CHECK(std::count_if(all.begin(), all.end(), [](const std::string& m) { return m.ends_with("m2999\"}"); }) == 1);
  }
}

TEST_CASE("syslog forwarder: resets in the middle lose nothing and keep the order") {
  const Certificate certificate;
  for (const bool tls : {false, true}) {
    CAPTURE(tls);
    FrameServer server(
        {.certificate = tls ? certificate.file : "", .key = certificate.key, .reset_after = 40, .resets = 5});
    SyslogForwarderOptions options;
    options.link.ca_file = certificate.file;
    options.settle_ms = 3'600'000;  // what is settled is what an end in order settles: no clock
    const Bench bench(at_loopback(tls ? "tls" : "tcp", server.port()), options);
    constexpr size_t kCount = 1'000;
    for (size_t i = 0; i < kCount; ++i) bench.append("m" + std::to_string(i));
    REQUIRE(eventually([&] {
      const Texts got = server.messages();
      return !got.empty() && got.back().ends_with(" m999");
    }));
    server.end_connection();
    REQUIRE(bench.delivers(kCount));
    CHECK(server.connections() == 6);
    CHECK(!server.malformed());
    CHECK(all_in_order(last_words(server.messages()), kCount));
    CHECK(bench.metrics.sum("tiercel_output_errors_total") >= 1);
    CHECK(bench.metrics.sum("tiercel_output_lost_total") == 0);
  }
}

TEST_CASE("syslog forwarder: a slow reader gets everything, whole and once") {
  FrameServer server({.pause_ms = 1});
  const Bench bench(at_loopback("tcp", server.port()));
  constexpr size_t kCount = 50;
  for (size_t i = 0; i < kCount; ++i) bench.append(std::string(20'000, 'x') + " m" + std::to_string(i));
  bench.forwarder->stop(kGenerousMs);  // in a hurry: still all of it
  CHECK(bench.delivered() == kCount);
  REQUIRE(eventually([&] { return server.messages().size() == kCount; }));
  CHECK(all_in_order(last_words(server.messages()), kCount));
  CHECK(server.connections() == 1);
}

TEST_CASE(
    "syslog forwarder: a certificate that is not good, or no TLS at all: nothing is sent, and the answer says why") {
  const Certificate certificate, other;
  FrameServer server({.certificate = certificate.file, .key = certificate.key});
  SyslogForwarderOptions options;
  options.link.ca_file = other.file;
  const Bench bench(at_loopback("tls", server.port()), options);
  bench.append("m0");
  REQUIRE(eventually([&] { return bench.metrics.sum("tiercel_output_errors_total") >= 2; }));
  CHECK(bench.forwarder->status().last_answer.find("certificate") != std::string::npos);
  CHECK(server.messages().empty());
  FrameServer plain({});
  const Bench against_plain(at_loopback("tls", plain.port()), [&] {
    SyslogForwarderOptions o;
    o.link.ca_file = certificate.file;
    o.link.connect_timeout_ms = 100;
    return o;
  }());
  against_plain.append("m0");
  REQUIRE(eventually([&] { return against_plain.metrics.sum("tiercel_output_errors_total") >= 1; }));
  CHECK(plain.messages().empty());
  CHECK(bench.delivered() + against_plain.delivered() == 0);
}

TEST_CASE("syslog forwarder: what a silent server does not acknowledge goes to the next connection") {
  // A listener whose queue is never accepted: the kernel takes some bytes, then no more.
  const Fd listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const int small = 4096;
  ::setsockopt(listener.get(), SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  REQUIRE(::bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), size) == 0);
  REQUIRE(::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address), &size) == 0);
  REQUIRE(::listen(listener.get(), 8) == 0);
  SyslogForwarderOptions options;
  options.silence_ms_max = 50;
  const Bench bench(at_loopback("tcp", ntohs(address.sin_port)), options);
  bench.append(std::string(8 << 20, 'x'));
  REQUIRE(eventually([&] { return bench.metrics.sum("tiercel_output_errors_total") >= 2; }));
  CHECK(bench.forwarder->status().last_answer.find("nothing arrives there any more") != std::string::npos);
  CHECK(bench.delivered() == 0);
  bench.forwarder->stop(0);
}
