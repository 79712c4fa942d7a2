// Record: a bounds-checked view of one record's bytes. It borrows them and dies with them (ring buffer, recording).
// parse() is the only way in; what it accepts is safe to read, whatever the bytes were. Any thread.
#pragma once

#include <cstring>
#include <span>
#include <string_view>

#include "agent/base/result.h"
#include "decoders/catalog.h"

namespace tiercel::decoders {

class Record {
 public:
  // Checks size, type, and that every text lies within the record's tail. The bytes must be 8-byte aligned.
  static Result<Record> parse(std::span<const std::byte> bytes);

  [[nodiscard]] const ev_head& head() const { return *reinterpret_cast<const ev_head*>(bytes_.data()); }
  [[nodiscard]] const EventInfo& info() const { return *info_; }
  [[nodiscard]] std::span<const std::byte> bytes() const { return bytes_; }

  // The record as its struct; nullptr when it is another one. as<ev_open>()
  template <class T>
  [[nodiscard]] const T* as() const;

  // The parts that the record has (bpf/schema/parts.h); nullptr: none.
  [[nodiscard]] const file_part* file() const { return part<file_part>(info_->record->file_at); }
  [[nodiscard]] const sock_part* socket() const { return part<sock_part>(info_->record->sock_at); }
  [[nodiscard]] const addr_part* address() const { return part<addr_part>(info_->record->addr_at); }
  [[nodiscard]] const args_part* args() const { return part<args_part>(info_->record->args_at); }
  [[nodiscard]] const usage_part* usage() const { return part<usage_part>(info_->record->usage_at); }

  [[nodiscard]] std::string_view text(const struct text& t) const {
    return {reinterpret_cast<const char*>(bytes_.data()) + t.off, t.len};
  }
  [[nodiscard]] std::string_view text(const FieldInfo& field) const;
  // A fixed field as a number, sign-extended for signed kinds.
  [[nodiscard]] int64_t number(const FieldInfo& field) const;

 private:
  Record(std::span<const std::byte> bytes, const EventInfo* info) : bytes_(bytes), info_(info) {}
  template <class T>
  [[nodiscard]] const T* part(uint16_t at) const {
    return at == 0 ? nullptr : reinterpret_cast<const T*>(bytes_.data() + at);
  }
  std::span<const std::byte> bytes_;
  const EventInfo* info_;
};

namespace detail {
template <class T>
struct RecordName;
#define RECORD_BEGIN(record, doc)                      \
  template <>                                          \
  struct RecordName<ev_##record> {                     \
    static constexpr std::string_view value = #record; \
  };
#include "bpf/schema/events.def"
}  // namespace detail

template <class T>
const T* Record::as() const {
  return info_->record->name == detail::RecordName<T>::value ? reinterpret_cast<const T*>(bytes_.data()) : nullptr;
}

}  // namespace tiercel::decoders
