// Enrolment over TLS 1.2 and 1.3: certificates of both sides, addresses, secrets, the key file.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/base/fd.h"
#include "agent/base/log.h"
#include "siem/wazuh/enroll.h"
#include "wazuh_bench.h"

using namespace tiercel;
using namespace tiercel::wazuh;
using namespace tiercel::wazuh::test;

namespace {

using Tls = DevManagerOptions::Tls;
constexpr int kLimitMs = 30'000;

Result<EnrolAnswer> ask(const Bench& bench, EnrolServer server, const EnrolRequest& request) {
  server.port = bench.manager->enrol_port();
  return enrol(server, request, {deadline_in_ms(kLimitMs), -1, {}, nullptr});
}

EnrolRequest request_of(const std::string& name) {
  EnrolRequest request;
  request.agent_name = name;
  request.version = "v4.14.0";
  return request;
}

// Standard error, where the log goes, into a file for as long as it lives.
class CapturedLog {
 public:
  explicit CapturedLog(std::string path) : path_(std::move(path)), before_(::dup(STDERR_FILENO)) {
    log::set_level(log::Level::kDebug);
    const Fd file(::open(path_.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    ::dup2(file.get(), STDERR_FILENO);
  }
  ~CapturedLog() {
    ::dup2(before_.get(), STDERR_FILENO);
    log::set_level(log::Level::kWarning);
  }
  CapturedLog(const CapturedLog&) = delete;
  CapturedLog& operator=(const CapturedLog&) = delete;
  [[nodiscard]] std::string text() const { return read_file(path_, 16u << 20).value_or(""); }

 private:
  std::string path_;
  Fd before_;
};

}  // namespace

TEST_CASE("wazuh enrolment: TLS 1.2 and TLS 1.3, with the manager's certificate checked") {
  for (const Tls version : {Tls::k12, Tls::k13}) {
    Bench bench;
    bench.manager_options.tls = version;
    bench.start_manager();
    EnrolServer server{"localhost", 0, bench.manager->certificate_file()};
    CHECK(ask(bench, server, request_of("one"))->key.id == "001");
    server.host = "127.0.0.1";
    CHECK(ask(bench, server, request_of("two"))->key.id == "002");
  }
}

TEST_CASE("wazuh enrolment: a certificate for another host is refused, and nothing is sent") {
  Bench bench;
  bench.manager_options.address = "127.0.0.5";  // not among the names of its certificate
  bench.start_manager();
  const auto answer = ask(bench, {"127.0.0.5", 0, bench.manager->certificate_file()}, request_of("one"));
  REQUIRE_FALSE(answer.has_value());
  CHECK(answer.error().message.find("not good by") != std::string::npos);
  CHECK(answer.error().message.find("mismatch") != std::string::npos);
  CHECK(bench.manager->counts().enrolled == 0);
}

TEST_CASE("wazuh enrolment: a manager that asks for client certificates") {
  for (const Tls version : {Tls::k12, Tls::k13}) {
    Bench authority;  // its self-signed certificate is the agents' too
    authority.start_manager();
    const std::string certificate = authority.manager->certificate_file();
    const std::string key = authority.manager_options.dir + "/manager.key";
    Bench bench;
    bench.manager_options.tls = version;
    bench.manager_options.client_ca_file = certificate;
    bench.start_manager();
    EnrolServer server{"127.0.0.1", 0, bench.manager->certificate_file(), certificate, key};
    const auto shown = ask(bench, server, request_of("one"));
    REQUIRE_MESSAGE(shown.has_value(), shown.error().message);
    CHECK(shown->key.id == "001");

    server.client_certificate.clear();
    const auto none = ask(bench, server, request_of("two"));
    REQUIRE_FALSE(none.has_value());
    INFO(none.error().message);
    CHECK(none.error().message.find("give client_certificate and client_key") != std::string::npos);

    Bench stranger;
    stranger.start_manager();
    server.client_certificate = stranger.manager->certificate_file();
    server.client_key = stranger.manager_options.dir + "/manager.key";
    const auto wrong = ask(bench, server, request_of("three"));
    REQUIRE_FALSE(wrong.has_value());
    CHECK(wrong.error().message.find("does the manager take the client certificate") != std::string::npos);
    CHECK(bench.manager->counts().enrolled == 1);

    server.client_key = key;  // of another certificate
    CHECK(ask(bench, server, request_of("four")).error().message.find("client key") != std::string::npos);
    server.client_certificate = "/no/such.pem";
    CHECK(ask(bench, server, request_of("five")).error().message.find("/no/such.pem") != std::string::npos);
  }
}

TEST_CASE("wazuh enrolment: the address that the key is tied to") {
  Bench bench;
  bench.start_manager();
  const EnrolServer server{"127.0.0.1", 0, {}};
  const std::pair<const char*, const char*> cases[] = {
      {"", "any"}, {"any", "any"}, {"src", "127.0.0.1"}, {"192.0.2.7", "192.0.2.7"}, {"192.0.2.0/24", "192.0.2.0/24"}};
  int number = 0;
  for (const auto& [asked, got] : cases) {
    EnrolRequest request = request_of("agent-" + std::to_string(++number));
    request.ip = asked;
    CHECK(ask(bench, server, request)->key.ip == got);
  }
  EnrolRequest request = request_of("agent-x");
  request.ip = "banana";
  CHECK(ask(bench, server, request)->refusal == "Invalid IP: banana");
}

TEST_CASE("wazuh enrolment: neither password nor key is ever logged, at any level") {
  Bench bench;
  bench.manager_options.password = "correct horse";
  bench.sink_options.password = "wrong-battery-staple";
  bench.start_manager();
  CapturedLog captured(bench.folder / "log");
  bench.start_sink();
  CHECK(eventually([&bench] { return bench.manager->counts().enrol_refused >= 2; }));
  bench.end_sink(0);
  bench.sink_options.password = "correct horse";
  bench.start_sink();
  bench.append(3);
  CHECK(bench.all_confirmed());
  bench.sink->stop(1'000);
  const AgentKey key = **read_agent_key(bench.sink_options.keys_file);
  const std::string text = captured.text();
  CHECK(text.find("Invalid password") != std::string::npos);  // it was captured
  CHECK(text.find("enrolled with") != std::string::npos);
  CHECK(text.find("staple") == std::string::npos);
  CHECK(text.find("correct horse") == std::string::npos);
  CHECK(text.find(key.key) == std::string::npos);
}

TEST_CASE("wazuh enrolment: the key file is 0640 whatever the umask, whole, and replaced in one step") {
  Bench bench;
  bench.start_manager();
  REQUIRE(write_file_atomically(bench.sink_options.keys_file, "\n", 0600).has_value());
  const Fd old(::open(bench.sink_options.keys_file.c_str(), O_RDONLY | O_CLOEXEC));
  const mode_t before = ::umask(0077);
  bench.start_sink();
  bench.append(1);
  CHECK(bench.all_confirmed());
  ::umask(before);
  struct stat facts {};
  REQUIRE(::stat(bench.sink_options.keys_file.c_str(), &facts) == 0);
  CHECK((facts.st_mode & 07777) == 0640);
  struct stat old_facts {};
  REQUIRE(::fstat(old.get(), &old_facts) == 0);
  CHECK(old_facts.st_ino != facts.st_ino);  // who had the old one open still reads the old one
  CHECK(old_facts.st_nlink == 0);
  CHECK_FALSE(std::filesystem::exists(bench.sink_options.keys_file + ".tmp"));
  const std::string text = *read_file(bench.sink_options.keys_file, 4'096);
  CHECK(text == format_key_line(**read_agent_key(bench.sink_options.keys_file)) + "\n");
}
