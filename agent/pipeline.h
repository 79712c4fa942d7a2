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

  // Between two events: the next one is judged by the other set. The old matcher comes back in the new one's place.
  void exchange(std::unique_ptr<rule::Matcher>& matcher) { matcher_.swap(matcher); }

 private:
  void judge(const context::Event& event);
  context::Enricher& enricher_;
  std::unique_ptr<rule::Matcher> matcher_;
  alert::AlertMaker& maker_;
  siem::Spool& spool_;
  Counter& events_;
  Counter& alerts_;
  Counter& bad_records_;
};

}  // namespace tiercel
