// The responder against scripts that speak execd's protocol, some well and some not at all.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "agent/response/responder.h"
#include "agent/response/script.h"
#include "siem_support.h"

using namespace tiercel;
using namespace tiercel::response;
using tiercel::siem::test::content_of;
using tiercel::siem::test::TempDir;

namespace {

// As Wazuh's own: asks, obeys, writes down what it was told. $0.log is in the working directory.
constexpr const char* kStateful = R"(#!/bin/sh
read -r line
case $line in
*'"command":"delete"'*) echo "delete" >>trace; exit 0;;
esac
echo '{"version":1,"origin":{"name":"stateful","module":"active-response"},"command":"check_keys","parameters":{"keys":["10.9.8.7"]}}'
read -r answer
case $answer in
*'"command":"continue"'*) echo "continue" >>trace;;
*'"command":"abort"'*) echo "abort" >>trace;;
*) echo "nothing" >>trace;;
esac
)";

class Bench {
 public:
  Bench() {
    std::filesystem::create_directories(home() + "/active-response/bin");
    std::filesystem::create_directories(home() + "/logs");
    ::chmod(dir_.path().c_str(), 0755);
    options.home = home();
    options.state_dir = dir_.path();
    options.timeout_s = 20;
  }
  void script(const std::string& name, const std::string& text, mode_t mode = 0750) const {
    const std::string path = bin(name);
    std::ofstream(path) << text;
    ::chmod(path.c_str(), mode);
  }
  Responder& start(const std::string& ar_conf = {}) {
    responder.emplace(options, reports, metrics, clock);
    REQUIRE(responder->start());
    responder->set_ar_conf(ar_conf);
    return *responder;
  }
  // Receipts so far, until there are `count`.
  const std::vector<alert::Report>& receipts(size_t count) {
    for (int i = 0; i < 30'000 && seen_.size() < count; ++i) {
      for (alert::Report& report : reports.take()) seen_.push_back(std::move(report));
      if (seen_.size() < count) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    REQUIRE(seen_.size() >= count);
    return seen_;
  }
  [[nodiscard]] std::string home() const { return dir_ / "home"; }
  [[nodiscard]] std::string bin(const std::string& name) const { return home() + "/active-response/bin/" + name; }
  [[nodiscard]] std::string trace() const {
    return std::filesystem::exists(home() + "/trace") ? content_of(home() + "/trace") : "";
  }
  [[nodiscard]] size_t kept() const {
    size_t count = 0;
    for (const auto& file : std::filesystem::directory_iterator(dir_ / "responses"))
      count += file.path().extension() == ".json" ? 1 : 0;
    return count;
  }

  ResponderOptions options;
  Metrics metrics;
  alert::Reports reports{metrics};
  SystemClock clock;
  std::optional<Responder> responder;

 private:
  TempDir dir_;
  std::vector<alert::Report> seen_;
};

std::string command(const std::string& name,
                    const std::string& alert = R"({"data":{"srcip":"10.9.8.7","tiercel":{"id":"a-1"}}})") {
  return fmt::format(
      R"({{"version":1,"origin":{{"name":"","module":""}},"command":"{}","parameters":{{"extra_args":[],"alert":{}}}}})",
      name, alert);
}

std::string field(const alert::Report& report, const std::string& name) {
  for (const auto& [key, value] : report.fields) {
    if (key != "response." + name) continue;
    if (const auto* text = std::get_if<std::string>(&value.value)) return *text;
    std::string out;
    alert::append_json(out, value);
    return out;
  }
  return "-";
}

}  // namespace

