#include "agent/runtime/wire.h"

namespace tiercel::runtime {
namespace {

enum WireType : uint32_t { kVarint = 0, kFixed64 = 1, kLengthDelimited = 2, kFixed32 = 5 };

constexpr int kVarintBytesMax = 10;

void write_number(std::string& out, uint64_t value) {
  for (; value >= 0x80; value >>= 7) out.push_back(static_cast<char>(value | 0x80));
  out.push_back(static_cast<char>(value));
}

}  // namespace

bool WireReader::fail() {
  broken_ = true;
  rest_ = {};
  return false;
}

bool WireReader::number(uint64_t& value) {
  value = 0;
  for (int i = 0; i < kVarintBytesMax; ++i) {
    if (rest_.empty()) return fail();
    const auto byte = static_cast<uint8_t>(rest_.front());
    rest_.remove_prefix(1);
    if (i == kVarintBytesMax - 1 && byte > 1) return fail();  // more than 64 bits
    value |= static_cast<uint64_t>(byte & 0x7f) << (7 * i);
    if (byte < 0x80) return true;
  }
  return fail();
}

bool WireReader::take(uint64_t size, std::string_view& bytes) {
  if (size > rest_.size()) return fail();
  bytes = rest_.substr(0, size);
  rest_.remove_prefix(size);
  return true;
}

bool WireReader::next(WireField& field) {
  if (rest_.empty()) return false;
  uint64_t tag = 0;
  if (!number(tag)) return false;
  field = {};
  if (tag >> 3 == 0 || tag >> 32 != 0) return fail();
  field.number = static_cast<uint32_t>(tag >> 3);
  uint64_t size = 0;
  switch (tag & 7) {
    case kVarint:
      return number(field.value);
    case kLengthDelimited:
      field.type = WireField::Type::kBytes;
      return number(size) && take(size, field.bytes);
    case kFixed64:
      field.type = WireField::Type::kFixed;
      return take(8, field.bytes);
    case kFixed32:
      field.type = WireField::Type::kFixed;
      return take(4, field.bytes);
    default:
      return fail();
  }
}

bool read_entry(std::string_view message, std::pair<std::string_view, std::string_view>& entry) {
  entry = {};
  WireReader reader(message);
  for (WireField field; reader.next(field);) {
    if (field.type != WireField::Type::kBytes) continue;
    if (field.number == 1) entry.first = field.bytes;
    if (field.number == 2) entry.second = field.bytes;
  }
  return !reader.broken();
}

void write_text(std::string& message, uint32_t number, std::string_view text) {
  if (text.empty()) return;
  write_number(message, uint64_t{number} << 3 | kLengthDelimited);
  write_number(message, text.size());
  message.append(text);
}

void write_flag(std::string& message, uint32_t number, bool flag) {
  if (!flag) return;
  write_number(message, uint64_t{number} << 3 | kVarint);
  write_number(message, 1);
}

}  // namespace tiercel::runtime
