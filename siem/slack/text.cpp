#include "siem/slack/text.h"

#include <fmt/core.h>

#include <cstdint>
#include <vector>

#include "agent/alert/json.h"

namespace tiercel::slack {
namespace {

constexpr std::string_view kMark = " … ";
constexpr size_t kMarkUnits = 3;
// Turns the direction of writing, has no width, breaks a line or belongs to no text (Unicode's categories Cf, Zl, Zp
// and the fillers that are drawn as nothing).
bool unseen(uint32_t c) {
  return c == 0xad || c == 0x34f || c == 0x61c || c == 0x115f || c == 0x1160 || (c >= 0x17b4 && c <= 0x17b5) ||
         (c >= 0x180b && c <= 0x180f) || (c >= 0x200b && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e) ||
         (c >= 0x2060 && c <= 0x206f) || c == 0x2800 || c == 0x3164 || (c >= 0xfe00 && c <= 0xfe0f) || c == 0xfeff ||
         c == 0xffa0 || (c >= 0xfff0 && c <= 0xfffb) || (c >= 0xe000 && c <= 0xf8ff) || c >= 0xe0000;
}

std::string shown(uint32_t c, std::string_view bytes) {
  switch (c) {
    case '\n':
      return "\\n";
    case '\t':
      return "\\t";
    case '\r':
      return "\\r";
    case '`':
      return "\u2018";
    default:
      break;
  }
  if (c < 0x20 || c == 0x7f) return fmt::format("\\x{:02x}", c);
  if (c >= 0x80 && c < 0xa0) return fmt::format("\\u{:04x}", c);
  if (unseen(c)) return c > 0xffff ? fmt::format("\\U{:08x}", c) : fmt::format("\\u{:04x}", c);
  return std::string(bytes);
}

std::string entity(uint32_t c, std::string_view bytes) {
  if (c == '&') return "&amp;";
  if (c == '<') return "&lt;";
  if (c == '>') return "&gt;";
  return shown(c, bytes);
}

std::string angle(uint32_t c, std::string_view bytes) {
  if (c == '<') return "‹";
  if (c == '>') return "›";
  return shown(c, bytes);
}

enum class Keep : uint8_t { kBothEnds, kHead };

std::string fitted(std::string_view text, size_t most, std::string (*show)(uint32_t, std::string_view),
                   Keep keep = Keep::kBothEnds) {
  std::vector<std::string> pieces;
  size_t total = 0;
  while (!text.empty()) {
    const alert::Utf8Step step = alert::utf8_step(text);
    pieces.push_back(step.valid ? show(step.code_point, text.substr(0, step.size_bytes)) : "\ufffd");
    total += units(pieces.back());
    text.remove_prefix(step.size_bytes);
  }
  std::string out;
  if (total <= most) {
    for (const std::string& piece : pieces) out += piece;
    return out;
  }
  if (most < 2 * kMarkUnits) return most == 0 ? "" : "…";
  const size_t head_units = keep == Keep::kHead ? most - 1 : (most - kMarkUnits) * 2 / 3;
  size_t used = 0, head = 0;
  while (used + units(pieces[head]) <= head_units) used += units(pieces[head++]);
  for (size_t i = 0; i < head; ++i) out += pieces[i];
  if (keep == Keep::kHead) return out + "…";
  size_t tail = pieces.size();
  while (used + units(pieces[tail - 1]) <= most - kMarkUnits) used += units(pieces[--tail]);
  out += kMark;
  for (size_t i = tail; i < pieces.size(); ++i) out += pieces[i];
  return out;
}

}  // namespace

size_t units(std::string_view text) {
  size_t count = 0;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if ((byte & 0xc0) != 0x80) count += byte >= 0xf0 ? 2 : 1;
  }
  return count;
}

std::string literal(std::string_view text, size_t most) {
  return fitted(text, most, entity);
}

std::string head_of(std::string_view text, size_t most) {
  return fitted(text, most, entity, Keep::kHead);
}

std::string plain(std::string_view text, size_t most) {
  return fitted(text, most, angle);
}

std::string code(std::string_view text, size_t most) {
  if (text.empty()) return "(empty)";
  return "`" + literal(text, most > 2 ? most - 2 : 0) + "`";
}

std::string grouped(uint64_t number) {
  std::string digits = std::to_string(number);
  for (size_t at = digits.size(); at > 3;) {
    at -= 3;
    digits.insert(at, ",");
  }
  return digits;
}

}  // namespace tiercel::slack
