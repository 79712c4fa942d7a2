#include "siem/wazuh/content5.h"

#include <algorithm>
#include <utility>

#include <fmt/core.h>
#include <yaml-cpp/yaml.h>

#include "siem/wazuh/content.h"
#include "siem/wazuh/crypto.h"

namespace tiercel::wazuh {
namespace {

constexpr const char* kHead =
    R"(# PREVIEW, for Wazuh 5.x: the rule format of the indexer's plugins 5.0.1-alpha0, which was not released when this was made.
# Made from the rule files, and not to be changed by hand:
#
#   tiercel rules export wazuh5 -o rules/wazuh/5.x/tiercel_rules.yml rules
#
# A document is the "resource" of one call to the Content Manager, which gives each rule an id of its own; sigma_id is the
# rule's for ever. docs/wazuh-5.md tells how to load them and how they differ from those for 4.x.
)";
constexpr std::string_view kNext = "Next:", kHarmless = "Harmless:";
// RFC 4122's namespace for URLs: 6ba7b811-9dad-11d1-80b4-00c04fd430c8.
constexpr unsigned char kNamespace[] = {0x6b, 0xa7, 0xb8, 0x11, 0x9d, 0xad, 0x11, 0xd1,
                                        0x80, 0xb4, 0x00, 0xc0, 0x4f, 0xd4, 0x30, 0xc8};
constexpr std::string_view kUuidPrefix = "tiercel:rule:";
constexpr std::string_view kProvider = "event.provider", kRule = "rule.name", kInternal = "Tiercel internal: ";
struct Framework {
  std::string_view prefix, key;
};
constexpr Framework kFrameworks[] = {
    {"pci_dss_", "pci_dss"}, {"nist_800_53_", "nist_800_53"}, {"gdpr_", "gdpr"}, {"hipaa_", "hipaa"}, {"tsc_", "tsc"}};

using Texts = std::vector<std::string>;

std::string trimmed(std::string_view text) {
  const size_t begin = text.find_first_not_of(" \n");
  return begin == std::string_view::npos ? std::string()
                                         : std::string(text.substr(begin, text.find_last_not_of(" \n") - begin + 1));
}

// What it is, what to do next, what does the same honestly: a rule's text has them in this order.
struct Parts {
  std::string what, next, harmless;
};
Parts parts_of(std::string_view text) {
  Parts out;
  if (const size_t at = text.rfind(kHarmless); at != std::string_view::npos) {
    out.harmless = trimmed(text.substr(at + kHarmless.size()));
    text = text.substr(0, at);
  }
  if (const size_t at = text.find(kNext); at != std::string_view::npos) {
    out.next = trimmed(text.substr(at));
    text = text.substr(0, at);
  }
  out.what = trimmed(text);
  return out;
}

// Every text is quoted: a requirement "10.2" is no number, a title "No" no boolean.
void put(YAML::Emitter& out, std::string_view key, std::string_view text) {
  out << YAML::Key << std::string(key) << YAML::Value << YAML::DoubleQuoted << std::string(text);
}
void put(YAML::Emitter& out, std::string_view key, const Texts& texts) {
  out << YAML::Key << std::string(key) << YAML::Value << YAML::BeginSeq;
  for (const std::string& text : texts) out << YAML::DoubleQuoted << text;
  out << YAML::EndSeq;
}
void open(YAML::Emitter& out, std::string_view key) {
  out << YAML::Key << std::string(key) << YAML::Value << YAML::BeginMap;
}

// Sigma reads * and ? as wildcards, and a backslash as their escape.
std::string literal(std::string_view text) {
  std::string out;
  for (char c : text) {
    if (c == '*' || c == '?' || c == '\\') out += '\\';
    out += c;
  }
  return out;
}

void put_mitre(YAML::Emitter& out, const Detection5& detection) {
  Texts techniques, parts, tags;
  for (const std::string& tactic : detection.tactics) tags.push_back("attack." + tactic);
  for (const std::string& id : detection.techniques) {
    std::string tag = "attack.t" + id.substr(1);
    tags.push_back(std::move(tag));
    if (id.find('.') != std::string::npos) parts.push_back(id);
    if (std::string whole = id.substr(0, id.find('.'));
        std::find(techniques.begin(), techniques.end(), whole) == techniques.end())
      techniques.push_back(std::move(whole));
  }
  if (tags.empty()) return;
  open(out, "mitre");
  put(out, "tactic", detection.tactic_ids);
  put(out, "technique", techniques);
  put(out, "subtechnique", parts);
  out << YAML::EndMap;
  put(out, "tags", tags);
}

// As the standard writes it: NIST's families have a dash (AC-2), which 4.x's groups write as a dot.
std::string requirement_of(const Framework& framework, const std::string& tag) {
  std::string out = tag.substr(framework.prefix.size());
  if (const size_t dot = out.find('.'); framework.key == "nist_800_53" && dot != std::string::npos) out[dot] = '-';
  return out;
}

void put_compliance(YAML::Emitter& out, const Texts& requirements) {
  bool opened = false;
  for (const Framework& framework : kFrameworks) {
    Texts of;
    for (const std::string& requirement : requirements)
      if (requirement.starts_with(framework.prefix)) of.push_back(requirement_of(framework, requirement));
    if (of.empty()) continue;
    if (!std::exchange(opened, true)) open(out, "compliance");
    put(out, framework.key, of);
  }
  if (opened) out << YAML::EndMap;
}

// Everything but the detection, which write() adds.
template <class Write>
std::string document(const Detection5& detection, Write&& write) {
  const Parts parts = parts_of(detection.description);
  YAML::Emitter out;
  out << YAML::BeginMap;
  open(out, "metadata");
  put(out, "title", detection.name);
  put(out, "author", "Tiercel");
  put(out, "description", parts.what);
  if (!parts.next.empty()) put(out, "documentation", parts.next);
  out << YAML::EndMap;
  put(out, "sigma_id", rule_uuid(detection.name));
  out << YAML::Key << "enabled" << YAML::Value << true;
  put(out, "status", "experimental");
  put(out, "level", level5(detection.priority));
  open(out, "logsource");
  put(out, "product", kIntegration5);
  if (!detection.category.empty()) put(out, "category", detection.category);
  out << YAML::EndMap;
  open(out, "detection");
  write(out);
  out << YAML::EndMap;
  put_mitre(out, detection);
  put_compliance(out, detection.requirements);
  if (!parts.harmless.empty()) put(out, "falsepositives", Texts{parts.harmless});
  out << YAML::EndMap;
  return std::string("---\n") + out.c_str() + '\n';
}

std::string rule_of(const Detection5& detection) {
  return document(detection, [&](YAML::Emitter& out) {
    put(out, "condition", "selection");
    open(out, "selection");
    put(out, kProvider, kIntegration5);
    put(out, kRule, literal(detection.name));
    out << YAML::EndMap;
  });
}

// {{ }} is the event's own field, put in when a finding is made.
std::string internal_rule() {
  Detection5 rule;
  rule.name = "Tiercel about itself: {{ rule.name }}";
  rule.description =
      "The agent reports on itself: a heartbeat, a response and what became of it, losses, gaps, refused files. "
      "Next: the field message says what happened; losses and gaps are times in which nobody watched the host. "
      "Harmless: heartbeats, and configurations that were applied.";
  rule.priority = Priority::kInformational;
  return document(rule, [](YAML::Emitter& out) {
    put(out, "condition", "selection");
    open(out, "selection");
    put(out, kProvider, kIntegration5);
    put(out, std::string(kRule) + "|startswith", kInternal);
    out << YAML::EndMap;
  });
}

std::string other_rule(const std::vector<Detection5>& detections) {
  Detection5 rule;
  rule.name = "Tiercel: {{ rule.name }}";
  rule.description =
      "An alert of a rule that has none here, an operator's own for the most part. log.level has its priority. "
      "Next: write the operator's rules as well (tiercel rules export wazuh5 my_rules.yaml), so that each has its "
      "level.";
  rule.priority = Priority::kWarning;
  return document(rule, [&](YAML::Emitter& out) {
    put(out, "condition", "selection and not named and not internal");
    open(out, "selection");
    put(out, kProvider, kIntegration5);
    out << YAML::EndMap;
    Texts names;
    for (const Detection5& detection : detections) names.push_back(literal(detection.name));
    open(out, "named");
    put(out, kRule, names);
    out << YAML::EndMap;
    open(out, "internal");
    put(out, std::string(kRule) + "|startswith", kInternal);
    out << YAML::EndMap;
  });
}

}  // namespace

