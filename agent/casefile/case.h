// Case: an analyst's unit test of rules: who did something (a process, its parents, its container), what it did (events
// by Falco's names), and which rules must match, no more and no less; or a recording and how often each rule must
// match. read_cases() reads a YAML file (docs/rule-tests.md) and reports every mistake with its position. Plain data.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "agent/base/diagnostic.h"
#include "agent/context/containers.h"
#include "decoders/catalog.h"
#include "decoders/compose.h"

namespace tiercel::casefile {

inline constexpr uint64_t kYearNs = 365ull * 24 * 3600 * 1'000'000'000;

// What a standard descriptor is when a program starts, as the kernel tells it. All 0: it is closed.
struct DescriptorSpec {
  uint64_t ino = 0, source = 0, peer = 0;  // source, peer: a unix socket's two ends
  uint32_t mode = 0, magic = 0;
  uint16_t family = 0;  // AF_* of a socket
  decoders::SocketEnd local, remote;
  std::string name;
};

// The figures that records have of a process: usage_part and the head.
struct UsageSpec {
  uint64_t fdlimit = 1024, pgft_maj = 0, pgft_min = 0;
  uint32_t vm_size = 0, vm_rss = 0, vm_swap = 0;  // KiB
  uint32_t threads = 1;
};

struct ProcessSpec {
  std::string name;  // as written; the kernel keeps 15 bytes of it
  std::string exe;   // argv[0]
  std::string exepath;
  std::vector<std::string> args;  // without argv[0]
  std::vector<std::string> env;   // NAME=value
  std::string cwd = "/";
  uint32_t uid = 0, gid = 0;
  uint32_t loginuid = UINT32_MAX;
  uint32_t tty = 0;
  uint32_t pid = 0, vpid = 0, sid = 0, pgid = 0, vsid = 0, vpgid = 0, tid = 0;  // 0: the stage chooses
  uint32_t exe_flags = 0;                                                       // EXE_*
  uint64_t exe_ino = 4711;
  uint64_t exe_ctime_age_ns = kYearNs, exe_mtime_age_ns = kYearNs;
  uint64_t cap_inheritable = 0, cap_permitted = 0, cap_effective = 0;
  uint64_t age_ns = 20'000'000'000;
  std::string script;   // the interpreter's; "" if it is none
  std::string cgroups;  // controller=path, each with a NUL
  UsageSpec usage;
  std::array<std::optional<DescriptorSpec>, 3> stdio;  // nothing: the terminal, or /dev/null
  std::optional<context::Container> container;         // nothing: on the host
  uint64_t container_age_ns = 0;                       // since its first process started; 0: the stage chooses
};

struct ParamSpec {
  std::string name;
  std::vector<std::string> words;  // one, or the members of a list
  Position name_position, position;
};

struct EventSpec {
  const decoders::EventInfo* info = nullptr;
  std::vector<ParamSpec> params;
  uint64_t after_ns = 1'000'000;  // how long after the event before it
  size_t sibling = 0;             // 0: the case's process does it; n: Case::siblings[n - 1]
  Position position;
};

struct ExpectSpec {
  std::string rule;
  std::optional<uint64_t> count;  // how often; nothing: at least once
  Position position;
};

struct OutputSpec {
  std::optional<std::string> equals;
  std::vector<std::string> contains;
  Position position;
};

struct Case {
  std::string name;
  Position position;
  std::vector<ProcessSpec> line;      // the process, its parent, its parent's parent, ...
  std::vector<ProcessSpec> siblings;  // other children of the process's parent: bystanders, and who does other events
  std::vector<std::pair<uint32_t, std::string>> users, groups;
  std::vector<EventSpec> events;
  std::string recording;  // a path; "" if there are events
  std::vector<ExpectSpec> expect;
  bool others_allowed = false;
  OutputSpec output;
};

struct CaseFile {
  std::string path;
  std::vector<std::string> rules;  // paths, those of the file made relative to its folder
  Position rules_position;
  std::vector<ExpectSpec> enable;  // rules to switch on
  std::vector<Case> cases;
};

// Reads the file; what is wrong is in diagnostics, and a case with a mistake is not in the result.
[[nodiscard]] CaseFile read_cases(const std::string& path, Diagnostics& diagnostics);
[[nodiscard]] CaseFile read_cases_text(const std::string& path, const std::string& text, Diagnostics& diagnostics);

}  // namespace tiercel::casefile
