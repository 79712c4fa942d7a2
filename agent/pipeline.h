// Pipeline: the trip of one record, on one screen. Everything here runs on the deciding thread and waits for nothing.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <utility>

#include "agent/alert/make.h"
#include "agent/alert/report.h"
#include "agent/base/metrics.h"
#include "agent/context/enricher.h"
#include "agent/look/counts.h"
#include "agent/rule/engine.h"
#include "agent/rule_counts.h"
#include "siem/spool.h"

namespace tiercel {

class Pipeline {
 public:
  Pipeline(context::Enricher& enricher, std::shared_ptr<const rule::RuleSet> rules, alert::AlertMaker& maker,
           siem::Spool& spool, Metrics& metrics);

  // bytes -> Record -> Event -> rule ids -> Alert -> spool
  void handle(std::span<const std::byte> bytes);

  [[nodiscard]] uint64_t alerts() const { return alerts_.value(); }  // of events, made so far

  // What the agent says about itself -> Alert -> spool: the only road for that. The report's time has to be set.
  void tell(const alert::Report& report);

  // Called between an alert and the spool for each response that the alert is for, with the event that it is about; it
  // must not wait. None: nothing is ever responded to (a replay).
  using OnResponse = std::function<void(const rule::Response&, const context::Event&, const alert::AlertPtr&)>;
  void on_response(OnResponse respond) { respond_ = std::move(respond); }

  [[nodiscard]] const std::shared_ptr<const rule::RuleSet>& rules() const { return matcher_->rules(); }

  // Does an active rule ask for events of that type?
  [[nodiscard]] bool asks_for(uint16_t type) const { return matcher_->rules()->event_types_needed().test(type); }

  // Between two events: the next one is judged by the other set; rules that count and are the same go on where they
  // are. The old matcher comes back in the new one's place.
  void exchange(std::unique_ptr<rule::Matcher>& matcher);

  // From now on, what is judged is counted there; nullptr: nobody looks.
  void count_in(look::Counts* counts) { counts_ = counts; }

 private:
  void judge(const context::Event& event);
  void judge_counted(const context::Event& event);
  void alert(const rule::Match& match, const context::Event& event);
  context::Enricher& enricher_;
  std::unique_ptr<rule::Matcher> matcher_;
  alert::AlertMaker& maker_;
  siem::Spool& spool_;
  OnResponse respond_;
  RuleCounts rule_counts_;
  look::Counts* counts_ = nullptr;
  Counter& events_;
  Counter& alerts_;
  Counter& bad_records_;
  Counter& groups_evicted_;
};

}  // namespace tiercel
