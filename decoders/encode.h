// RecordBytes and RecordBuilder: the inverse of record.h, for tests, the task snapshot, recordings and case files. They
// own their bytes, 8-byte aligned. RecordBuilder knows the record's struct, RecordBytes only the event table.
#pragma once

#include <string_view>
#include <vector>

#include "decoders/record.h"

namespace tiercel::decoders {

class RecordBytes {
 public:
  explicit RecordBytes(const EventInfo& info) : RecordBytes(info.type, info.record->size) {}
  RecordBytes(uint16_t type, size_t fixed_size) : words_((fixed_size + 7) / 8), size_(fixed_size) {
    head().type = type;
    head().size = static_cast<__u32>(fixed_size);
  }
  // References into the bytes die at the next set_text.
  [[nodiscard]] ev_head& head() { return *reinterpret_cast<ev_head*>(data()); }
  [[nodiscard]] std::byte* data() { return reinterpret_cast<std::byte*>(words_.data()); }

  // Appends value to the tail and points the struct text at offset to it. Cut (and marked) where the record would get
  // too long.
  void set_text(size_t offset, std::string_view value) {
    const size_t off = size_;
    if (off + value.size() > TIERCEL_RECORD_MAX) {
      value = value.substr(0, TIERCEL_RECORD_MAX - off);
      head().flags |= EVF_TEXT_CUT;
    }
    size_ += value.size();
    words_.resize((size_ + 7) / 8);
    if (!value.empty()) std::memcpy(data() + off, value.data(), value.size());
    const struct text where = {static_cast<__u16>(off), static_cast<__u16>(value.size())};
    std::memcpy(data() + offset, &where, sizeof where);
    head().size = static_cast<__u32>(size_);
  }

  [[nodiscard]] std::span<const std::byte> bytes() const {
    return {reinterpret_cast<const std::byte*>(words_.data()), size_};
  }

 private:
  std::vector<uint64_t> words_;
  size_t size_;
};

template <class T>
class RecordBuilder {
 public:
  explicit RecordBuilder(uint16_t type) : record_(type, sizeof(T)) {}
  // The fixed part. The reference dies at the next set_text.
  T& fixed() { return *reinterpret_cast<T*>(record_.data()); }
  T* operator->() { return &fixed(); }

  RecordBuilder& set_text(struct text T::*member, std::string_view value) {
    const auto* at = reinterpret_cast<const std::byte*>(&(fixed().*member));
    record_.set_text(static_cast<size_t>(at - record_.data()), value);
    return *this;
  }

  [[nodiscard]] std::span<const std::byte> bytes() const { return record_.bytes(); }

 private:
  RecordBytes record_;
};

}  // namespace tiercel::decoders
