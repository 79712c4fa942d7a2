#include "siem/wazuh/message.h"

#include <fmt/core.h>
#include <sys/utsname.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <optional>
#include <utility>

#include "agent/alert/json.h"
#include "agent/base/fd.h"

namespace tiercel::wazuh {
namespace {

constexpr std::string_view kRefusal = "#!-err ";
constexpr std::string_view kExecd = "#!-execd ";
constexpr std::string_view kReconnect = "#!-force_reconnect";
constexpr std::string_view kFileStart = "#!-up file ";
constexpr std::string_view kFileEnd = "#!-close file ";
constexpr std::string_view kRequest = "#!-req ";
constexpr size_t kRefusalBytesMax = 512;
constexpr size_t kFileNameBytesMax = 255;
constexpr size_t kLabelsBytesMax = 63'488;
constexpr size_t kHostTextBytesMax = 1'024;

bool is_hex(std::string_view text, size_t size_min, size_t size_max) {
  return text.size() >= size_min && text.size() <= size_max && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
         });
}

// A manager's text goes to our log: one line of printable ASCII, bounded.
std::string for_log(std::string_view text) {
  std::string clean(text.substr(0, kRefusalBytesMax));
  std::replace_if(
      clean.begin(), clean.end(), [](char c) { return c < ' ' || c > '~'; }, '?');
  return clean;
}

// {"message":"text"}: only for our log, so the text between the quotes is enough; of anything else, all of it.
Refusal parse_refusal(std::string_view json) {
  constexpr std::string_view kHead = "{\"message\":\"";
  constexpr std::string_view kTail = "\"}";
  if (json.starts_with(kHead) && json.ends_with(kTail) && json.size() >= kHead.size() + kTail.size())
    json = json.substr(kHead.size(), json.size() - kHead.size() - kTail.size());
  return {for_log(json)};
}

FromManager parse_file_start(std::string_view rest) {
  if (rest.ends_with('\n')) rest.remove_suffix(1);
  const size_t blank = rest.find(' ');
  if (blank == std::string_view::npos) return Unknown{};
  const std::string_view md5 = rest.substr(0, blank);
  const std::string_view name = rest.substr(blank + 1);
  const bool safe = !name.empty() && name.size() <= kFileNameBytesMax && name.front() != '.' &&
                    std::all_of(name.begin(), name.end(), [](char c) { return c > ' ' && c <= '~' && c != '/'; });
  if (!is_hex(md5, 32, 32) || !safe) return Unknown{};
  return FileStart{std::string(md5), std::string(name)};
}

FromManager parse_request(std::string_view rest) {
  const size_t after_counter = rest.find(' ');
  if (after_counter == std::string_view::npos || !is_hex(rest.substr(0, after_counter), 1, 8)) return Unknown{};
  Request request;
  request.counter = rest.substr(0, after_counter);
  rest.remove_prefix(after_counter + 1);
  const size_t after_target = std::min(rest.find(' '), rest.size());
  request.target = rest.substr(0, after_target);
  request.payload = rest.substr(std::min(after_target + 1, rest.size()));
  return request;
}

std::string on_one_line(std::string_view text) {
  std::string line(text);
  std::replace_if(
      line.begin(), line.end(), [](char c) { return c == '\n' || c == '\r' || c == '\0'; }, ' ');
  return line;
}

void append_label(std::string& out, const Label& label) {
  std::string key = on_one_line(label.key);
  std::replace(key.begin(), key.end(), '"', '\'');
  std::string line;
  if (label.visibility == Label::Visibility::kHidden) line += '!';
  if (label.visibility == Label::Visibility::kSystem) line += '#';
  line += '"' + key + "\":" + on_one_line(label.value) + '\n';
  if (out.size() + line.size() <= kLabelsBytesMax) out += line;
}

// A value of os-release: NAME="Debian GNU/Linux".
std::string os_release_value(std::string_view text, std::string_view key) {
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (!line.starts_with(key) || line.size() <= key.size() || line[key.size()] != '=') continue;
    line.remove_prefix(key.size() + 1);
    if (line.size() >= 2 && (line.front() == '"' || line.front() == '\'') && line.back() == line.front())
      line = line.substr(1, line.size() - 2);
    return on_one_line(line);
  }
  return {};
}

