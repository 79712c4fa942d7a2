#include "siem/aws/finding.h"

#include <rapidjson/document.h>

#include <algorithm>
#include <charconv>

namespace tiercel::aws {
namespace {

using Json = rapidjson::Value;

constexpr size_t kLeavesMax = 256;
constexpr size_t kDepthMax = 4;
constexpr size_t kPathSizeMax = 160;
constexpr size_t kIdCharactersMax = 512;

struct Leaf {
  std::string path;
  std::string text;
  std::vector<std::string> list;  // of a list its elements
};

std::string scalar(const Json& value) {
  if (value.IsString()) return {value.GetString(), value.GetStringLength()};
  if (value.IsBool()) return value.GetBool() ? "true" : "false";
  if (value.IsInt64()) return std::to_string(value.GetInt64());
  if (value.IsUint64()) return std::to_string(value.GetUint64());
  return {};
}

void add_leaf(std::vector<Leaf>& leaves, std::string path, const Json& value) {
  Leaf leaf{std::move(path), {}, {}};
  if (value.IsArray()) {
    for (const Json& element : value.GetArray()) {
      if (leaf.list.size() == kLeavesMax) break;
      leaf.list.push_back(scalar(element));
      leaf.text += (leaf.list.size() > 1 ? "," : "") + leaf.list.back();
    }
  } else {
    leaf.text = scalar(value);
  }
  leaves.push_back(std::move(leaf));
}

// The leaves below `root`, in the order of the text.
std::vector<Leaf> leaves_of(const Json& root) {
  struct Level {
    Json::ConstMemberIterator at, end;
    size_t path_size;
  };
  std::vector<Leaf> leaves;
  std::vector<Level> levels{{root.MemberBegin(), root.MemberEnd(), 0}};
  std::string path;
  while (!levels.empty() && leaves.size() < kLeavesMax) {
    Level& level = levels.back();
    path.resize(level.path_size);
    if (level.at == level.end) {
      levels.pop_back();
      continue;
    }
    const auto& member = *level.at++;
    path += (path.empty() ? "" : ".") + scalar(member.name);
    if (path.size() > kPathSizeMax) continue;
    if (!member.value.IsObject())
      add_leaf(leaves, path, member.value);
    else if (levels.size() < kDepthMax)
      levels.push_back({member.value.MemberBegin(), member.value.MemberEnd(), path.size()});
  }
  return leaves;
}

class Facts {
 public:
  explicit Facts(const std::vector<Leaf>& leaves) : leaves_(leaves) {}
  [[nodiscard]] std::string text(std::string_view path) const {
    const Leaf* leaf = find(path);
    return leaf == nullptr ? std::string() : leaf->text;
  }
  [[nodiscard]] std::vector<std::string> list(std::string_view path) const {
    const Leaf* leaf = find(path);
    return leaf == nullptr ? std::vector<std::string>() : leaf->list;
  }
  template <class Number>
  [[nodiscard]] std::optional<Number> number(std::string_view path) const {
    const std::string digits = text(path);
    Number value{};
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (digits.empty() || error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
    return value;
  }
  [[nodiscard]] std::optional<bool> truth(std::string_view path) const {
    const std::string word = text(path);
    if (word != "true" && word != "false") return std::nullopt;
    return word == "true";
  }

 private:
  [[nodiscard]] const Leaf* find(std::string_view path) const {
    const auto it = std::find_if(leaves_.begin(), leaves_.end(), [&](const Leaf& leaf) { return leaf.path == path; });
    return it == leaves_.end() ? nullptr : &*it;
  }
  const std::vector<Leaf>& leaves_;
};

void read_process(Finding::Process& process, const Facts& facts) {
  process.name = facts.text("proc.name");
  process.path = facts.text("proc.exepath");
  if (process.path.empty()) process.path = facts.text("proc.exe");
  process.command_line = facts.text("proc.cmdline");
  process.directory = facts.text("proc.cwd");
  process.parent_name = facts.text("proc.pname");
  process.parent_command_line = facts.text("proc.pcmdline");
  process.user = facts.text("user.name");
  process.uid = facts.text("user.uid");
  process.pid = facts.number<int32_t>("proc.pid");
  process.parent_pid = facts.number<int32_t>("proc.ppid");
}

void read_container(Finding::Container& container, const Facts& facts) {
  container.id = facts.text("container.full_id");
  if (container.id.empty()) container.id = facts.text("container.id");
  container.name = facts.text("container.name");
  container.runtime = facts.text("container.type");
  container.image = facts.text("container.image_repository");
  container.tag = facts.text("container.image_tag");
  container.digest = facts.text("container.image_digest");
  container.pod_namespace = facts.text("k8s.ns");
  container.pod = facts.text("k8s.pod");
  container.pod_uid = facts.text("k8s.pod_uid");
  container.privileged = facts.truth("container.privileged");
}

void read_network(Finding::Network& network, const Facts& facts) {
  network.source = facts.text("fd.cip");
  network.destination = facts.text("fd.sip");
  if (network.source.empty() && network.destination.empty()) return;
  network.protocol = facts.text("fd.l4proto");
  network.source_port = facts.number<uint16_t>("fd.cport");
  network.destination_port = facts.number<uint16_t>("fd.sport");
  const std::string type = facts.text("evt.type");
  network.outbound = type == "connect" || type.starts_with("send");
  network.inbound = type.starts_with("accept") || type.starts_with("recv") || type == "listen" || type == "bind";
}

// Letters, digits and a few signs as they are, the rest as %XX: no two texts give one.
std::string escaped(std::string_view text, bool slashes) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                       c == '_' || c == '.' || (slashes && c == '/');
    if (plain) {
      out += c;
    } else {
      out += '%';
      out += kHex[static_cast<unsigned char>(c) >> 4];
      out += kHex[static_cast<unsigned char>(c) & 15];
    }
  }
  return out;
}

// FNV-1a, only for what is too long to stand in an id as it is.
std::string digest(std::string_view text) {
  uint64_t hash = 14695981039346656037u;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211u;
  char digits[17] = "";
  std::to_chars(digits, digits + 16, hash, 16);
  return digits;
}

std::string id_of(const Finding& finding) {
  std::string id = "tiercel/" + escaped(finding.host, false) + "/" + escaped(finding.rule, false) + "/" +
                   (finding.container.id.empty() ? "-" : escaped(finding.container.id.substr(0, 12), false)) + "/" +
                   escaped(finding.process.path, true);
  if (id.size() <= kIdCharactersMax) return id;
  const std::string end = "~" + digest(id);
  return id.substr(0, kIdCharactersMax - end.size()) + end;
}

// How many bytes from `at` on are one character of UTF-8; 0: none.
size_t character_size(std::string_view text, size_t at) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[at + i]); };
  const unsigned char lead = byte(0);
  if (lead < 0x80) return 1;
  const size_t size = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4 || at + size > text.size()) return 0;
  for (size_t i = 1; i < size; ++i)
    if ((byte(i) & 0xC0) != 0x80) return 0;
  if ((lead == 0xE0 && byte(1) < 0xA0) || (lead == 0xED && byte(1) >= 0xA0) || (lead == 0xF0 && byte(1) < 0x90) ||
      (lead == 0xF4 && byte(1) >= 0x90))
    return 0;
  return size;
}

}  // namespace