TEST_CASE("responder: a script gets its line, its folder and nothing of ours; the receipt says who and why") {
  Bench bench;
  // An inherited descriptor, an ignored signal and a variable that must not arrive.
  const int leak = ::open("/dev/null", O_RDONLY);
  ::setenv("TIERCEL_TEST_SECRET", "x", 1);
  bench.script("show", R"(#!/bin/sh
read -r line
{ echo "$line"; echo "$0"; pwd; umask; env | sort; ls /proc/$$/fd | tr '\n' ' '; grep -E 'Sig(Blk|Ign)' /proc/self/status; } >shown
echo to-the-log >&2
)");
  Responder& responder = bench.start();
  CHECK(responder.offer(command("!show")));
  const auto& receipt = bench.receipts(1)[0];
  INFO(receipt.message);
  CHECK(receipt.rule == kReceiptRule);
  CHECK(receipt.priority == Priority::kNotice);
  CHECK(field(receipt, "result") == "done");
  CHECK(field(receipt, "command") == "!show");
  CHECK(field(receipt, "script") == "show");
  CHECK(field(receipt, "srcip") == "10.9.8.7");
  CHECK(field(receipt, "alert_id") == "a-1");
  CHECK(field(receipt, "exit_status") == "0");
  CHECK(field(receipt, "duration_ms") != "-");
  const std::string shown = content_of(bench.home() + "/shown");
  INFO(shown);
  CHECK(shown.starts_with(R"({"version":1,"origin":{"name":"","module":"wazuh-execd"},"command":"add","parameters":)"));
  CHECK(shown.find("\nactive-response/bin/show\n" + std::filesystem::canonical(bench.home()).string() + "\n0027\n") !=
        std::string::npos);
  CHECK(shown.find("TIERCEL_TEST_SECRET") == std::string::npos);
  CHECK(shown.find("PATH=") != std::string::npos);
  CHECK(shown.find("SigBlk:\t0000000000000000") != std::string::npos);
  CHECK(shown.find("SigIgn:\t0000000000000000") != std::string::npos);
  const size_t fds = shown.find("\n0 1 ");
  CHECK(fds != std::string::npos);
  CHECK(shown.find(fmt::format(" {} ", leak), fds) == std::string::npos);
  CHECK(content_of(bench.home() + "/logs/active-responses.log") == "to-the-log\n");
  ::close(leak);
  ::unsetenv("TIERCEL_TEST_SECRET");
}

TEST_CASE("responder: check_keys, continue, abort for the same key, delete after the timeout") {
  Bench bench;
  bench.script("stateful", kStateful);
  Responder& responder = bench.start("nothing2 - not-there - 2\nstate2 - not-there - 9\nstate2 - stateful - 2\n");
  responder.offer(command("state2"));
  CHECK(field(bench.receipts(1)[0], "result") == "done");
  CHECK(responder.pending() == 1);
  CHECK(bench.kept() == 1);
  responder.offer(command("state2"));
  CHECK(field(bench.receipts(2)[1], "result") == "aborted");
  const auto& receipts = bench.receipts(3);
  CHECK(field(receipts[2], "result") == "undone");
  CHECK(field(receipts[2], "alert_id") == "a-1");
  CHECK(receipts[2].priority == Priority::kNotice);
  CHECK(bench.trace() == "continue\nabort\ndelete\n");
  CHECK(responder.pending() == 0);
  CHECK(bench.kept() == 0);
}

TEST_CASE(
    "responder: without a timeout check_keys is answered and nothing is kept; a script that asks nothing is not "
    "undone") {
  Bench bench;
  bench.script("stateful", kStateful);
  bench.script("mute", "#!/bin/sh\ncat >got\n");  // reads to the end, says nothing
  bench.options.quiet_ms_max = 200;
  Responder& responder = bench.start("state0 - stateful - 0\nmute0 - mute - 0\nasks-nothing9 - asks-nothing - 9\n");
  bench.script("asks-nothing", "#!/bin/sh\necho hello\nexit 0\n");
  for (const char* name : {"state0", "!stateful", "mute0", "asks-nothing9"}) responder.offer(command(name));
  const auto& receipts = bench.receipts(4);
  for (const alert::Report& receipt : receipts) CHECK_MESSAGE(field(receipt, "result") == "done", receipt.message);
  CHECK(responder.pending() == 0);
  CHECK(bench.trace() == "continue\ncontinue\n");
  CHECK(content_of(bench.home() + "/got").find(R"("command":"add")") != std::string::npos);
}

