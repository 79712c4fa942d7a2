#include "agent/context/enricher.h"

#include "agent/context/known.h"

namespace tiercel::context {

Enricher::Enricher(const Clock& clock, ProcessTable& table, Containers& containers, Users& users)
    : clock_(clock), table_(table), containers_(containers), users_(users) {
  refresh_clock();
}

void Enricher::refresh_clock() {
  offset_ns_ = clock_.realtime_ns() - clock_.boottime_ns();
}

void Enricher::apply(const decoders::Record& record) {
  containers_.poll(record.head().time_ns);
  if (const auto* cgroup = record.as<ev_cgroup>()) {
    if (record.info().type == EVT_cgroup_gone)
      containers_.cgroup_gone(cgroup->id, record.head().time_ns);
    else
      containers_.cgroup_seen(cgroup->id, record.text(cgroup->path));
    return;
  }
  if (const auto* known = record.as<ev_known>())
    return recall(known->id, record.text(known->json), containers_, users_);
  table_.apply(record);
  if (const auto* exec = record.as<ev_exec>(); exec && exec->res >= 0) note_program(*exec);
}

// Which of a container's programs is its first.
void Enricher::note_program(const ev_exec& exec) {
  const auto process = table_.find({exec.head.pid, exec.head.start_ns});
  if (!process || !process->container) return;
  if (exec.head.flags & EVF_SNAPSHOT)
    containers_.was_running(*process->container);
  else
    containers_.program_started(*process->container, exec.head, exec.vpid);
}

}  // namespace tiercel::context
