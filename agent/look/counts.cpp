#include "agent/look/counts.h"

#include <algorithm>
#include <utility>

namespace tiercel::look {

Counts::Counts(const Clock& clock, std::shared_ptr<const rule::RuleSet> rules)
    : clock_(clock), since_ns_(clock.monotonic_ns()), set_(std::move(rules)), watch_(clock, set_->size()) {}

void Counts::name(ProcessFacts& facts, const context::Event& event) const {
  facts.known = true;
  facts.exec_id = event.image().exec_id;
  facts.name = event.image().comm;
  facts.exepath = event.image().exepath;
  const context::Container* container = event.container();
  facts.container = container ? container->id : "";
}

void Counts::begin(const context::Event& event) {
  ++events_;
  type_ = &types_[event.info().type];
  ++type_->events;
  process_ = &processes_.add(event.process().key);
  if (!process_->facts.known || process_->facts.exec_id != event.image().exec_id) name(process_->facts, event);
  const auto& known = event.process().container;
  // What is no container is the host's, all of it one row.
  container_ = &containers_.add(event.container() ? known.get() : nullptr);
  if (event.container() && !container_->facts.known) container_->facts.known = known;
  weight_ = 0;
  if (--countdown_ == 0) {
    weight_ = gap_;
    gap_ = countdown_ = next_gap();
    ++timed_;
    if (++timed_lately_ % kTimedPerS == 0) every_ *= 2;  // a flood has begun; adapt() takes it back
    if (on_timed_) on_timed_();
    begun_ns_ = clock_.monotonic_ns();
  }
  watch_.begin(weight_);
}

void Counts::alerted(rule::RuleId id) {
  watch_.alerted(id);
  ++process_->facts.alerts;
  ++container_->facts.alerts;
}

void Counts::end() {
  if (weight_ == 0) return;
  const uint64_t took_ns = clock_.monotonic_ns() - begun_ns_;
  ++type_->timed;
  type_->timed_ns += took_ns;
  type_->cost_ns += took_ns * weight_;
}

void Counts::restart(std::shared_ptr<const rule::RuleSet> rules) {
  set_ = std::move(rules);
  watch_.restart(set_->size());
}

// xorshift64*: a fixed distance would beat with loops that make the same events in the same order.
uint64_t Counts::next_gap() {
  if (every_ == 1) return 1;
  random_ ^= random_ >> 12;
  random_ ^= random_ << 25;
  random_ ^= random_ >> 27;
  return 1 + (random_ * 0x2545f4914f6cdd1dull >> 33) % (2 * every_ - 1);
}

void Counts::adapt() {
  every_ = std::max<uint64_t>(1, (events_ - events_before_) / kTimedPerS);
  events_before_ = events_;
  timed_lately_ = 0;
  // A long wait that was drawn under a flood is cut short; the event that is timed then stands for fewer.
  if (countdown_ > 2 * every_) {
    gap_ -= countdown_ - every_;
    countdown_ = every_;
  }
}

Snapshot Counts::snapshot() const {
  Snapshot out;
  out.taken_ns = clock_.monotonic_ns();
  out.since_ns = since_ns_;
  out.events = events_;
  out.timed = timed_;
  out.timed_every = every_;
  out.set = set_;
  out.finding_ns = watch_.finding_ns();
  for (rule::RuleId id = 0; id < watch_.rules().size(); ++id)
    if (watch_.rules()[id].tried > 0) out.rules.emplace_back(id, watch_.rules()[id]);
  out.processes.reserve(processes_.rows().size());
  for (const Processes::Row& row : processes_.rows())
    out.processes.push_back({row.key.pid, row.key.start_ns, row.facts.name, row.facts.exepath, row.facts.container,
                             row.seen(), row.facts.alerts});
  for (const Containers::Row& row : containers_.rows())
    out.containers.push_back({row.facts.known ? row.facts.known->facts : nullptr, row.seen(), row.facts.alerts});
  out.evicted = processes_.evicted() + containers_.evicted();
  for (uint16_t type = 0; type < EVT_COUNT; ++type)
    if (types_[type].events > 0) out.types.emplace_back(type, types_[type]);
  return out;
}

}  // namespace tiercel::look
