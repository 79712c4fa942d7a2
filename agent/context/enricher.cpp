#include "agent/context/enricher.h"

namespace tiercel::context {

Enricher::Enricher(const Clock& clock, ProcessTable& table, Containers& containers, Users& users)
    : clock_(clock), table_(table), containers_(containers), users_(users) {
  refresh_clock();
}

void Enricher::refresh_clock() {
  offset_ns_ = clock_.realtime_ns() - clock_.boottime_ns();
}

void Enricher::apply(const decoders::Record& record) {
  if (const auto* cgroup = record.as<ev_cgroup>()) {
    containers_.cgroup_seen(cgroup->id, record.text(cgroup->path));
    return;
  }
  table_.apply(record);
}

}  // namespace tiercel::context
