// The messages of the agent protocol as typed values: what a manager may send, parsed, and what an agent says, as text.
// Pure; any thread. Facts: Wazuh 4.14, sections "Control messages", "Requests" and "Events" of its protocol.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace tiercel::wazuh {

// What we say we are. A manager refuses an agent whose major.minor is above its own and ignores the patch, so this is
// the oldest patch of the newest line whose protocol was checked. Managers before 4.14 need WazuhOptions::version.
inline constexpr const char* kReportedVersion = "v4.14.0";

inline constexpr size_t kMessageBytesMax = 65'408;  // what a real agent sends at most: 65536 - 128
inline constexpr std::string_view kControlPrefix = "#!-";
inline constexpr std::string_view kAck = "#!-agent ack ";
inline constexpr std::string_view kShutdown = "#!-agent shutdown ";
inline constexpr std::string_view kPing = "#ping";
inline constexpr std::string_view kPong = "#pong";

struct Label {
  enum class Visibility : uint8_t { kVisible, kHidden, kSystem };
  std::string key;  // dots nest
  std::string value;
  Visibility visibility = Visibility::kVisible;
};

// From the manager.
struct Ack {};
struct Refusal {  // the answer to a startup that the manager does not take
  std::string message;
};
struct ActiveResponse {
  std::string json;
};
struct ForceReconnect {};
struct FileStart {
  std::string md5;
  std::string name;
};
struct FileEnd {};
struct Request {
  std::string counter;  // hexadecimal, up to 8 digits
  std::string target;
  std::string payload;
};
struct FileChunk {  // anything that is no control message
  std::string_view bytes;
};
struct Unknown {};
using FromManager =
    std::variant<Ack, Refusal, ActiveResponse, ForceReconnect, FileStart, FileEnd, Request, FileChunk, Unknown>;

// A chunk's bytes are those of `message`. Never fails: what is malformed is Unknown.
[[nodiscard]] FromManager parse_from_manager(std::string_view message);

// A whole shared file, its MD5 checked.
struct SharedFile {
  std::string name;  // merged.mg
  std::string md5;
  std::string content;
};

// To the manager.
[[nodiscard]] std::string startup_message(std::string_view version);
[[nodiscard]] std::string started_event(std::string_view agent_name, std::string_view agent_ip);
struct KeepAlive {
  std::string_view host;     // HostInfo text
  std::string_view version;  // v4.14.0
  const std::vector<Label>* labels = nullptr;
  std::string_view shared_md5;  // empty: none
  std::string_view address;     // of our end of the connection
};
[[nodiscard]] std::string keepalive_message(const KeepAlive& keepalive);
[[nodiscard]] std::string response_message(std::string_view counter, std::string_view response);
// "1:location:text"; ':' and '|' in the location are escaped.
[[nodiscard]] std::string event_message(char queue, std::string_view location, std::string_view text);

// "Linux |node |release |version |machine [name|platform: version]" of this host.
[[nodiscard]] std::string host_text();

}  // namespace tiercel::wazuh
