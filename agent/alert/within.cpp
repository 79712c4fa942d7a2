#include "agent/alert/within.h"

#include "agent/alert/normalised.h"
#include "agent/base/time_text.h"

namespace tiercel::alert {

std::string event_within(const Alert& alert, size_t bytes_max, bool& cut) {
  cut = alert.event_json.size() > bytes_max;
  if (!cut) return alert.event_json;
  NormalisedEvent event;
  event.set("id", alert.id);
  event.set("time", iso8601_z(alert.time_ns));
  event.set("rule", alert.rule);
  event.set("priority", display_name(alert.priority));
  event.set("source", alert.source);
  event.set("tags", alert.tags);
  event.set("output", alert.message);
  event.set_field("event", alert.event_json);
  return event.render();
}

}  // namespace tiercel::alert
