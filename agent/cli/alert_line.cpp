#include "agent/cli/alert_line.h"

#include <fmt/core.h>

#include "agent/alert/json.h"
#include "agent/base/time_text.h"
#include "agent/cli/event_view.h"
#include "agent/cli/text.h"

namespace tiercel::cli {

std::string alert_line(const wazuh::DevEvent& event, bool colour) {
  const std::string_view json = wazuh::tiercel_json(event);
  const EventView event_view(json);
  if (!event_view.valid()) {
    std::string plain;
    alert::append_escaped(plain, event.text);
    return fmt::format("{} {:<13} {}", time_local(event.received_ns), "-", plain);
  }
  const auto part = [&](std::initializer_list<const char*> path) { return event_view.text(path); };
  const std::string priority = part({"priority"});
  std::string when = part({"time"});
  if (when.size() >= 23) when = when.substr(11, 12);  // 2026-07-31T18:27:01.123456789Z -> 18:27:01.123
  std::string out = fmt::format("{} {}{:<13}{} {}", when, colour ? priority_tint(priority) : "", priority,
                                colour ? "\033[0m" : "", part({"rule"}));
  if (std::string technique = part({"mitre", "technique"}); !technique.empty()) out += " [" + technique + "]";
  if (std::string name = part({"proc", "name"}); !name.empty()) {
    out += fmt::format("\n             process {}({})", name, part({"proc", "pid"}));
    if (std::string parent = part({"proc", "pname"}); !parent.empty()) out += " < " + parent;
    const std::string container = event_view.container();
    out += container.empty() ? ", on the host"
                             : fmt::format(", container {} ({})", container, part({"container", "image_repository"}));
  }
  return out + "\n             " + part({"output"});
}

}  // namespace tiercel::cli
