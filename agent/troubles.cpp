#include "agent/troubles.h"

#include <fmt/core.h>

#include "agent/base/time_text.h"

namespace tiercel {
namespace {

void add_rules(std::vector<std::string>& out, const Status& s) {
  if (s.rules.refusal_stands)
    out.push_back(fmt::format(
        "the rules on the disk were refused at {}, and those before go on: {}. Mend them, then: tiercel rules reload",
        iso8601_z(s.rules.refused_ns), s.rules.refusal));
  if (s.group && s.group->refusal) {
    const auto& refused = *s.group->refusal;
    out.push_back(fmt::format("what the manager's group says was refused: {}:{}:{}: {}. {}", refused.file, refused.line,
                              refused.column, refused.reason,
                              s.group->waits ? "It waits for the host's files" : "Mend it on the manager"));
  }
}

}  // namespace

std::vector<std::string> troubles_of(const Status& s) {
  std::vector<std::string> out;
  if (s.self_test == "failed")
    out.emplace_back("the agent is blind: the kernel does not tell of our own processes. Restart the agent");
  if (s.lost_recently > 0)
    out.push_back(
        fmt::format("{} events or alerts were lost in the last {} minutes: nobody knows what they were. "
                    "`tiercel status --json` tells which, the log when",
                    s.lost_recently, RecentLosses::kSpanS / 60));
  if (!s.canaries.deaf.empty()) {
    std::string deaf;
    for (const std::string& hook : s.canaries.deaf) deaf += (deaf.empty() ? "" : ", ") + hook;
    out.push_back(fmt::format("hooks are deaf, somebody detached them: {}. Restart the agent", deaf));
  }
  if (s.floods > 0)
    out.push_back(
        fmt::format("{} cgroups flood: their events of low value are held back, to leave room for others. "
                    "`tiercel status --json` tells whose",
                    s.floods));
  if (s.manager_configured && !s.manager_connected)
    out.push_back(fmt::format("no connection to the manager {}: alerts wait in the spool. The agent's log says why",
                              s.manager_address));
  add_rules(out, s);
  for (const OutputRow& row : s.outputs)
    if (row.open)
      out.push_back(fmt::format("the output {} does not work and is tried now and then, {} wait{}{}", row.name,
                                row.waiting, row.last_answer.empty() ? "" : ": ", row.last_answer));
  if (s.containers.readers_stuck > 0)
    out.push_back(fmt::format("{} readers of containers' files wait for a disk that does not answer",
                              s.containers.readers_stuck));
  return out;
}

void RecentLosses::note(const Metrics& metrics, uint64_t kernel_lost, uint64_t now_ns) {
  constexpr uint64_t kNsPerS = 1'000'000'000, kMarkNs = 10 * kNsPerS;
  Status status;
  status.kernel_lost = kernel_lost;
  status.take_losses(metrics);
  const uint64_t lost = status.lost();
  if (marks_.empty()) marks_.emplace_back(now_ns, 0);
  while (marks_.size() > 1 && marks_[1].first + kSpanS * kNsPerS <= now_ns) marks_.pop_front();
  count_ = lost - marks_.front().second;
  if (now_ns >= marks_.back().first + kMarkNs) marks_.emplace_back(now_ns, lost);
}

}  // namespace tiercel
