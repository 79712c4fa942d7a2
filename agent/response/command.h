// The texts of active responses: what a manager sends after "#!-execd ", what goes to a script's standard input, and
// what a script says on its standard output. Pure functions over hostile text: parsing does not recurse, every size is
// bounded, a wrong type reads as absent. Any thread. Facts: Wazuh 4.14, "Active response".
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/base/result.h"

namespace tiercel::response {

inline constexpr size_t kCommandBytesMax = 128 * 1024;  // the protocol's message holds 64 KiB
inline constexpr size_t kNameBytesMax = 255;
inline constexpr size_t kScriptLineBytesMax = 8192;  // what execd reads of a reply
inline constexpr size_t kKeysMax = 64;

// What the alert behind a command says of who it is about. Empty or nothing: it does not say.
struct Cause {
  std::string alert_id, rule;
  std::optional<int32_t> pid;
  std::optional<uint64_t> start_ns;
  std::string process;                       // its name
  std::string srcip, dstip;                  // data.srcip, data.dstip
  std::string srcuser, dstuser;              // data.srcuser, data.dstuser
  std::string container_id, container_name;  // the whole id
  bool in_container = false;
};

struct Command {
  std::string name;  // of ar.conf; direct: of a file in active-response/bin. For a script: its verb (add, delete, ...)
  bool direct = false;  // "!NAME"
  std::vector<std::string> extra_args;
  Cause cause;
};

// Fault::kUser: what is wrong with it, without its bytes.
[[nodiscard]] Result<Command> parse_command(std::string_view json);

// Whom it is about, also of a command that is refused; as far as it can be read.
[[nodiscard]] Cause parse_cause(std::string_view json);

// A bare file name: no slash, no "..", nothing unprintable.
[[nodiscard]] bool is_plain_name(std::string_view name);

// The command as a script gets it: the verb in place of its name, execd as its origin, parameters.program. One line, no
// newline. `json` is one that parse_command() takes.
[[nodiscard]] std::string script_message(std::string_view json, std::string_view verb, std::string_view program);
// The same with another verb: `message` is a script_message().
[[nodiscard]] std::string with_verb(std::string_view message, std::string_view verb);

// A line of a script. `keys`: it asks whether to go on (check_keys). `result`: ours say what became of it; others may.
struct ScriptLine {
  std::optional<std::vector<std::string>> keys;
  std::string result;  // done, refused, failed; empty: the line is something else
  std::string reason;
};
[[nodiscard]] ScriptLine parse_script_line(std::string_view line);
[[nodiscard]] std::string check_keys_line(std::string_view script, const std::vector<std::string>& keys);
[[nodiscard]] std::string result_line(std::string_view script, std::string_view result, std::string_view reason);

}  // namespace tiercel::response
