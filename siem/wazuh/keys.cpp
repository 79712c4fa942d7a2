#include "siem/wazuh/keys.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <utility>

#include "agent/base/fd.h"
#include "siem/wazuh/crypto.h"

namespace tiercel::wazuh {
namespace {

constexpr size_t kKeyFileBytesMax = 16u << 20;
constexpr unsigned kKeyFileMode = 0640;
constexpr unsigned kCounterFileMode = 0640;
constexpr size_t kNameBytesMax = 128;
constexpr size_t kIdDigitsMax = 8;

bool is_name_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
}

bool is_printable(char c) {
  return c > ' ' && c <= '~';
}

std::string_view take_word(std::string_view& line) {
  const size_t end = std::min(line.find(' '), line.size());
  const std::string_view word = line.substr(0, end);
  line.remove_prefix(std::min(end + 1, line.size()));
  return word;
}

MessageCounter read_counter(const std::string& path) {
  MessageCounter counter;
  if (path.empty()) return counter;
  const Result<std::string> text = read_file(path, 64);
  if (!text) return counter;
  const char* end = text->data() + text->size();
  const auto global = std::from_chars(text->data(), end, counter.global);
  if (global.ec != std::errc() || global.ptr == end || *global.ptr != ':') return {};
  std::from_chars(global.ptr + 1, end, counter.local);
  return counter;
}

}  // namespace

bool valid_agent_id(std::string_view id) {
  return id.size() >= 3 && id.size() <= kIdDigitsMax &&
         std::all_of(id.begin(), id.end(), [](char c) { return c >= '0' && c <= '9'; });
}

bool valid_agent_name(std::string_view name) {
  return name.size() >= 2 && name.size() <= kNameBytesMax && name.front() != '.' &&
         std::all_of(name.begin(), name.end(), is_name_character);
}

std::string agent_name_of_host(std::string_view host_name) {
  std::string name(host_name.substr(0, kNameBytesMax));
  std::replace_if(
      name.begin(), name.end(), [](char c) { return !is_name_character(c); }, '-');
  if (name.starts_with('.')) name.front() = '-';
  if (name.size() < 2) name = "tiercel-" + name;
  return name;
}

std::optional<AgentKey> parse_key_line(std::string_view line) {
  if (line.ends_with('\r')) line.remove_suffix(1);
  AgentKey key;
  key.id = take_word(line);
  key.name = take_word(line);
  key.ip = take_word(line);
  key.key = take_word(line);
  const bool whole =
      line.empty() && !key.ip.empty() && key.ip.size() <= 64 && !key.key.empty() && key.key.size() <= 512;
  if (!whole || !valid_agent_id(key.id) || !valid_agent_name(key.name)) return std::nullopt;
  if (!std::all_of(key.ip.begin(), key.ip.end(), is_printable) ||
      !std::all_of(key.key.begin(), key.key.end(), is_printable))
    return std::nullopt;
  return key;
}

std::string format_key_line(const AgentKey& key) {
  return key.id + ' ' + key.name + ' ' + key.ip + ' ' + key.key;
}

std::vector<AgentKey> parse_key_file(std::string_view text) {
  std::vector<AgentKey> keys;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    if (auto key = parse_key_line(text.substr(0, end))) keys.push_back(std::move(*key));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return keys;
}

Result<std::optional<AgentKey>> read_agent_key(const std::string& path) {
  struct stat facts {};
  if (::stat(path.c_str(), &facts) != 0) {
    if (errno == ENOENT) return std::optional<AgentKey>();
    return fail_errno("cannot read the agent's key file " + path, errno);
  }
  const Result<std::string> text = read_file(path, kKeyFileBytesMax);
  if (!text) return fail("cannot read the agent's key: " + text.error().message, Fault::kUser);
  std::vector<AgentKey> keys = parse_key_file(*text);
  if (!keys.empty()) return std::optional<AgentKey>(std::move(keys.front()));
  if (text->find_first_not_of(" \t\r\n") == std::string::npos) return std::optional<AgentKey>();
  return fail("the agent's key file " + path +
                  " has no line of the form ID NAME IP KEY: put the right one there, or remove the file to enrol again",
              Fault::kUser);
}

Result<> write_key_file(const std::string& path, const std::vector<AgentKey>& keys) {
  std::string text;
  for (const AgentKey& key : keys) text += format_key_line(key) + '\n';
  return write_file_atomically(path, text, kKeyFileMode);
}

std::string key_hash(const AgentKey& key) {
  return sha1_hex(key.id + key.name + key.key);
}

SenderCounter::SenderCounter(std::string path, uint64_t unix_time_s) : path_(std::move(path)) {
  const uint32_t now = static_cast<uint32_t>(std::min<uint64_t>(unix_time_s, UINT32_MAX - 1));
  const MessageCounter stored = read_counter(path_);
  last_ = {std::max(now, stored.global == UINT32_MAX ? now : stored.global + 1), 0};
  save();
}

MessageCounter SenderCounter::next() {
  if (++last_.local > kLocalMax) {
    ++last_.global;
    last_.local = 1;
    save();
  }
  return last_;
}

void SenderCounter::catch_up() {
  const MessageCounter stored = read_counter(path_);
  if (stored.global <= last_.global || stored.global == UINT32_MAX) return;
  last_ = {stored.global + 1, 0};
  save();
}

// What the file says is the global in use: whoever reads it next begins above it.
void SenderCounter::save() {
  if (path_.empty()) return;
  const auto written = write_file_atomically(
      path_, std::to_string(last_.global) + ':' + std::to_string(last_.local) + ":\n", kCounterFileMode);
  trouble_ = written ? std::string() : written.error().message;
}

}  // namespace tiercel::wazuh
