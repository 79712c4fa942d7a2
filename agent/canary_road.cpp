#include "agent/canary_road.h"

#include "agent/base/log.h"
#include "agent/rule/load.h"
#include "decoders/record.h"

namespace tiercel {
namespace {

// A canary is a call that failed, by somebody of whom nothing else is known.
constexpr const char* kRule = R"(- rule: Canary
  desc: a call of the agent's own that failed as it was meant to
  condition: evt.failed = true and proc.pid > 0 and evt.type exists
  output: "%evt.type"
  priority: INFO
)";

}  // namespace

CanaryRoad::CanaryRoad(context::Enricher& enricher) : enricher_(enricher) {
  rule::LoadOptions options;
  options.lint = options.warn_unused = false;
  options.append_output.clear();
  rule::Loaded loaded = rule::load_texts({{"canary", kRule}}, options);
  if (loaded.rules && loaded.rules->active_count() == 1)
    matcher_ = std::make_unique<rule::Matcher>(std::move(loaded.rules));
  else
    log::error("the canaries' own rule does not load: {}", loaded.diagnostics.render_all(false));
}

bool CanaryRoad::matches(std::span<const std::byte> bytes) {
  const auto record = decoders::Record::parse(bytes);
  if (!record || !matcher_) return false;
  bool matched = false;
  enricher_.attach(*record, [&](context::Event& event) { matched |= !matcher_->match(event).empty(); });
  return matched;
}

}  // namespace tiercel
