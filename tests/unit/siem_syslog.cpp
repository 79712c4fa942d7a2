// The syslog output against a socket of the test's own.
#include <doctest/doctest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <string>

#include "agent/base/fd.h"
#include "siem/local/syslog_sink.h"
#include "siem_support.h"

using namespace tiercel;
using namespace tiercel::siem;
using namespace tiercel::siem::test;
using alert::Priority;

namespace {

Fd listen_at(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  REQUIRE(path.size() < sizeof address.sun_path);
  std::memcpy(address.sun_path, path.data(), path.size());
  Fd fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  REQUIRE(::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  const timeval patience{kGenerousMs / 1000, 0};
  ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  return fd;
}

std::string receive(const Fd& fd) {
  std::string out(65536, '\0');
  const ssize_t n = ::recv(fd.get(), out.data(), out.size(), 0);
  out.resize(n > 0 ? static_cast<size_t>(n) : 0);
  return out;
}

}  // namespace

TEST_CASE("syslog: what a message looks like") {
  ::setenv("TZ", "UTC", 1);
  ::tzset();
  CHECK(syslog_message(Priority::kWarning, 1'753'986'421'000'000'000, 4711, "text") ==
        "<12>Jul 31 18:27:01 tiercel[4711]: text");
  CHECK(syslog_message(Priority::kEmergency, 1'754'100'000'000'000'000, 1, "x") == "<8>Aug  2 02:00:00 tiercel[1]: x");
  ::unsetenv("TZ");
  ::tzset();
}

TEST_CASE("syslog: alerts arrive with their priority, as text and as JSON; the daemon may start anew") {
  for (const auto format : {SyslogSinkOptions::Format::kText, SyslogSinkOptions::Format::kJson}) {
    const TempDir dir;
    Metrics metrics;
    const auto spool = make_memory_spool({}, metrics);
    const auto sink = make_syslog_sink(
        *spool, {.format = format, .least_priority = Priority::kNotice, .socket_path = dir / "log"}, metrics);
    REQUIRE(sink->start());
    spool->append(make_alert(Priority::kError, "first"));  // nobody listens yet: it waits
    Fd daemon = listen_at(dir / "log");
    const std::string text = format == SyslogSinkOptions::Format::kText ? "Error first" : "{\"falco\":\"first\"}";
    std::string got = receive(daemon);
    CHECK(got.starts_with("<11>"));
    CHECK(got.ends_with(text));
    CHECK(got.find("tiercel[" + std::to_string(::getpid()) + "]: ") != std::string::npos);
    daemon.reset();
    ::unlink((dir / "log").c_str());
    daemon = listen_at(dir / "log");
    spool->append(make_alert(Priority::kDebug, "too little"));
    spool->append(make_alert(Priority::kNotice, "second"));
    got = receive(daemon);
    CHECK(got.starts_with("<13>"));
    CHECK(got.find("second") != std::string::npos);
    sink->stop(kGenerousMs);
    CHECK(metrics.sum("tiercel_output_delivered_total") == 2);
    CHECK(metrics.sum("tiercel_output_lost_total") == 0);
  }
}

TEST_CASE("syslog: a message that no socket takes is counted, and the next one goes out") {
  const TempDir dir;
  Metrics metrics;
  const auto spool = make_memory_spool({}, metrics);
  const Fd daemon = listen_at(dir / "log");
  const auto sink = make_syslog_sink(*spool, {.socket_path = dir / "log"}, metrics);
  REQUIRE(sink->start());
  spool->append(make_alert(Priority::kError, std::string(4 << 20, 'x')));
  spool->append(make_alert(Priority::kError, "small"));
  CHECK(receive(daemon).find("small") != std::string::npos);
  sink->stop(kGenerousMs);
  CHECK(metrics.sum("tiercel_output_lost_total") == 1);
}

TEST_CASE("syslog: a stop ends although nobody listens") {
  const TempDir dir;
  Metrics metrics;
  const auto spool = make_memory_spool({}, metrics);
  const auto sink = make_syslog_sink(*spool, {.socket_path = dir / "log"}, metrics);
  REQUIRE(sink->start());
  spool->append(make_alert(Priority::kError, "x"));
  sink->stop(50);
  CHECK(metrics.sum("tiercel_output_delivered_total") == 0);
}