Finding read_finding(const alert::Alert& alert) {
  rapidjson::Document document;
  document.Parse<rapidjson::kParseIterativeFlag>(alert.event_json.data(), alert.event_json.size());
  std::vector<Leaf> leaves;
  if (!document.HasParseError() && document.IsObject()) {
    const auto event = document.FindMember("tiercel");
    if (event != document.MemberEnd() && event->value.IsObject()) leaves = leaves_of(event->value);
  }
  const Facts facts(leaves);
  Finding finding;
  finding.alert_id = alert.id;
  finding.rule = is_blank(alert.rule) ? "unnamed" : alert.rule;
  finding.source = alert.source.empty() ? facts.text("source") : alert.source;
  finding.message = alert.message.empty() ? facts.text("output") : alert.message;
  finding.priority = alert.priority;
  finding.first_ns = finding.last_ns = alert.time_ns;
  finding.host = facts.text("host.name");
  finding.tactics = facts.list("mitre.tactic");
  finding.techniques = facts.list("mitre.technique");
  read_process(finding.process, facts);
  read_container(finding.container, facts);
  read_network(finding.network, facts);
  for (Leaf& leaf : leaves)
    if (!is_blank(leaf.text)) finding.facts.emplace_back(std::move(leaf.path), std::move(leaf.text));
  finding.id = id_of(finding);
  return finding;
}

void add_repeat(Finding& finding, Finding later) {
  const uint64_t first_ns = std::min(finding.first_ns, later.first_ns);
  const uint64_t last_ns = std::max(finding.last_ns, later.last_ns);
  const uint64_t count = finding.count + later.count;
  const alert::Priority worst = std::min(finding.priority, later.priority);
  if (later.last_ns >= finding.last_ns) finding = std::move(later);
  finding.first_ns = first_ns;
  finding.last_ns = last_ns;
  finding.count = count;
  finding.priority = worst;
}

std::string bounded(std::string_view text, size_t characters_max) {
  std::string out;
  size_t at = 0;
  for (size_t characters = 0; at < text.size() && characters < characters_max; ++characters) {
    const size_t size = character_size(text, at);
    if (size == 0)
      out += "\xEF\xBF\xBD";
    else
      out.append(text, at, size);
    at += std::max<size_t>(size, 1);
  }
  return out;
}

bool is_blank(std::string_view text) {
  return text.find_first_not_of(" \t\r\n\v\f") == std::string_view::npos;
}

}  // namespace tiercel::aws
