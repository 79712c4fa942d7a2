#include "siem/aws/asff.h"

#include <algorithm>
#include <array>

#include "agent/base/time_text.h"
#include "siem/aws/json_out.h"

namespace tiercel::aws {
namespace {

constexpr size_t kTypesMax = 50;
constexpr size_t kProductFieldsMax = 50;
constexpr size_t kProductKeyMax = 128;
constexpr size_t kProductValueMax = 2048;
constexpr size_t kIdMax = 512;
constexpr size_t kTextMax = 512;  // where the format names no limit

struct Category {
  std::string_view tactic;  // as rules' tags name it
  std::string_view type;
};
constexpr std::array kCategories = {
    Category{"reconnaissance", "TTPs/Discovery"},
    Category{"initial_access", "TTPs/Initial Access"},
    Category{"execution", "TTPs/Execution"},
    Category{"persistence", "TTPs/Persistence"},
    Category{"privilege_escalation", "TTPs/Privilege Escalation"},
    Category{"defense_evasion", "TTPs/Defense Evasion"},
    Category{"credential_access", "TTPs/Credential Access"},
    Category{"discovery", "TTPs/Discovery"},
    Category{"lateral_movement", "TTPs/Lateral Movement"},
    Category{"collection", "TTPs/Collection"},
    Category{"command_and_control", "TTPs/Command and Control"},
    Category{"exfiltration", "Effects/Data Exfiltration"},
};

// ATT&CK's impact is several of the taxonomy's effects.
struct Effect {
  std::string_view technique;
  std::string_view type;
};
constexpr std::array kEffects = {
    Effect{"T1496", "Effects/Resource Consumption"}, Effect{"T1498", "Effects/Denial of Service"},
    Effect{"T1499", "Effects/Denial of Service"},    Effect{"T1489", "Effects/Denial of Service"},
    Effect{"T1529", "Effects/Denial of Service"},    Effect{"T1531", "Effects/Denial of Service"},
    Effect{"T1485", "Effects/Data Destruction"},     Effect{"T1486", "Effects/Data Destruction"},
    Effect{"T1490", "Effects/Data Destruction"},     Effect{"T1491", "Effects/Data Destruction"},
    Effect{"T1561", "Effects/Data Destruction"},     Effect{"T1565", "Effects/Data Destruction"},
};

std::string plain_tactic(std::string_view tactic) {
  std::string out(tactic);
  for (char& c : out)
    if (c == '-' || c == ' ') c = '_';
  return out;
}

std::string_view effect_of(std::string_view technique) {
  const auto it = std::find_if(kEffects.begin(), kEffects.end(),
                               [&](const Effect& effect) { return technique.starts_with(effect.technique); });
  return it == kEffects.end() ? std::string_view() : it->type;
}

std::string title_of(const Finding& finding) {
  std::string title = finding.rule;
  if (!finding.container.id.empty())
    title += " in container " + (finding.container.name.empty() ? finding.container.id : finding.container.name);
  if (!finding.host.empty()) title += (finding.container.id.empty() ? " on " : ", ") + finding.host;
  return title;
}

void put_severity(JsonOut& out, const Finding& finding, bool normalized) {
  const Severity severity = asff_severity(finding.priority);
  out.open("Severity");
  out.text("Label", severity.label, 16);
  if (normalized) out.number("Normalized", severity.normalized);
  out.text("Original", display_name(finding.priority), 64);
  out.close();
}

void put_types(JsonOut& out, const Finding& finding) {
  out.open_list("Types");
  for (const std::string& type : asff_types(finding)) out.element(type, kTextMax);
  out.close_list();
}

void put_host(JsonOut& out, const Finding& finding, const Place& place) {
  out.open();
  const bool instance = !place.instance_id.empty();
  out.text("Type", instance ? "AwsEc2Instance" : "Other", 256);
  out.text("Id", instance ? place.instance_arn : finding.host.empty() ? "host" : finding.host, kIdMax);
  out.text("Partition", place.partition, 16);
  out.text("Region", place.region, 16);
  out.open("Details");
  if (instance) {
    out.open("AwsEc2Instance");
    out.text("Type", place.instance_type, 64);
    out.text("ImageId", place.image_id, 64);
    out.close();
  }
  if (!is_blank(finding.host)) {
    out.open("Other");
    out.text("HostName", finding.host, 255);
    out.close();
  }
  out.close();
  out.close();
}

void put_container(JsonOut& out, const Finding& finding, const Place& place) {
  const Finding::Container& container = finding.container;
  if (is_blank(container.id)) return;
  out.open();
  out.text("Type", "Container", 256);
  out.text("Id", container.id, kIdMax);
  out.text("Partition", place.partition, 16);
  out.text("Region", place.region, 16);
  out.open("Details");
  out.open("Container");
  out.text("ContainerRuntime", container.runtime, kTextMax);
  out.text("Name", container.name, kTextMax);
  out.text("ImageId", container.digest, kTextMax);
  if (!container.image.empty())
    out.text("ImageName", container.image + (container.tag.empty() ? "" : ":" + container.tag), kTextMax);
  out.truth("Privileged", container.privileged);
  out.close();
  if (!is_blank(container.pod)) {
    out.open("Other");
    out.text("KubernetesNamespace", container.pod_namespace, kTextMax);
    out.text("KubernetesPod", container.pod, kTextMax);
    out.text("KubernetesPodUid", container.pod_uid, kTextMax);
    out.close();
  }
  out.close();
  out.close();
}

void put_process(JsonOut& out, const Finding::Process& process) {
  if (is_blank(process.name) && is_blank(process.path) && !process.pid) return;
  out.open("Process");
  out.text("Name", process.name, 64);
  out.text("Path", process.path, 512);
  out.number("Pid", process.pid);
  out.number("ParentPid", process.parent_pid);
  out.close();
}

void put_network(JsonOut& out, const Finding::Network& network) {
  if (is_blank(network.source) && is_blank(network.destination)) return;
  const auto address = [&](std::string_view side, const std::string& text) {
    out.text(std::string(side) + (text.find(':') == std::string::npos ? "IpV4" : "IpV6"), text, 64);
  };
  out.open("Network");
  if (network.inbound != network.outbound) out.text("Direction", network.inbound ? "IN" : "OUT", 3);
  std::string protocol = network.protocol;
  std::transform(protocol.begin(), protocol.end(), protocol.begin(),
                 [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; });
  out.text("Protocol", protocol, 16);
  address("Source", network.source);
  out.number("SourcePort", network.source_port);
  address("Destination", network.destination);
  out.number("DestinationPort", network.destination_port);
  out.close();
}

void put_product_fields(JsonOut& out, const Finding& finding, size_t value_max) {
  out.open("ProductFields");
  out.text("tiercel/alerts", std::to_string(finding.count), 20);
  size_t left = kProductFieldsMax - 1;
  for (const auto& [key, value] : finding.facts) {
    if (left == 0) break;
    // The finding has them at its own places.
    if (key == "schema" || key == "output" || key == "time" || key == "host.name" || key == "priority") continue;
    out.text(bounded("tiercel/" + key, kProductKeyMax), value, value_max);
    --left;
  }
  out.close();
}

void put_remediation(JsonOut& out, const Finding& finding) {
  if (finding.techniques.empty()) return;
  std::string id = finding.techniques.front();
  const std::string text = "ATT&CK " + id + ": how the technique works, and what detects and mitigates it.";
  std::replace(id.begin(), id.end(), '.', '/');
  out.open("Remediation");
  out.open("Recommendation");
  out.text("Text", text, kTextMax);
  out.text("Url", "https://attack.mitre.org/techniques/" + id + "/", kTextMax);
  out.close();
  out.close();
}

std::string render(const Finding& finding, const Place& place, uint64_t now_ns, bool update, size_t value_max) {
  JsonOut out;
  out.open();
  out.text("SchemaVersion", "2018-10-08", 16);
  out.text("Id", finding.id, kIdMax);
  out.text("ProductArn",
           "arn:" + place.partition + ":securityhub:" + place.region + ":" + place.account + ":product/" +
               place.account + "/default",
           2048);
  out.text("ProductName", "Tiercel", 128);
  out.text("CompanyName", "Tiercel", 128);
  out.text("Region", place.region, 16);
  out.text("GeneratorId", "tiercel/" + finding.rule, 512);
  out.text("AwsAccountId", place.account, 12);
  out.text("CreatedAt", iso8601_z(finding.first_ns), 64);
  out.text("UpdatedAt", iso8601_z(std::max(now_ns, finding.last_ns)), 64);
  out.text("FirstObservedAt", iso8601_z(finding.first_ns), 64);
  out.text("LastObservedAt", iso8601_z(finding.last_ns), 64);
  if (!update) {
    put_types(out, finding);
    put_severity(out, finding, true);
  }
  out.open("FindingProviderFields");
  put_severity(out, finding, false);
  put_types(out, finding);
  out.close();
  out.text("Title", title_of(finding), 256);
  out.text("Description", is_blank(finding.message) ? "Rule " + finding.rule : finding.message, 1024);
  out.open_list("Resources");
  put_host(out, finding, place);
  put_container(out, finding, place);
  out.close_list();
  put_process(out, finding.process);
  put_network(out, finding.network);
  put_product_fields(out, finding, value_max);
  put_remediation(out, finding);
  out.text("RecordState", "ACTIVE", 16);
  out.close();
  return out.take();
}

}  // namespace

Severity asff_severity(alert::Priority priority) {
  switch (priority) {
    case alert::Priority::kEmergency:
      return {"CRITICAL", 100};
    case alert::Priority::kAlert:
      return {"CRITICAL", 95};
    case alert::Priority::kCritical:
      return {"CRITICAL", 90};
    case alert::Priority::kError:
      return {"HIGH", 70};
    case alert::Priority::kWarning:
      return {"MEDIUM", 40};
    case alert::Priority::kNotice:
      return {"LOW", 1};
    case alert::Priority::kInformational:
    case alert::Priority::kDebug:
      break;
  }
  return {"INFORMATIONAL", 0};
}

std::vector<std::string> asff_types(const Finding& finding) {
  // A type names one classifier; which technique is of which tactic the event does not say.
  const std::string classifier = finding.techniques.size() == 1 ? "/" + finding.techniques.front() : "";
  std::vector<std::string> types;
  const auto add = [&](std::string type) {
    if (types.size() < kTypesMax && std::find(types.begin(), types.end(), type) == types.end())
      types.push_back(std::move(type));
  };
  for (const std::string& tactic : finding.tactics) {
    const std::string plain = plain_tactic(tactic);
    for (const Category& category : kCategories)
      if (category.tactic == plain) add(std::string(category.type) + classifier);
    if (plain != "impact") continue;
    for (const std::string& technique : finding.techniques)
      if (const std::string_view effect = effect_of(technique); !effect.empty())
        add(std::string(effect) + "/" + technique);
  }
  if (types.empty() && finding.source == "internal") add("Software and Configuration Checks");
  if (types.empty()) add(finding.container.id.empty() ? "Unusual Behaviors/Process" : "Unusual Behaviors/Container");
  return types;
}

std::string asff(const Finding& finding, const Place& place, uint64_t now_ns, bool update) {
  for (size_t value_max = kProductValueMax;; value_max /= 2) {
    std::string text = render(finding, place, now_ns, update, value_max);
    if (text.size() <= kFindingSizeMax || value_max < 16) return text;
  }
}

}  // namespace tiercel::aws
