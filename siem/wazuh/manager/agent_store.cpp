#include "siem/wazuh/manager/agent_store.h"

#include <arpa/inet.h>
#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <utility>

#include "agent/base/fd.h"
#include "siem/wazuh/crypto.h"
#include "siem/wazuh/tcp.h"

namespace tiercel::wazuh {
namespace {

constexpr size_t kKeyFileBytesMax = 16u << 20;
constexpr size_t kGroupsMax = 128;
constexpr size_t kGroupBytesMax = 255;
constexpr size_t kKeyBytes = 32;

// major * 1000 + minor; what does not parse is 0 and so never too high.
unsigned version_number(std::string_view version) {
  if (version.starts_with('v')) version.remove_prefix(1);
  unsigned major = 0;
  unsigned minor = 0;
  const char* end = version.data() + version.size();
  const auto first = std::from_chars(version.data(), end, major);
  if (first.ec != std::errc() || first.ptr == end || *first.ptr != '.') return 0;
  if (std::from_chars(first.ptr + 1, end, minor).ec != std::errc()) return 0;
  return major * 1000 + minor;
}

bool valid_ip(std::string text) {
  if (text == "any") return true;
  if (const size_t slash = text.find('/'); slash != std::string::npos) text.resize(slash);
  std::array<unsigned char, sizeof(in6_addr)> bytes{};
  return ::inet_pton(AF_INET, text.c_str(), bytes.data()) == 1 ||
         ::inet_pton(AF_INET6, text.c_str(), bytes.data()) == 1;
}

std::string error(std::string_view text) {
  return fmt::format("ERROR: {}. Unable to add agent", text);
}

enum class Token : uint8_t { kAbsent, kTaken, kUnterminated };

// " V:'text'" at the beginning of the line, taken off it.
Token take(std::string_view& line, std::string_view head, std::string& value) {
  if (!line.starts_with(head)) return Token::kAbsent;
  const size_t end = line.find('\'', head.size());
  if (end == std::string_view::npos) return Token::kUnterminated;
  value = line.substr(head.size(), end - head.size());
  line.remove_prefix(end + 1);
  return Token::kTaken;
}

}  // namespace

struct AgentStore::Request {
  std::string name, version, groups, ip, old_hash;
};

AgentStore::AgentStore(AgentStoreOptions options) : options_(std::move(options)) {}

Result<> AgentStore::load() {
  const auto first = read_agent_key(options_.keys_file);
  if (!first) return tl::unexpected(first.error());
  std::lock_guard lock(mutex_);
  if (*first) {
    const auto text = read_file(options_.keys_file, kKeyFileBytesMax);
    if (!text) return tl::unexpected(text.error());
    keys_ = parse_key_file(*text);
  }
  for (const AgentKey& key : keys_)
    last_id_ = std::max(last_id_, static_cast<unsigned>(std::strtoul(key.id.c_str(), nullptr, 10)));
  known_ = keys_;
  return {};
}

bool AgentStore::version_is_too_high(std::string_view version) const {
  return version_number(version) > version_number(options_.version);
}

std::string AgentStore::enrol(std::string_view line, std::string_view address) {
  Request request;
  std::lock_guard lock(mutex_);
  if (const std::string refused = refusal(request, line, address); !refused.empty()) return error(refused);
  return add(request);
}

std::string AgentStore::refusal(Request& request, std::string_view line, std::string_view address) const {
  constexpr std::string_view kPassword = "OSSEC PASS: ";
  if (!options_.password.empty()) {
    const std::string wanted = std::string(kPassword) + options_.password + ' ';
    if (!line.starts_with(wanted)) return "Invalid password";
    line.remove_prefix(wanted.size());
  }
  if (take(line, "OSSEC A:'", request.name) != Token::kTaken) return "Invalid request for new agent";
  if (!valid_agent_name(request.name) || request.name == options_.own_name)
    return "Invalid agent name: " + request.name;
  if (take(line, " V:'", request.version) == Token::kUnterminated) return "Unterminated version field";
  if (version_is_too_high(request.version)) return "Agent version must be lower or equal to manager version";
  if (take(line, " G:'", request.groups) == Token::kUnterminated) return "Unterminated group field";
  if (const std::string refused = group_refusal(request.groups); !refused.empty()) return refused;
  if (take(line, " IP:'", request.ip) == Token::kUnterminated) return "Unterminated IP field";
  if (request.ip == "src") request.ip = address;
  if (request.ip.empty()) request.ip = "any";
  if (!valid_ip(request.ip)) return "Invalid IP: " + request.ip;
  if (take(line, " K:'", request.old_hash) == Token::kUnterminated) return "Unterminated key field";
  return {};
}

std::string AgentStore::group_refusal(std::string_view groups) const {
  size_t count = 0;
  while (!groups.empty()) {
    const std::string_view group = groups.substr(0, std::min(groups.find(','), groups.size()));
    groups.remove_prefix(std::min(group.size() + 1, groups.size()));
    if (group.empty() || group.size() > kGroupBytesMax || group.find_first_of("\\/:*?\"<>| ") != std::string_view::npos)
      return fmt::format("Invalid group name: {}", group.substr(0, kGroupBytesMax));
    if (++count > kGroupsMax) return "Too many groups";
    if (!options_.groups.empty() &&
        std::find(options_.groups.begin(), options_.groups.end(), group) == options_.groups.end())
      return fmt::format("Invalid group: {}", group);
  }
  return {};
}

std::string AgentStore::add(const Request& request) {
  const auto same_name = [&request](const AgentKey& key) { return key.name == request.name; };
  const auto same_ip = [&request](const AgentKey& key) { return request.ip != "any" && key.ip == request.ip; };
  if (const auto old = std::find_if(keys_.begin(), keys_.end(), same_name); old != keys_.end()) {
    if (!request.old_hash.empty() && key_hash(*old) == request.old_hash)
      return error("Duplicate agent name: " + request.name);
    keys_.erase(old);  // <force>: the new one takes the name
  }
  keys_.erase(std::remove_if(keys_.begin(), keys_.end(), same_ip), keys_.end());
  AgentKey key{fmt::format("{:03}", ++last_id_), request.name, request.ip, random_hex(kKeyBytes)};
  keys_.push_back(key);
  if (auto written = write_key_file(options_.keys_file, keys_); !written) return error("Internal error");
  if (next_look_ns_ == 0) next_look_ns_ = deadline_in_ms(options_.key_update_ms);
  return fmt::format("OSSEC K:'{}'", format_key_line(key));
}

void AgentStore::look_at_file() {
  if (next_look_ns_ == 0 || monotonic_now_ns() < next_look_ns_) return;
  known_ = keys_;
  next_look_ns_ = 0;
}

std::optional<AgentKey> AgentStore::known(std::string_view id) {
  std::lock_guard lock(mutex_);
  look_at_file();
  const auto found = std::find_if(known_.begin(), known_.end(), [id](const AgentKey& key) { return key.id == id; });
  if (found == known_.end()) return std::nullopt;
  return *found;
}

}  // namespace tiercel::wazuh