std::string_view level5(Priority priority) {
  const unsigned level = kLevels.at(static_cast<size_t>(priority) % kLevels.size());
  if (level >= 14) return "critical";
  if (level >= 10) return "high";
  if (level >= 7) return "medium";
  return level >= 4 ? "low" : "informational";
}

std::string rule_uuid(std::string_view name) {
  std::string bytes(reinterpret_cast<const char*>(kNamespace), sizeof kNamespace);
  bytes += kUuidPrefix;
  bytes += name;
  std::string hex = sha1_hex(bytes).substr(0, 32);
  hex[12] = '5';
  constexpr std::string_view kDigits = "0123456789abcdef";
  hex[16] = kDigits[8 + kDigits.find(hex[16]) % 4];  // RFC 4122's variant
  return fmt::format("{}-{}-{}-{}-{}", hex.substr(0, 8), hex.substr(8, 4), hex.substr(12, 4), hex.substr(16, 4),
                     hex.substr(20));
}

std::string sigma_rules(std::vector<Detection5> detections) {
  std::sort(detections.begin(), detections.end(),
            [](const Detection5& a, const Detection5& b) { return a.name < b.name; });
  std::string out = kHead;
  for (const Detection5& detection : detections) out += rule_of(detection);
  return out + internal_rule() + other_rule(detections);
}

}  // namespace tiercel::wazuh
