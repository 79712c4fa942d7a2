// Outcome: what became of one reload, and RulesState: the rules that run, for `tiercel status`. Values; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "agent/base/diagnostic.h"

namespace tiercel::reload {

struct RulesInfo {
  uint64_t active = 0, total = 0;
  std::string digest;
};

struct Finding {
  Diagnostic diagnostic;
  std::string rendered;  // as a person reads it: place, message, source line, caret, hint
};

struct Outcome {
  bool accepted = false;
  std::string reason;  // of a refusal: the first mistake, with its place
  std::string causes;  // who asked: "SIGHUP, command"
  size_t errors = 0, warnings = 0;
  std::vector<Finding> findings;           // in the order of the files; the first kFindingsMax
  std::vector<std::string> needs_restart;  // changed keys that take effect at a restart only
  RulesInfo rules;                         // those that run now: the old ones after a refusal
  uint64_t at_ns = 0;                      // since the epoch
  uint64_t load_us = 0;                    // from reading the first file to a set that could run
  uint64_t attach_us = 0;                  // for hooks that the new set needs
  uint64_t swap_us = 0;                    // how long the deciding thread was away from its events

  // For the control socket and `tiercel rules reload --json`.
  [[nodiscard]] std::string json() const;
  // "93 of 95 rules active, digest 0123456789abcdef"
  [[nodiscard]] std::string summary() const;
};

inline constexpr size_t kFindingsMax = 100;

// The findings of a load, errors and warnings counted.
void add_findings(Outcome& outcome, const Diagnostics& diagnostics);

struct RulesState {
  RulesInfo rules;
  uint64_t loaded_ns = 0;  // since the epoch
  uint64_t accepted = 0, refused = 0;
  uint64_t refused_ns = 0;  // 0: never
  std::string refusal;
  bool refusal_stands = false;  // what is on the disk is not what runs
  std::vector<std::string> needs_restart;
  bool watching = false;
};

}  // namespace tiercel::reload
