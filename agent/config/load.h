// tiercel.yaml -> Config. Every mistake is reported at once, with its position: unknown keys (with the nearest known
// one), wrong types, values out of range, keys written twice. Warnings do not stop a load. Hostile input (a group's
// tiercel.yaml comes from the manager) is bounded: 1 MiB, 20,000 nodes.
//
// ${VAR} in any value is replaced by the environment's VAR before the type is decided, as Falco does in falco.yaml:
// inside text, several, nested, in the result too; unset is empty; $${VAR} stays ${VAR}; $VAR is plain text.
// The value of a secret never gets into a diagnostic, nor into the source lines that Diagnostics keep.
//
// load() also reads enrolment.yaml beside the file, if it is there (enrolment.h).
//
// Any thread; yaml-cpp stays behind load.cpp.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/base/diagnostic.h"
#include "agent/config/config.h"
#include "agent/config/key_info.h"
#include "agent/config/node.h"

namespace tiercel::config {

using Environment = std::function<std::optional<std::string>(const std::string& name)>;
[[nodiscard]] Environment process_environment();

// Nothing when there was at least one error.
[[nodiscard]] std::optional<Config> load(const std::string& path, Diagnostics& diagnostics,
                                         const Environment& environment = process_environment());
[[nodiscard]] std::optional<Config> parse(const std::string& text, const std::string& file, Diagnostics& diagnostics,
                                          const Environment& environment = process_environment());

// A group's tiercel.yaml laid over the host's configuration: a key that the group may set (keys.cpp says which, and
// host.group_configuration.allow which besides) takes the place of the host's, any other is an error. ${VAR} is an
// error too: the host's environment is nothing for a manager to see.
[[nodiscard]] std::optional<Config> lay_over(const Config& host, const std::string& text, const std::string& file,
                                             Diagnostics& diagnostics);

// The same file as a plain tree, for agent/falco. False, with an error, when it is no YAML. Without an environment
// (null) a variable is an error.
[[nodiscard]] bool read_tree(const std::string& text, const std::string& file, Diagnostics& diagnostics, TreeNode& root,
                             const Environment& environment = process_environment());

// sensor.attach by its word. False: there is no such word.
[[nodiscard]] bool set_attach(std::string_view word, Sensor& sensor);
[[nodiscard]] std::string_view attach_word(const Sensor& sensor);

// Every key that a file may hold, in the order of the shipped file, with what the shipped file says about it.
[[nodiscard]] std::vector<KeyInfo> described_keys();
// What it says about the sections ("wazuh", "append_output[].match") and the types of output ("outputs[slack]").
[[nodiscard]] std::map<std::string, std::string> described_sections();
// packaging/etc/tiercel.yaml, as it was when the program was built.
[[nodiscard]] std::string_view shipped_text();
// The paths of all keys alone.
[[nodiscard]] std::vector<std::string> known_keys();

}  // namespace tiercel::config