TEST_CASE("responder: what is refused, with the reason") {
  Bench bench;
  bench.script("good", "#!/bin/sh\n");
  bench.script("open", "#!/bin/sh\n", 0777);
  bench.script("plain", "#!/bin/sh\n", 0640);
  bench.script("other", "#!/bin/sh\n");
  bench.options.allow = {"good", "open", "plain", "absent"};
  Responder& responder = bench.start("known0 - absent - 0\n");
  const std::vector<std::pair<std::string, std::string>> cases = {{command("unknown0"), "no command of that name"},
                                                                  {command("known0"), "no script for it"},
                                                                  {command("!open"), "written by others"},
                                                                  {command("!plain"), "not executable"},
                                                                  {command("!absent"), "no script for it"},
                                                                  {command("!other"), "active_response.allow"},
                                                                  {command("!../good"), "slash"},
                                                                  {"{}", "version"},
                                                                  {"\xff\xfe", "JSON"}};
  for (size_t i = 0; i < cases.size(); ++i) {
    responder.offer(cases[i].first);
    const auto& receipt = bench.receipts(i + 1)[i];
    INFO(receipt.message);
    CHECK(field(receipt, "result") == "refused");
    CHECK(receipt.priority == Priority::kWarning);
    CHECK(field(receipt, "reason").find(cases[i].second) != std::string::npos);
  }
  ::chmod((bench.home() + "/active-response").c_str(), 0777);
  responder.offer(command("!good"));
  CHECK(field(bench.receipts(cases.size() + 1).back(), "reason").find("active-response may be written by others") !=
        std::string::npos);
  ::chmod((bench.home() + "/active-response").c_str(), 0755);
  responder.offer(command("!good"));
  CHECK(field(bench.receipts(cases.size() + 2).back(), "result") == "done");
  CHECK(bench.metrics.sum("tiercel_responses_refused_total") == cases.size() + 1);
}

