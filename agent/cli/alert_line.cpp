#include "agent/cli/alert_line.h"

#include <fmt/core.h>

#include <ctime>

#include "agent/alert/json.h"
#include "agent/base/time_text.h"
#include "agent/cli/event_view.h"
#include "agent/cli/text.h"

namespace tiercel::cli {
namespace {

constexpr size_t kIndent = 13;    // as wide as a time, and a blank
constexpr size_t kPriority = 14;  // with a blank

// 2026-07-31T18:27:01.123456789Z -> the local 18:27:01.123, as in the log around it.
std::string local_clock(const std::string& iso, uint64_t otherwise_ns) {
  tm parts{};
  const char* rest = ::strptime(iso.c_str(), "%Y-%m-%dT%H:%M:%S", &parts);
  const time_t seconds = rest == nullptr ? -1 : ::timegm(&parts);
  if (seconds < 0 || *rest != '.') return time_local(otherwise_ns).substr(0, kIndent - 1);
  return time_local_seconds(static_cast<uint64_t>(seconds) * 1'000'000'000) + std::string(rest).substr(0, 4);
}

}  // namespace

std::string alert_line(const wazuh::DevEvent& event, bool colour, size_t width) {
  const std::string_view json = wazuh::tiercel_json(event);
  const EventView event_view(json);
  if (!event_view.valid()) {
    std::string plain;
    alert::append_escaped(plain, event.text);
    return fmt::format("{} {:<13} {}", time_local(event.received_ns).substr(0, kIndent - 1), "-", plain);
  }
  const auto part = [&](std::initializer_list<const char*> path) { return event_view.text(path); };
  const std::string priority = part({"priority"});
  std::string out = fmt::format("{} {}{:<{}}{} {}", local_clock(part({"time"}), event.received_ns),
                                colour ? priority_tint(priority) : "", priority, kPriority - 1, colour ? "\033[0m" : "",
                                part({"rule"}));
  if (std::string technique = part({"mitre", "technique"}); !technique.empty()) {
    const size_t used = kIndent + kPriority + columns_of(part({"rule"})) + columns_of(technique) + 3;
    out += width > 0 && used > width ? "\n" + std::string(kIndent, ' ') : " ";
    out += "[" + technique + "]";
  }
  if (std::string name = part({"proc", "name"}); !name.empty()) {
    out += fmt::format("\n{:{}}process {}({})", "", kIndent, name, part({"proc", "pid"}));
    if (std::string parent = part({"proc", "pname"}); !parent.empty()) out += " < " + parent;
    const std::string container = event_view.container();
    out += container.empty() ? ", on the host"
                             : fmt::format(", container {} ({})", container, part({"container", "image_repository"}));
  }
  return out + "\n" + std::string(kIndent, ' ') + wrapped(part({"output"}), kIndent, width);
}

}  // namespace tiercel::cli
