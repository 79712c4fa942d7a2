#include "agent/pipeline.h"

#include "agent/base/log.h"
#include "decoders/record.h"

namespace tiercel {

Pipeline::Pipeline(context::Enricher& enricher, std::shared_ptr<const rule::RuleSet> rules, alert::AlertMaker& maker,
                   siem::Spool& spool, Metrics& metrics)
    : enricher_(enricher),
      matcher_(std::make_unique<rule::Matcher>(std::move(rules))),
      maker_(maker),
      spool_(spool),
      rule_counts_(metrics),
      events_(metrics.counter("tiercel_events_total", "Events that rules were asked about")),
      alerts_(metrics.counter("tiercel_alerts_total", "Alerts made")),
      bad_records_(
          metrics.counter("tiercel_records_lost_total", "Records that could not be decoded", {{"cause", "malformed"}})),
      groups_evicted_(metrics.counter("tiercel_threshold_groups_evicted_total",
                                      "Groups of rules that count which were forgotten to make room")) {}

void Pipeline::handle(std::span<const std::byte> bytes) {
  auto record = decoders::Record::parse(bytes);
  if (!record) {
    bad_records_.add();
    log::debug("{}", record.error().message);
    return;
  }
  enricher_.attach(*record, [this](context::Event& event) { judge(event); });
}

void Pipeline::exchange(std::unique_ptr<rule::Matcher>& matcher) {
  matcher->go_on_from(*matcher_);
  matcher_.swap(matcher);
  rule_counts_.rules_changed();
  if (counts_ != nullptr) counts_->restart(matcher_->rules());
}

void Pipeline::judge(const context::Event& event) {
  events_.add();
  if (counts_ != nullptr) [[unlikely]]
    return judge_counted(event);
  for (const rule::Match& match : matcher_->match(event)) alert(match, event);
  if (const uint64_t evicted = matcher_->take_groups_evicted(); evicted > 0) groups_evicted_.add(evicted);
}

void Pipeline::judge_counted(const context::Event& event) {
  counts_->begin(event);
  for (const rule::Match& match : matcher_->match(event, counts_->rules())) {
    alert(match, event);
    counts_->alerted(match.rule);
  }
  counts_->end();
  if (const uint64_t evicted = matcher_->take_groups_evicted(); evicted > 0) groups_evicted_.add(evicted);
}

void Pipeline::alert(const rule::Match& match, const context::Event& event) {
  alerts_.add();
  rule_counts_.add(*matcher_->rules(), match.rule);
  const rule::Verdict& verdict = matcher_->judge(match, event);
  const alert::AlertPtr made = maker_.make(event, matcher_->rules()->rule(match.rule), matcher_->render(match, event),
                                           match.view == context::PathView::kKernel, verdict.refused_by);
  if (respond_)  // before the spool: it is in a hurry
    for (const rule::Response* response : verdict.responses) respond_(*response, event, made);
  spool_.append(made);
}

void Pipeline::tell(const alert::Report& report) {
  const rule::AlertFacts facts{report.rule, report.priority, {}, alert::kInternalSource};
  spool_.append(maker_.make_internal(report, matcher_->judge_report(facts).refused_by));
}

}  // namespace tiercel
