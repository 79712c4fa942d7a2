// Value: what a field holds for one event. A small view, never an owner: texts point into the record, the process
// table or the event's Arena, and die with them. Trivially copyable; any thread, no errors, no allocation.
// "Missing" is a kind of its own: every comparison with it is false (reference: missing values).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

namespace tiercel::rule {

enum class ValueKind : uint8_t { kMissing, kText, kBytes, kInt, kUint, kBool, kDouble, kIp4, kIp6, kList };

struct Value {
  struct Chars {
    const char* data;
    size_t size;
  };
  struct Items {
    const Value* items;
    size_t count;
  };
  ValueKind kind = ValueKind::kMissing;
  union {
    Chars text;                  // kText, kBytes
    int64_t i;                   // kInt
    uint64_t u;                  // kUint
    bool b;                      // kBool
    double d;                    // kDouble
    std::array<uint8_t, 16> ip;  // kIp4 (first 4 bytes), kIp6; network order
    Items list;                  // kList
  };

  Value() : ip{} {}

  [[nodiscard]] bool missing() const { return kind == ValueKind::kMissing; }
  [[nodiscard]] bool is_text() const { return kind == ValueKind::kText || kind == ValueKind::kBytes; }
  [[nodiscard]] std::string_view view() const { return {text.data, text.size}; }
  [[nodiscard]] std::span<const Value> items() const { return {list.items, list.count}; }

  static Value of_text(std::string_view v) { return of_view(ValueKind::kText, v); }
  static Value of_bytes(std::string_view v) { return of_view(ValueKind::kBytes, v); }
  static Value of_int(int64_t v) {
    Value out;
    out.kind = ValueKind::kInt;
    out.i = v;
    return out;
  }
  static Value of_uint(uint64_t v) {
    Value out;
    out.kind = ValueKind::kUint;
    out.u = v;
    return out;
  }
  static Value of_bool(bool v) {
    Value out;
    out.kind = ValueKind::kBool;
    out.b = v;
    return out;
  }
  static Value of_double(double v) {
    Value out;
    out.kind = ValueKind::kDouble;
    out.d = v;
    return out;
  }
  // `bytes`: 4 or 16 of them, network order. An IPv4-mapped IPv6 address becomes the IPv4 one, as Falco shows it.
  static Value of_ip(const uint8_t* bytes, bool v6) {
    static constexpr std::array<uint8_t, 12> kMapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    Value out;
    if (v6 && std::memcmp(bytes, kMapped.data(), kMapped.size()) == 0) return of_ip(bytes + kMapped.size(), false);
    out.kind = v6 ? ValueKind::kIp6 : ValueKind::kIp4;
    std::memcpy(out.ip.data(), bytes, v6 ? 16 : 4);
    return out;
  }
  static Value of_list(std::span<const Value> v) {
    Value out;
    out.kind = ValueKind::kList;
    out.list = {v.data(), v.size()};
    return out;
  }

 private:
  static Value of_view(ValueKind kind, std::string_view v) {
    Value out;
    out.kind = kind;
    out.text = {v.data(), v.size()};
    return out;
  }
};

// Memory for texts and lists that are made for one event. reset() forgets everything and keeps the first block, so a
// stream of events that fit allocates nothing. One thread.
class Arena {
 public:
  explicit Arena(size_t block_bytes = 16 * 1024) : block_bytes_(block_bytes) {}

  char* bytes(size_t size) { return static_cast<char*>(take(size, 1)); }
  Value* values(size_t count) {
    auto* out = static_cast<Value*>(take(count * sizeof(Value), alignof(Value)));
    for (size_t n = 0; n < count; ++n) new (out + n) Value();
    return out;
  }
  std::string_view copy(std::string_view text) {
    char* out = bytes(text.size());
    if (!text.empty()) std::memcpy(out, text.data(), text.size());
    return {out, text.size()};
  }
  void reset() {
    if (blocks_.size() > 1) blocks_.resize(1);
    used_ = 0;
  }

 private:
  struct Block {
    std::unique_ptr<char[]> data;
    size_t size;
  };
  void* take(size_t size, size_t align) {
    if (!blocks_.empty()) {
      const size_t at = (used_ + align - 1) / align * align;
      if (at + size <= blocks_.back().size) {
        used_ = at + size;
        return blocks_.back().data.get() + at;
      }
    }
    const size_t block = size > block_bytes_ ? size : block_bytes_;
    blocks_.push_back({std::make_unique<char[]>(block), block});
    used_ = size;
    return blocks_.back().data.get();
  }
  size_t block_bytes_;
  size_t used_ = 0;
  std::vector<Block> blocks_;
};

}  // namespace tiercel::rule
