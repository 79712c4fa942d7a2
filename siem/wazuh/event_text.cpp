#include "siem/wazuh/event_text.h"

#include "agent/alert/normalised.h"
#include "agent/base/time_text.h"
#include "siem/wazuh/message.h"

namespace tiercel::wazuh {

std::string event_text(const alert::Alert& alert, bool& cut) {
  std::string text(alert::kEventMessagePrefix);
  cut = text.size() + alert.event_json.size() > kMessageBytesMax;
  if (!cut) {
    text += alert.event_json;
    return text;
  }
  alert::NormalisedEvent event;
  event.set("id", alert.id);
  event.set("time", iso8601_z(alert.time_ns));
  event.set("rule", alert.rule);
  event.set("priority", alert::display_name(alert.priority));
  event.set("source", alert.source);
  event.set("tags", alert.tags);
  event.set("output", alert.message);
  event.set_field("event", alert.event_json);
  return text + event.render();
}

}  // namespace tiercel::wazuh
