#include "siem/slack/describe.h"

#include <fmt/core.h>

#include <algorithm>

#include "agent/attack/table.h"
#include "agent/base/time_text.h"
#include "siem/slack/blocks.h"
#include "siem/slack/text.h"

namespace tiercel::slack {
namespace {

constexpr size_t kOutputUnits = 1'500;
constexpr size_t kCommandUnits = 900;
constexpr size_t kParentUnits = 300;
constexpr size_t kNameUnits = 64;
constexpr size_t kPathUnits = 300;
constexpr size_t kAboveMax = 6;
constexpr size_t kTechniquesMax = 4;
constexpr std::string_view kNobody = "-1";  // user.loginuid where nobody logged in

std::string field(std::string_view name, std::string_view value) {
  return fmt::format("*{}*\n{}", name, value);
}

std::string preformatted(std::string_view text) {
  return fmt::format("```{}```", text);
}

std::string with_port(const std::string& address, const std::string& port) {
  if (port.empty()) return address;
  return address.find(':') == std::string::npos ? address + ":" + port : "[" + address + "]:" + port;
}

std::string user_of(const Facts& facts) {
  std::string out = code(facts.user.empty() ? "uid " + facts.uid : facts.user, kNameUnits);
  if (!facts.user.empty() && !facts.uid.empty()) out += " (uid " + literal(facts.uid, 12) + ")";
  if (!facts.loginuid.empty() && facts.loginuid != kNobody && facts.loginuid != facts.uid)
    out += "\nlogged in as uid " + literal(facts.loginuid, 12);
  return out;
}

std::string container_of(const Facts& facts) {
  std::string out = code(facts.container.empty() ? facts.container_id : facts.container, 128);
  if (!facts.container.empty() && !facts.container_id.empty() && facts.container != facts.container_id)
    out += " " + literal(facts.container_id, kNameUnits);
  if (!facts.runtime.empty()) out += " (" + literal(facts.runtime, kNameUnits) + ")";
  if (facts.privileged) out += "\n*privileged*";
  if (facts.unverified) out += "\nnot confirmed by a runtime's record";
  return out;
}

std::string connection_of(const Facts& facts) {
  const std::string server = with_port(facts.server, facts.server_port);
  std::string out = facts.client.empty() ? server : with_port(facts.client, facts.client_port) + " → " + server;
  out = code(out, 200);
  if (!facts.l4proto.empty()) out += " " + literal(facts.l4proto, 8);
  return out;
}

// https://attack.mitre.org/techniques/T1059/004/
std::string attack_of(const std::vector<std::string>& ids) {
  std::string out;
  for (size_t i = 0; i < std::min(ids.size(), kTechniquesMax); ++i) {
    std::string path = ids[i];
    std::replace(path.begin(), path.end(), '.', '/');
    const attack::Technique* known = attack::find(ids[i]);
    out += fmt::format("{}<https://attack.mitre.org/techniques/{}/|{}{}>", i > 0 ? "\n" : "", path, ids[i],
                       known != nullptr ? " " + literal(known->name, 80) : "");
  }
  if (ids.size() > kTechniquesMax) out += fmt::format("\nand {} more", ids.size() - kTechniquesMax);
  return out;
}

}  // namespace

std::string colour_of(Priority priority) {
  switch (priority) {
    case Priority::kEmergency:
    case Priority::kAlert:
    case Priority::kCritical:
      return "#b3001b";
    case Priority::kError:
      return "#e8590c";
    case Priority::kWarning:
      return "#f2b600";
    case Priority::kNotice:
      return "#2f7ed8";
    case Priority::kInformational:
    case Priority::kDebug:
      break;
  }
  return "#8a8f98";
}

std::string time_of(uint64_t time_ns) {
  std::string utc = iso8601_z(time_ns).substr(0, sizeof("2026-07-31T18:27:01") - 1);
  std::replace(utc.begin(), utc.end(), 'T', ' ');
  return fmt::format("<!date^{}^{{date_short}} {{time_secs}}|{} UTC>", time_ns / 1'000'000'000, utc);
}

std::string output_block(const Facts& facts) {
  return preformatted(facts.output.empty() ? "(empty)" : literal(facts.output, kOutputUnits));
}

std::string process_tree(const Facts& facts) {
  if (facts.process.empty() && facts.cmdline.empty()) return {};
  std::vector<std::string> lines;
  std::vector<std::string> above = facts.above;
  if (above.empty() && !facts.parent.empty()) above.push_back(facts.parent);
  const bool cut = above.size() > kAboveMax;
  if (cut) above.resize(kAboveMax);
  if (cut) lines.emplace_back("…");
  for (size_t i = above.size(); i-- > 1;) lines.push_back(literal(above[i], kNameUnits));
  if (!above.empty())
    lines.push_back(facts.pcmdline.empty() ? literal(above[0], kNameUnits) : literal(facts.pcmdline, kParentUnits));
  std::string self = literal(facts.cmdline.empty() ? facts.process : facts.cmdline, kCommandUnits);
  if (!facts.pid.empty()) self += "   (pid " + literal(facts.pid, 12) + ")";
  lines.push_back(self);
  std::string out;
  for (size_t i = 0; i < lines.size(); ++i) {
    if (i > 0) out += "\n" + std::string(2 * (i - 1), ' ') + "└ ";
    out += lines[i];
  }
  std::string heading = "*Process*";
  if (facts.uncertain) heading += " (put together after a loss)";
  return heading + "\n" + preformatted(out);
}

std::vector<std::string> fields_of(const Facts& facts) {
  std::vector<std::string> out;
  if (!facts.host.empty()) out.push_back(field("Host", code(facts.host, kPathUnits)));
  if (!facts.container.empty() || !facts.container_id.empty()) out.push_back(field("Container", container_of(facts)));
  if (!facts.image.empty()) out.push_back(field("Image", code(facts.image, kPathUnits)));
  if (!facts.pod.empty())
    out.push_back(field(
        "Pod", code(facts.pod_namespace.empty() ? facts.pod : facts.pod_namespace + "/" + facts.pod, kPathUnits)));
  if (!facts.user.empty() || !facts.uid.empty()) out.push_back(field("User", user_of(facts)));
  if (!facts.server.empty() || !facts.client.empty()) {
    out.push_back(field("Connection", connection_of(facts)));
  } else if (!facts.fd_name.empty()) {
    std::string file = code(facts.fd_name, kPathUnits);
    if (!facts.fd_realpath.empty() && facts.fd_realpath != facts.fd_name)
      file += "\nreally " + code(facts.fd_realpath, kPathUnits);
    const bool is_file = facts.fd_type.empty() || facts.fd_type == "file";
    out.push_back(field(is_file ? "File" : "Descriptor", is_file ? file : literal(facts.fd_type, 24) + " " + file));
  } else if (!facts.first_path.empty()) {
    out.push_back(field("Files", code(facts.first_path, kPathUnits) +
                                     (facts.second_path.empty() ? "" : "\n" + code(facts.second_path, kPathUnits))));
  }
  if (!facts.exepath.empty()) out.push_back(field("Program", code(facts.exepath, kPathUnits)));
  if (!facts.event.empty())
    out.push_back(field("System call", code(facts.event, kNameUnits) +
                                           (facts.result.empty() ? "" : " " + literal(facts.result, kNameUnits))));
  if (!facts.techniques.empty()) out.push_back(field("MITRE ATT&amp;CK", attack_of(facts.techniques)));
  return out;
}

}  // namespace tiercel::slack
