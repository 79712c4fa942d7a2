// Sample: one answer of the agent to the request `top` (agent/look_service.h), as numbers and texts: running totals.
// Any thread; pure.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "agent/base/result.h"

namespace tiercel::top {

struct SampleRow {
  std::string key;                           // what it is, in two samples the same
  std::map<std::string, std::string> texts;  // by the answer's names
  std::map<std::string, uint64_t> numbers;
  [[nodiscard]] std::string text(const std::string& name) const {
    auto it = texts.find(name);
    return it == texts.end() ? "" : it->second;
  }
  [[nodiscard]] uint64_t number(const std::string& name) const {
    auto it = numbers.find(name);
    return it == numbers.end() ? 0 : it->second;
  }
};

struct Sample {
  SampleRow all;     // of the whole answer; members of objects with their path: "status.lost.kernel"
  SampleRow losses;  // events lost in the kernel, by event type
  std::vector<SampleRow> rules, processes, containers, types, rings, outputs;
  std::vector<std::string> troubles;  // what is wrong at present, in the agent's words
  [[nodiscard]] uint64_t taken_ns() const { return all.number("taken_ns"); }
};

// Errors: the answer is no such JSON (Fault::kBug).
[[nodiscard]] Result<Sample> parse_sample(const std::string& json);

}  // namespace tiercel::top
