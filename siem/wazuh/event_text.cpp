#include "siem/wazuh/event_text.h"

#include "agent/alert/normalised.h"
#include "agent/alert/within.h"
#include "siem/wazuh/message.h"

namespace tiercel::wazuh {

std::string event_text(const alert::Alert& alert, bool& cut) {
  const std::string_view prefix = alert::kEventMessagePrefix;
  return std::string(prefix) + alert::event_within(alert, kMessageBytesMax - prefix.size(), cut);
}

}  // namespace tiercel::wazuh
