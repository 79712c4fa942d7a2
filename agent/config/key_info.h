// KeyInfo: what is known of one key of tiercel.yaml. It comes from the tables that read the file (reading.h lists
// instead of reading), and its text from the comments of packaging/etc/tiercel.yaml; so manuals, the schema and
// completions have no list of their own. Plain values; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace tiercel::config {

// May a group's tiercel.yaml, which comes from the manager, set a key? Only of keys of the top level. A new key is
// refused unless the host allows it: yes is for what neither runs a program, nor reads or writes a file, nor sends
// anything elsewhere, however it is set; never is for what decides about that, or about where the group's files are.
enum class FromGroup : uint8_t { kIfAllowed, kYes, kNever };

struct KeyInfo {
  // kFields: a list of names, or maps of one. kMap: texts by names that the user chooses.
  enum class Kind : uint8_t {
    kAny,
    kBoolean,
    kNumber,
    kText,
    kPath,
    kHost,
    kPriority,
    kWord,
    kTexts,
    kNumbers,
    kFields,
    kMap,
    kSecret,
    kSection  // holds keys; only where a page tells of it
  };
  std::string path;  // "wazuh.managers[].port"; of an output by its type: "outputs[file].config.path"
  Kind kind = Kind::kAny;
  std::string fallback;            // what holds where the file says nothing, as YAML; empty: nothing
  uint64_t min = 0, max = 0;       // of a number
  std::vector<std::string> words;  // that the value may be
  FromGroup from_group = FromGroup::kIfAllowed;
  std::string about;  // what it is for
  std::string title;  // of the part of the file that it stands in
};

}  // namespace tiercel::config
