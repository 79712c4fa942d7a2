// Case: an analyst's unit test of rules: who did something (a process, its parents, its container), what it did (events
// by Falco's names), and which rules must match, no more and no less; or a recording and how often each rule must
// match. read_cases() reads a YAML file (docs/rule-tests.md) and reports every mistake with its position. Plain data.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "agent/base/diagnostic.h"
#include "agent/context/containers.h"
#include "decoders/catalog.h"

namespace tiercel::casefile {

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
  uint32_t pid = 0, vpid = 0, sid = 0, pgid = 0;  // 0: the stage chooses
  uint32_t exe_flags = 0;                         // EXE_*
  uint64_t caps = 0;
  uint64_t age_ns = 20'000'000'000;
  std::optional<context::Container> container;  // nothing: on the host
};

struct ParamSpec {
  std::string name;
  std::vector<std::string> words;  // one, or the members of a list
  Position name_position, position;
};

struct EventSpec {
  const decoders::EventInfo* info = nullptr;
  std::vector<ParamSpec> params;
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
  std::vector<ProcessSpec> line;  // the process, its parent, its parent's parent, ...
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
