// What a program says, for our log: lines, cut to a length, without control characters, so many a second. One thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "siem/rate.h"

namespace tiercel::siem {

class ProgramLog {
 public:
  explicit ProgramLog(std::string name) : name_(std::move(name)) {}
  void add(std::string_view bytes, uint64_t now_ns);
  void end(uint64_t now_ns);  // the line that it did not finish

 private:
  void say(uint64_t now_ns);

  const std::string name_;
  std::string line_;
  TokenBucket bucket_{10};
  uint64_t left_out_ = 0;
};

}  // namespace tiercel::siem