TEST_CASE("responder: one that hangs is killed with its children; one that writes without end holds up nobody") {
  Bench bench;
  bench.options.timeout_s = 1;
  bench.script("hang", "#!/bin/sh\ntrap '' TERM\nsleep 1000 &\necho $! >child\nwait\n");
  bench.script("loud", "#!/bin/sh\nhead -c 1048576 /dev/zero | tr '\\0' x\necho\nexit 3\n");
  bench.script("long-line",
               "#!/bin/sh\nread -r l\nhead -c 100000 /dev/zero | tr '\\0' x\necho\n"
               "echo '{\"command\":\"result\",\"parameters\":{\"result\":\"done\",\"reason\":\"after it\"}}'\n");
  Responder& responder = bench.start();
  for (const char* name : {"!hang", "!loud", "!long-line"}) responder.offer(command(name));
  const auto& receipts = bench.receipts(3);
  for (const alert::Report& receipt : receipts) {
    INFO(receipt.message);
    const std::string script = field(receipt, "script");
    if (script == "hang") CHECK(field(receipt, "result") == "timeout");
    if (script == "loud") CHECK(field(receipt, "exit_status") == "3");
    if (script == "loud") CHECK(field(receipt, "result") == "failed");
    if (script == "long-line") CHECK(field(receipt, "reason") == "after it");
  }
  const std::string child = content_of(bench.home() + "/child");
  const pid_t pid = std::atoi(child.c_str());
  REQUIRE(pid > 1);
  for (int i = 0; i < 5'000 && ::kill(pid, 0) == 0; ++i) {
    const std::string stat = std::filesystem::exists("/proc/" + std::to_string(pid))
                                 ? content_of("/proc/" + std::to_string(pid) + "/stat")
                                 : "";
    if (stat.find(") Z") != std::string::npos) break;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  const auto stat = "/proc/" + std::to_string(pid) + "/stat";
  CHECK((!std::filesystem::exists(stat) || content_of(stat).find(") Z") != std::string::npos));
}

TEST_CASE("responder: what an earlier run left is undone, also when it was killed") {
  Bench bench;
  bench.script("stateful", kStateful);
  const std::string conf = "state600 - stateful - 600\nstate1 - stateful - 1\n";
  bench.start(conf).offer(command("state600"));
  bench.receipts(1);
  REQUIRE(bench.kept() == 1);
  // A copy of the folder as a kill -9 leaves it; then a clean stop.
  std::filesystem::copy(bench.options.state_dir + "/responses", bench.options.state_dir + "/saved");
  bench.responder->stop(10'000);
  CHECK(bench.kept() == 0);
  CHECK(bench.trace() == "continue\ndelete\n");
  CHECK(field(bench.receipts(2)[1], "result") == "undone");

  std::filesystem::remove_all(bench.options.state_dir + "/responses");
  std::filesystem::rename(bench.options.state_dir + "/saved", bench.options.state_dir + "/responses");
  std::ofstream(bench.options.state_dir + "/responses/broken.json") << "{";
  CHECK(bench.start(conf).pending() == 1);  // 600 s are not over
  bench.responder->offer(command("state600"));
  CHECK(field(bench.receipts(3)[2], "result") == "aborted");  // it is known to be in effect
  bench.responder->stop(10'000);
  CHECK(bench.trace() == "continue\ndelete\nabort\ndelete\n");
}

TEST_CASE("responder: an undo that fails is tried again, three times, and told") {
  Bench bench;
  bench.options.retry_s = 0;
  bench.script("stubborn", std::string(kStateful).replace(std::string(kStateful).find("exit 0"), 6, "exit 7"));
  bench.start("s1 - stubborn - 1\n").offer(command("s1"));
  const auto& receipts = bench.receipts(4);
  for (size_t i = 1; i < 4; ++i) CHECK(field(receipts[i], "result") == "failed");
  CHECK(field(receipts[2], "reason").find("tried again") != std::string::npos);
  CHECK(field(receipts[3], "reason").find("by hand") != std::string::npos);
  CHECK(bench.responder->pending() == 0);
  CHECK(bench.kept() == 0);
}

TEST_CASE("responder: at a stop what hangs is left, and kept for the next start") {
  Bench bench;
  bench.script("slow", std::string(kStateful).replace(std::string(kStateful).find("exit 0"), 6, "sleep 2"));
  bench.start("s600 - slow - 600\n").offer(command("s600"));
  bench.receipts(1);
  const auto begun = std::chrono::steady_clock::now();
  bench.responder->stop(50);
  MESSAGE("stop took "
          << std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - begun).count()
          << " ms");
  CHECK(bench.kept() == 1);
  CHECK_FALSE(bench.responder->offer(command("s600")));
  CHECK(field(bench.receipts(2)[1], "result") == "refused");
}

TEST_CASE("responder: a hundred at once, and more than there is room for") {
  Bench bench;
  bench.options.waiting_max = 200;
  bench.script("stateful", kStateful);
  Responder& responder = bench.start("state600 - stateful - 600\n");
  for (int i = 0; i < 100; ++i) CHECK(responder.offer(command("state600")));
  size_t done = 0, aborted = 0;
  for (const alert::Report& receipt : bench.receipts(100)) {
    done += field(receipt, "result") == "done" ? 1 : 0;
    aborted += field(receipt, "result") == "aborted" ? 1 : 0;
  }
  CHECK(done == 1);  // one and the same key
  CHECK(aborted == 99);
  CHECK(responder.pending() == 1);
  bench.script("wait", "#!/bin/sh\nwhile [ ! -e go ]; do sleep 0.01; done\n");
  size_t refused = 0;
  for (int i = 0; i < 300; ++i) refused += responder.offer(command("!wait")) ? 0 : 1;
  CHECK(refused >= 300 - 200 - bench.options.running_max);
  std::ofstream(bench.home() + "/go") << "";
  bench.receipts(400);
  responder.stop(10'000);
}

TEST_CASE("responder: the shipped scripts are installed, and nobody else's are touched") {
  Bench bench;
  bench.script("firewall-drop", "#!/bin/sh\n# a stock one\n");
  Install install{bench.home(), false, "/opt/it's here/tiercel"};
  auto lines = install_scripts(install);
  REQUIRE(lines);
  CHECK(lines->size() == shipped_scripts().size() + 1);
  CHECK(content_of(bench.bin("firewall-drop")) == "#!/bin/sh\n# a stock one\n");
  CHECK(content_of(bench.bin("kill-process")).find("exec '/opt/it'\\''s here/tiercel' response kill-process\n") !=
        std::string::npos);
  CHECK(std::filesystem::exists(bench.bin("restart-wazuh")));
  REQUIRE(install_scripts(install));  // again
  install.home = bench.home() + "/not-there";
  install.stock_agent = true;
  CHECK_FALSE(install_scripts(install));
  std::filesystem::create_directories(install.home + "/active-response/bin");
  lines = install_scripts(install);
  REQUIRE(lines);
  CHECK_FALSE(std::filesystem::exists(install.home + "/active-response/bin/firewall-drop"));
  CHECK_FALSE(std::filesystem::exists(install.home + "/active-response/bin/restart-wazuh"));
  CHECK(std::filesystem::exists(install.home + "/active-response/bin/kill-container"));
}
