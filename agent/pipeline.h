// Pipeline: the trip of one record, on one screen. Everything here runs on the deciding thread and waits for nothing.
#pragma once

#include <memory>
#include <span>

#include "agent/alert/make.h"
#include "agent/base/metrics.h"
#include "agent/context/enricher.h"
#include "agent/rule/engine.h"
#include "siem/spool.h"

namespace tiercel {

class Pipeline {
 public:
  Pipeline(context::Enricher& enricher, std::shared_ptr<const rule::RuleSet> rules, alert::AlertMaker& maker,
           siem::Spool& spool, Metrics& metrics);

  // bytes -> Record -> Event -> rule ids -> Alert -> spool
  void handle(std::span<const std::byte> bytes);

  // Does an active rule ask for events of that type?
  [[nodiscard]] bool asks_for(uint16_t type) const { return matcher_->rules()->event_types_needed().test(type); }

  // Between two events: the next one is judged by the other set; rules that count and are the same go on where they
  // are. The old matcher comes back in the new one's place.
  void exchange(std::unique_ptr<rule::Matcher>& matcher);

 private:
  void judge(const context::Event& event);
  context::Enricher& enricher_;
  std::unique_ptr<rule::Matcher> matcher_;
  alert::AlertMaker& maker_;
  siem::Spool& spool_;
  Counter& events_;
  Counter& alerts_;
  Counter& bad_records_;
  Counter& groups_evicted_;
};

}  // namespace tiercel
