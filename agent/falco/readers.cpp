#include "agent/falco/readers.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cstdlib>

#include "agent/config/keys.h"

namespace tiercel::falco {

using config::Reading;
using config::TreeNode;
using Kind = TreeNode::Kind;

namespace {

bool filled(const TreeNode& node) {
  return node.kind == Kind::kScalar && !node.text.empty();
}

std::vector<const TreeNode*> entries(const TreeNode& node) {
  if (filled(node)) return {&node};
  std::vector<const TreeNode*> out;
  for (const TreeNode& item : node.items) out.push_back(&item);
  return out;
}

bool one_of(std::string_view word, std::initializer_list<std::string_view> words) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

}  // namespace

void read_shared(Reading& reading, const TreeNode& node, Draft& draft) {
  config::read_key(reading, draft.key, node, draft.config);
}

void read_rules_files(Reading& reading, const TreeNode& node, Draft& draft) {
  draft.rules_files = &node;
  if (node.kind == Kind::kNull) return;
  reading.texts(node, draft.config.rules_files);
}

void read_rules_file(Reading& reading, const TreeNode& node, Draft& draft) {
  draft.rules_file = &node;
  reading.warning(node, "is deprecated", "write rules_files");
  if (draft.rules_files == nullptr && node.kind != Kind::kNull) reading.texts(node, draft.config.rules_files);
}

void read_stdout_enabled(Reading& reading, const TreeNode& node, Draft& draft) {
  reading.boolean(node, draft.stdout_enabled);
}

void read_syslog_enabled(Reading& reading, const TreeNode& node, Draft& draft) {
  reading.boolean(node, draft.syslog_enabled);
}

void read_file_enabled(Reading& reading, const TreeNode& node, Draft& draft) {
  draft.file_node = &node;
  reading.boolean(node, draft.file_enabled);
}

void read_file_name(Reading& reading, const TreeNode& node, Draft& draft) {
  reading.text(node, draft.file_name);
}

void read_program_enabled(Reading& reading, const TreeNode& node, Draft& draft) {
  bool enabled = false;
  reading.boolean(node, enabled);
  draft.program_node = enabled ? &node : nullptr;
}

void read_program(Reading& reading, const TreeNode& node, Draft& draft) {
  reading.text(node, draft.program);
}

void read_http_enabled(Reading& reading, const TreeNode& node, Draft& draft) {
  bool enabled = false;
  reading.boolean(node, enabled);
  draft.http_node = enabled ? &node : nullptr;
}

void read_http_url(Reading& reading, const TreeNode& node, Draft& draft) {
  reading.secret(node, draft.http.url);
}

void read_http_user_agent(Reading& reading, const TreeNode& node, Draft& draft) {
  if (filled(node)) reading.text(node, draft.http_user_agent);
}

void read_http_insecure(Reading& reading, const TreeNode& node, Draft& draft) {
  bool insecure = false;
  reading.boolean(node, insecure);
  draft.insecure_node = insecure ? &node : nullptr;
}

void read_http_ca_file(Reading& reading, const TreeNode& node, Draft& draft) {
  std::string file;
  reading.text(node, file);
  if (draft.http.tls.ca_file.empty() || draft.key.ends_with("ca_cert")) draft.http.tls.ca_file = file;
}

void read_http_mtls(Reading& reading, const TreeNode& node, Draft& draft) {
  reading.boolean(node, draft.http_mtls);
}

void read_http_client_cert(Reading& reading, const TreeNode& node, Draft& draft) {
  reading.text(node, draft.http.tls.client_certificate);
}

void read_http_client_key(Reading& reading, const TreeNode& node, Draft& draft) {
  reading.text(node, draft.http.tls.client_key);
}

void read_engine_kind(Reading& reading, const TreeNode& node, Draft& draft) {
  draft.engine_node = &node;
  if (!filled(node)) return;
  draft.engine_kind = node.text;
  if (one_of(node.text, {"kmod", "modern_ebpf", "replay"})) return;
  if (one_of(node.text, {"ebpf", "gvisor"}))
    return reading.error(node, "names " + node.text + ", which Falco removed", "write modern_ebpf, or remove the key");
  if (node.text == "nodriver")
    return reading.error(node, "is nodriver: without the sensor nothing would ever be seen",
                         "write modern_ebpf, or replay with engine.replay.capture_file");
  constexpr std::array<std::string_view, 3> kKinds{"kmod", "modern_ebpf", "replay"};
  reading.no_such_word(node, kKinds);
}

void read_capture_file(Reading& reading, const TreeNode& node, Draft& draft) {
  reading.text(node, draft.capture_file);
  if (draft.capture_file.ends_with(".scap"))
    reading.warning(node, "looks like a capture of Falco's, which tiercel cannot read",
                    "record with `tiercel record FILE`");
}

void check_capture_mode(Reading& reading, const TreeNode& node, Draft&) {
  if (!filled(node) || one_of(node.text, {"rules", "all_rules"})) return;
  constexpr std::array<std::string_view, 2> kModes{"rules", "all_rules"};
  reading.no_such_word(node, kModes);
}

// The section's keys are rows of their own too; here is what Falco refuses.
void check_event_drops(Reading& reading, const TreeNode& node, Draft&) {
  if (const TreeNode* threshold = node.find("threshold"); threshold != nullptr && filled(*threshold)) {
    char* end = nullptr;
    const double value = std::strtod(threshold->text.c_str(), &end);
    reading.enter("threshold");
    if (*end != '\0' || !(value >= 0 && value <= 1))
      reading.error(*threshold, "must be a number from 0 to 1, not '" + threshold->written + "'");
    reading.leave();
  }
  const TreeNode* actions = node.find("actions");
  if (actions == nullptr) return;
  bool ignore = false, act = false;
  reading.enter("actions");
  for (const TreeNode* action : entries(*actions)) {
    ignore |= action->text == "ignore";
    act |= one_of(action->text, {"log", "alert"});
    constexpr std::array<std::string_view, 4> kActions{"ignore", "log", "alert", "exit"};
    if (std::find(kActions.begin(), kActions.end(), action->text) == kActions.end())
      reading.no_such_word(*action, kActions);
  }
  if (ignore && act) reading.error(*actions, "has ignore together with log or alert", "one or the other");
  reading.leave();
}

void check_max_consecutives(Reading& reading, const TreeNode& node, Draft&) {
  uint32_t ignored = 0;
  reading.number(node, 1, UINT32_MAX, ignored);
}

void check_load_plugins(Reading& reading, const TreeNode& node, Draft& draft) {
  for (const TreeNode* entry : entries(node)) {
    const auto& known = draft.plugin_names;
    if (entry->text.empty() || entry->text == "container") continue;
    if (std::find(known.begin(), known.end(), entry->text) == known.end())
      reading.error(*entry, "names '" + entry->written + "', which is not in plugins",
                    "add it to plugins, or take it out");
  }
}

void check_port(Reading& reading, const TreeNode& node, Draft&) {
  constexpr uint64_t kPortMax = 65'535;
  uint16_t ignored = 0;
  reading.number(node, 1, kPortMax, ignored);
}

void check_listen_address(Reading& reading, const TreeNode& node, Draft&) {
  if (!filled(node)) return;
  std::array<unsigned char, sizeof(in6_addr)> address{};
  if (::inet_pton(AF_INET, node.text.c_str(), address.data()) != 1 &&
      ::inet_pton(AF_INET6, node.text.c_str(), address.data()) != 1)
    reading.error(node, "must be an IP address, not '" + node.written + "'", "0.0.0.0 is every address of the host");
}

void check_interval(Reading& reading, const TreeNode& node, Draft&) {
  constexpr uint64_t kIntervalMsMin = 100;
  if (filled(node) && duration_ms(node.text) < kIntervalMsMin)
    reading.warning(node, "is no duration of 100 ms or more: '" + node.written + "'", "for example 1h, 15m or 30s");
}

void check_whole(Reading& reading, const Draft& draft) {
  if (draft.rules_file != nullptr && draft.rules_files != nullptr)
    reading.error(*draft.rules_file, "rules_file and rules_files are both there", "keep rules_files");
  if (draft.engine_kind == "replay" && draft.capture_file.empty())
    reading.error(*draft.engine_node, "engine.kind is replay, but engine.replay.capture_file names no file",
                  "name a file that `tiercel record` wrote");
  if (draft.file_enabled && draft.file_name.empty())
    reading.error(*draft.file_node, "file_output is enabled, but file_output.filename names no file");
  if (draft.program_node != nullptr && draft.program.empty())
    reading.error(*draft.program_node, "program_output is enabled, but program_output.program is no program");
  if (draft.http_node == nullptr) return;
  const std::string& url = draft.http.url.reveal();
  if (!url.starts_with("http://") && !url.starts_with("https://"))
    reading.error(*draft.http_node, "http_output is enabled, but http_output.url is no URL",
                  "it begins with http:// or https://");
  if (draft.insecure_node != nullptr)
    reading.warning(*draft.insecure_node, "http_output.insecure is ignored: a server's certificate is always checked",
                    "name its authority in http_output.ca_cert");
  if (draft.http_mtls && (draft.http.tls.client_certificate.empty() || draft.http.tls.client_key.empty()))
    reading.error(*draft.http_node, "http_output.mtls is on, and needs client_cert and client_key");
}

uint64_t duration_ms(std::string_view text) {
  struct Unit {
    std::string_view name;
    uint64_t ms;
  };
  constexpr uint64_t kSecond = 1000, kMinute = 60 * kSecond, kHour = 60 * kMinute, kDay = 24 * kHour;
  constexpr Unit kUnits[] = {{"y", 365 * kDay}, {"w", 7 * kDay}, {"d", kDay}, {"h", kHour},
                             {"m", kMinute},    {"s", kSecond},  {"ms", 1}};
  uint64_t total = 0;
  size_t next = 0;  // units come in this order
  auto skip = [&] {
    while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  };
  for (skip(); !text.empty(); skip()) {
    uint64_t number = 0;
    const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (code != std::errc()) return 0;
    text.remove_prefix(static_cast<size_t>(end - text.data()));
    size_t letters = 0;
    while (letters < text.size() && std::isalpha(static_cast<unsigned char>(text[letters])) != 0) ++letters;
    size_t unit = next;
    while (unit < std::size(kUnits) && kUnits[unit].name != text.substr(0, letters)) ++unit;
    if (unit == std::size(kUnits)) return 0;
    uint64_t part = 0;
    if (__builtin_mul_overflow(number, kUnits[unit].ms, &part) || __builtin_add_overflow(total, part, &total)) return 0;
    text.remove_prefix(letters);
    next = unit + 1;
  }
  return total;
}

}  // namespace tiercel::falco
