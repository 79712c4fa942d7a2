#include "siem/local/syslog_text.h"

#include <fmt/core.h>
#include <sys/timex.h>
#include <unistd.h>

#include <array>

#include "agent/alert/mitre.h"
#include "agent/base/time_text.h"

namespace tiercel::siem {
namespace {

constexpr std::string_view kCutMark = "...[cut]";
constexpr size_t kHostnameBytesMax = 255;
constexpr size_t kMsgidBytesMax = 32;

// PRINTUSASCII of limited length, or "-".
std::string header_word(const std::string& text, size_t bytes_max) {
  if (text.empty() || text.size() > bytes_max) return "-";
  for (const char c : text)
    if (c < '!' || c > '~') return "-";
  return text;
}

std::string param_value(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '"' || c == '\\' || c == ']') out += '\\';
    if (static_cast<unsigned char>(c) >= 0x20 && c != 0x7f) out += c;
  }
  return out;
}

void append_printable(std::string& out, std::string_view text) {
  for (const char c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f)
      out += fmt::format("\\x{:02X}", static_cast<unsigned>(static_cast<unsigned char>(c)));
    else
      out += c;
  }
}

// Microseconds: RFC 5424 takes no more digits.
std::string timestamp(uint64_t time_ns) {
  std::string text = iso8601_z(time_ns);  // 2026-07-31T18:27:01.000000000Z
  constexpr size_t kDigitsTooMany = 3;
  text.erase(text.size() - 1 - kDigitsTooMany, kDigitsTooMany);
  return text;
}

void cut_to(std::string& message, size_t header_bytes, size_t bytes_max) {
  size_t keep = bytes_max > kCutMark.size() ? bytes_max - kCutMark.size() : 0;
  while (keep > header_bytes && (static_cast<unsigned char>(message[keep]) & 0xc0) == 0x80) --keep;
  message.resize(std::max(keep, header_bytes));
  message += kCutMark;
}

}  // namespace

std::string syslog5424_message(const SyslogFacts& facts, const alert::Alert& alert, std::string_view text,
                               size_t size_bytes_max, bool& cut) {
  std::string message = fmt::format(
      "<{}>1 {} {} tiercel {} {} [origin software=\"tiercel\"{}][timeQuality tzKnown=\"1\" isSynced=\"{}\"] ",
      facts.facility * 8 + static_cast<int>(alert.priority), timestamp(alert.time_ns),
      header_word(facts.hostname, kHostnameBytesMax), facts.pid,
      header_word(alert::category_of(alert.tags), kMsgidBytesMax),
      facts.version.empty() ? std::string() : fmt::format(" swVersion=\"{}\"", param_value(facts.version)),
      facts.clock_synced ? 1 : 0);
  const size_t header_bytes = message.size();
  append_printable(message, text);
  cut = size_bytes_max != 0 && message.size() > size_bytes_max;
  if (cut) cut_to(message, header_bytes, size_bytes_max);
  return message;
}

std::string this_hostname() {
  std::array<char, 256> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "";
}

bool clock_is_synced() {
  timex state{};
  return ::adjtimex(&state) != TIME_ERROR && (state.status & STA_UNSYNC) == 0;
}

}  // namespace tiercel::siem
