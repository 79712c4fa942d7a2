#include "siem/local/program_log.h"

#include <utility>

#include "agent/base/log.h"

namespace tiercel::siem {
namespace {
constexpr size_t kLineBytesMax = 512;
}

void ProgramLog::add(std::string_view bytes, uint64_t now_ns) {
  for (const char c : bytes) {
    if (c == '\n')
      say(now_ns);
    else if (line_.size() < kLineBytesMax)
      line_ += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? ' ' : c;
  }
}

void ProgramLog::say(uint64_t now_ns) {
  if (line_.empty()) return;
  if (bucket_.available(now_ns) == 0) {
    ++left_out_;
  } else {
    bucket_.take(now_ns);
    if (const uint64_t left_out = std::exchange(left_out_, 0); left_out > 0)
      log::info("{} said {} more lines", name_, left_out);
    log::info("{} says: {}", name_, line_);
  }
  line_.clear();
}

void ProgramLog::end(uint64_t now_ns) {
  say(now_ns);
  if (const uint64_t left_out = std::exchange(left_out_, 0); left_out > 0)
    log::info("{} said {} more lines", name_, left_out);
}

}  // namespace tiercel::siem
