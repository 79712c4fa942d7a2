// RecordBuilder: the inverse of record.h, for tests, the task snapshot and recordings. Owns its bytes, 8-byte aligned.
#pragma once

#include <string_view>
#include <vector>

#include "decoders/record.h"

namespace tiercel::decoders {

template <class T>
class RecordBuilder {
 public:
  explicit RecordBuilder(uint16_t type) : words_((sizeof(T) + 7) / 8) {
    fixed().head.type = type;
    fixed().head.size = sizeof(T);
  }
  // The fixed part. The reference dies at the next set_text.
  T& fixed() { return *reinterpret_cast<T*>(words_.data()); }
  T* operator->() { return &fixed(); }

  // Appends value to the tail and points the member at it. Cut (and marked) where the record would get too long.
  RecordBuilder& set_text(struct text T::*member, std::string_view value) {
    size_t off = size_;
    if (off + value.size() > TIERCEL_RECORD_MAX) {
      value = value.substr(0, TIERCEL_RECORD_MAX - off);
      fixed().head.flags |= EVF_TEXT_CUT;
    }
    size_ += value.size();
    words_.resize((size_ + 7) / 8);
    std::memcpy(reinterpret_cast<char*>(words_.data()) + off, value.data(), value.size());
    (fixed().*member) = {static_cast<__u16>(off), static_cast<__u16>(value.size())};
    fixed().head.size = static_cast<__u32>(size_);
    return *this;
  }

  [[nodiscard]] std::span<const std::byte> bytes() const {
    return {reinterpret_cast<const std::byte*>(words_.data()), size_};
  }

 private:
  std::vector<uint64_t> words_;
  size_t size_ = sizeof(T);
};

}  // namespace tiercel::decoders
