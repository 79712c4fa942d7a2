#include "tests/bench/sample_alert.h"

#include <fmt/core.h>

#include <memory>
#include <string>
#include <vector>

#include "agent/alert/normalised.h"
#include "agent/base/time_text.h"

namespace tiercel::bench {

alert::AlertPtr make_alert(uint64_t n) {
  auto alert = std::make_shared<alert::Alert>();
  const uint64_t chance = n * 0x9e3779b97f4a7c15u >> 32;  // well mixed, and the same in every run
  alert->id = fmt::format("{:016x}-{}", 0x5eed, n);
  alert->time_ns = 1'790'000'000'000'000'000 + n * 50'000 + chance % 50'000;
  alert->priority = n % 100 == 0 ? alert::Priority::kCritical : alert::Priority::kWarning;
  alert->rule = "Read sensitive file untrusted";
  alert->source = "syscall";
  alert->tags = {"T1555", "container", "filesystem", "host", "maturity_stable", "mitre_credential_access"};
  const std::string file = fmt::format("/etc/ssl/private/host-{}.key", chance % 100'000);
  const uint64_t pid = 1'000 + chance % 60'000;
  alert->message = fmt::format(
      "Sensitive file opened for reading by non-trusted program | file={} process=worker-{} "
      "parent=bash command=worker-{} --read {} user=app",
      file, pid, pid, file);
  alert->process = fmt::format("worker-{}({})", pid, pid);
  alert->technique = "T1555";
  alert::NormalisedEvent event;
  event.set("id", alert->id);
  event.set("time", iso8601_z(alert->time_ns));
  event.set("rule", alert->rule);
  event.set("priority", alert::display_name(alert->priority));
  event.set("source", alert->source);
  event.set("tags", alert->tags);
  event.set("output", alert->message);
  event.set("host.name", "web-17");
  event.set("mitre.technique", std::vector<std::string>{"T1555"});
  event.set("evt.type", "openat");
  event.set("evt.res", "SUCCESS");
  event.set("evt.num", n * 7);
  event.set("proc.name", fmt::format("worker-{}", pid));
  event.set("proc.pid", pid);
  event.set("proc.start_ns", alert->time_ns - 1'790'000'000'000'000'000 + 12'345'678'901);
  event.set("proc.exepath", "/usr/bin/worker");
  event.set("proc.cmdline", fmt::format("worker-{} --read {}", pid, file));
  event.set("proc.cwd", "/opt/app");
  event.set("proc.ppid", pid - 1);
  event.set("proc.pname", "bash");
  event.set("proc.ancestors", std::vector<std::string>{"bash", "sshd", "systemd"});
  event.set("user.name", "app");
  event.set("user.uid", 1'001);
  event.set("user.loginuid", 1'001);
  event.set("fd.name", file);
  event.set_field("evt.arg.flags", "O_RDONLY|O_CLOEXEC");
  alert->event_json = event.render();
  return alert;
}

}  // namespace tiercel::bench