// "v4.14.0": three numbers of up to three digits.
std::optional<std::array<unsigned, 3>> version_numbers(std::string_view text) {
  if (!text.starts_with('v') || text.size() > 12) return std::nullopt;
  text.remove_prefix(1);
  std::array<unsigned, 3> numbers{};
  for (size_t i = 0; i < numbers.size(); ++i) {
    if (text.empty() || text.front() < '0' || text.front() > '9') return std::nullopt;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), numbers[i]);
    if (error != std::errc()) return std::nullopt;
    text.remove_prefix(static_cast<size_t>(end - text.data()));
    if (i + 1 == numbers.size()) break;
    if (!text.starts_with('.')) return std::nullopt;
    text.remove_prefix(1);
  }
  return text.empty() ? std::optional(numbers) : std::nullopt;
}

}  // namespace

std::optional<std::string> lower_version(std::string_view version) {
  const auto numbers = version_numbers(version);
  if (!numbers || (*numbers)[0] != 4 || (*numbers)[1] == 0) return std::nullopt;
  return fmt::format("v4.{}.0", (*numbers)[1] - 1);
}

bool valid_version(std::string_view version) {
  return version_numbers(version).has_value();
}

bool says_version_too_high(std::string_view refusal) {
  return refusal.find("version must be lower or equal") != std::string_view::npos;
}

FromManager parse_from_manager(std::string_view message) {
  if (!message.starts_with(kControlPrefix)) return FileChunk{message};
  if (message == kAck) return Ack{};
  if (message.starts_with(kRefusal)) return parse_refusal(message.substr(kRefusal.size()));
  if (message.starts_with(kExecd)) return ActiveResponse{std::string(message.substr(kExecd.size()))};
  if (message.starts_with(kReconnect)) return ForceReconnect{};
  if (message.starts_with(kFileStart)) return parse_file_start(message.substr(kFileStart.size()));
  if (message.starts_with(kFileEnd)) return FileEnd{};
  if (message.starts_with(kRequest)) return parse_request(message.substr(kRequest.size()));
  return Unknown{};
}

std::string startup_message(std::string_view version) {
  return fmt::format("#!-agent startup {{\"version\":{}}}", alert::json_string(version));
}

std::string started_event(std::string_view agent_name, std::string_view agent_ip) {
  return event_message('1', "wazuh-agent", fmt::format("ossec: Agent started: '{}->{}'.", agent_name, agent_ip));
}

std::string keepalive_message(const KeepAlive& keepalive) {
  std::string labels;
  if (keepalive.labels != nullptr)
    for (const Label& label : *keepalive.labels) append_label(labels, label);
  return fmt::format("#!-{} - Wazuh {}\n{}{} merged.mg\n#\"_agent_ip\":{}\n", keepalive.host, keepalive.version, labels,
                     keepalive.shared_md5.empty() ? "x" : keepalive.shared_md5, keepalive.address);
}

std::string response_message(std::string_view counter, std::string_view response) {
  return fmt::format("#!-req {} {}", counter, response);
}

std::string event_message(char queue, std::string_view location, std::string_view text) {
  std::string message(1, queue);
  message += ':';
  for (const char c : location) {
    if (c == ':' || c == '|') message += '|';
    message += c;
  }
  message += ':';
  message += text;
  return message;
}

std::string host_text() {
  utsname names{};
  ::uname(&names);
  std::string text =
      fmt::format("{} |{} |{} |{} |{}", names.sysname, names.nodename, names.release, names.version, names.machine);
  auto release = read_file("/etc/os-release", 64 * 1024);
  if (!release) release = read_file("/usr/lib/os-release", 64 * 1024);
  if (release) {
    const std::string name = os_release_value(*release, "NAME");
    const std::string id = os_release_value(*release, "ID");
    std::string version = os_release_value(*release, "VERSION");
    if (version.empty()) version = os_release_value(*release, "VERSION_ID");
    if (!name.empty() && !id.empty()) text += fmt::format(" [{}|{}: {}]", name, id, version);
  }
  text = on_one_line(text);
  if (text.size() > kHostTextBytesMax) text.resize(kHostTextBytesMax);
  return text;
}

}  // namespace tiercel::wazuh
