// The messages of the agent protocol as typed values: what a manager may send, parsed, and what an agent says, as text.
// Pure; any thread. Facts: Wazuh 4.14, sections "Control messages", "Requests" and "Events" of its protocol.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace tiercel::wazuh {

// What we say we are. A manager refuses an agent whose major.minor is above its own and ignores the patch, so this is
// the oldest patch of the newest line whose protocol was checked. A manager that refuses it is told lower ones.
inline constexpr const char* kReportedVersion = "v4.14.0";
// The next version to try with a manager that finds this one too high: "v4.13.0" after "v4.14.2", down to v4.0.0.
[[nodiscard]] std::optional<std::string> lower_version(std::string_view version);
// "v4.14.0": what a manager can read.
[[nodiscard]] bool valid_version(std::string_view version);
// The manager's words for it, in its answer to an enrolment and to a startup.
[[nodiscard]] bool says_version_too_high(std::string_view refusal);

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
// Over UDP, "#!-req COUNTER ack" says that a request or its answer has come: a Request whose target is this.
inline constexpr std::string_view kRequestAck = "ack";
struct FileChunk {  // anything that is no control message
  std::string_view bytes;
};
struct Unknown {};
using FromManager =
    std::variant<Ack, Refusal, ActiveResponse, ForceReconnect, FileStart, FileEnd, Request, FileChunk, Unknown>;

// A chunk's bytes are those of `message`. Never fails: what is malformed is Unknown.
[[nodiscard]] FromManager parse_from_manager(std::string_view message);

// What a request may ask of the agent's owner.
enum class AgentAction : uint8_t { kNone, kRestart, kReload };

// A whole shared file, its MD5 checked.
struct SharedFile {
  std::string name;  // merged.mg
  std::string md5;
  std::string content;
  bool too_long = false;  // then its content was let go, and its MD5 is what the manager said
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
