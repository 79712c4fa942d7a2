#include "decoders/record.h"

#include <fmt/core.h>

namespace tiercel::decoders {

Result<Record> Record::parse(std::span<const std::byte> bytes) {
  if (bytes.size() < sizeof(ev_head))
    return fail(fmt::format("record of {} bytes is shorter than its head", bytes.size()));
  if (reinterpret_cast<uintptr_t>(bytes.data()) % alignof(ev_head) != 0)
    return fail("record is not aligned to 8 bytes");
  const auto& head = *reinterpret_cast<const ev_head*>(bytes.data());
  const EventInfo* info = event_info(head.type);
  if (!info) return fail(fmt::format("record of unknown type {}", head.type));
  if (head.size > bytes.size() || head.size < info->record->size)
    return fail(fmt::format("{} record says {} bytes, has {}, needs {}", info->name, head.size, bytes.size(),
                            info->record->size));
  bytes = bytes.first(head.size);
  for (const FieldInfo& field : info->record->fields) {
    if (!field.is_text) continue;
    struct text t;
    std::memcpy(&t, bytes.data() + field.offset, sizeof t);
    if (t.len == 0) continue;
    if (t.off < info->record->size || static_cast<size_t>(t.off) + t.len > bytes.size())
      return fail(fmt::format("{} record: text '{}' lies outside", info->name, field.name));
  }
  return Record(bytes, info);
}

std::string_view Record::text(const FieldInfo& field) const {
  struct text t;
  std::memcpy(&t, bytes_.data() + field.offset, sizeof t);
  return text(t);
}

int64_t Record::number(const FieldInfo& field) const {
  const std::byte* at = bytes_.data() + field.offset;
  const bool is_signed = kind_info(field.kind).cls == KindClass::kSigned;
  auto read = [at]<class T>(T value) {
    std::memcpy(&value, at, sizeof value);
    return value;
  };
  switch (field.size) {
    case 1:
      return is_signed ? read(int8_t{}) : read(uint8_t{});
    case 2:
      return is_signed ? read(int16_t{}) : read(uint16_t{});
    case 4:
      return is_signed ? read(int32_t{}) : read(uint32_t{});
    default:
      return static_cast<int64_t>(read(uint64_t{}));
  }
}

}  // namespace tiercel::decoders
