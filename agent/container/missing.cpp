#include <array>
#include <string_view>

#include "agent/container/container.h"

namespace tiercel::container {

std::string missing_text(uint32_t missing) {
  constexpr std::array<std::pair<Missing, std::string_view>, 8> kNames = {{{kMissingRecord, "record"},
                                                                           {kMissingName, "name"},
                                                                           {kMissingImage, "image"},
                                                                           {kMissingDigest, "digest"},
                                                                           {kMissingLabels, "labels"},
                                                                           {kMissingIp, "ip"},
                                                                           {kMissingPodLabels, "pod_labels"},
                                                                           {kMissingPodIp, "pod_ip"}}};
  std::string out;
  for (const auto& [bit, name] : kNames) {
    if (!(missing & bit)) continue;
    if (!out.empty()) out += ' ';
    out += name;
  }
  return out;
}

}  // namespace tiercel::container
