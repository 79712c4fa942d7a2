// Enricher: record -> Event: state first (process table, containers), then the event that rules see. Deciding thread.
#pragma once

#include "agent/base/clock.h"
#include "agent/context/event.h"

namespace tiercel::context {

class Enricher {
 public:
  Enricher(const Clock& clock, ProcessTable& table, Containers& containers, Users& users);

  // Updates state, then calls handler(Event&) once per event that rules may see: none for internal records, two for a
  // process creation (the parent's side and the child's).
  template <class Handler>
  void attach(const decoders::Record& record, Handler&& handler);

  [[nodiscard]] uint64_t events() const { return num_; }
  // Wall-clock time of a CLOCK_BOOTTIME instant, by the offset taken at the last call of refresh_clock().
  [[nodiscard]] uint64_t wall_ns(uint64_t boottime_ns) const { return boottime_ns + offset_ns_; }
  void refresh_clock();
  void set_wall_offset_ns(uint64_t offset_ns) { offset_ns_ = offset_ns; }  // of a recording

 private:
  void apply(const decoders::Record& record);
  void note_program(const ev_exec& exec);
  const Clock& clock_;
  ProcessTable& table_;
  Containers& containers_;
  Users& users_;
  uint64_t num_ = 0;
  uint64_t offset_ns_ = 0;
  uint64_t last_ns_ = 0;  // of the event before
};

template <class Handler>
void Enricher::attach(const decoders::Record& record, Handler&& handler) {
  apply(record);
  const decoders::EventInfo& info = record.info();
  if (info.flags & decoders::EF_INTERNAL) return;
  auto emit = [&](std::shared_ptr<Process> process, uint32_t exec_id, bool child_side) {
    auto image = ProcessTable::image_of(*process, exec_id);
    Event event(record, info, ++num_, wall_ns(record.head().time_ns), std::move(process), std::move(image), table_,
                users_);
    if (child_side) event.set_child_side();
    if (last_ns_ != 0 && record.head().time_ns > last_ns_) event.set_delta_ns(record.head().time_ns - last_ns_);
    last_ns_ = record.head().time_ns;
    handler(event);
  };
  emit(table_.of(record.head()), record.head().exec_id, false);
  if (const auto* fork = record.as<ev_fork>(); fork && fork->res >= 0)
    if (auto child = table_.find({fork->child_pid, fork->child_start_ns}))
      emit(std::move(child), fork->child_exec_id, true);
}

}  // namespace tiercel::context
