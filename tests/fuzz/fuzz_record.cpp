// The record decoder: whatever the bytes, parse() refuses them or what it gives can be read without a fault.
#include <cstdint>
#include <cstring>
#include <vector>

#include "decoders/record.h"
#include "decoders/render.h"

namespace {

struct NoNames final : tiercel::decoders::Names {
  std::string user(uint32_t) const override { return {}; }
  std::string group(uint32_t) const override { return {}; }
  std::string comm(int64_t) const override { return {}; }
  std::string absolute(std::string_view raw, std::string_view) const override { return std::string(raw); }
  std::string descriptor(int64_t) const override { return {}; }
  std::string tuple() const override { return {}; }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace tiercel::decoders;
  std::vector<uint64_t> words((size + 7) / 8);
  if (size > 0) std::memcpy(words.data(), data, size);
  auto record = Record::parse({reinterpret_cast<const std::byte*>(words.data()), size});
  if (!record) return 0;
  for (const FieldInfo& field : record->info().record->fields) {
    if (field.is_text) {
      size_t sum = 0;
      for (char c : record->text(field)) sum += static_cast<unsigned char>(c);
      static volatile size_t sink;
      sink = sum;
    } else if (kind_info(field.kind).cls != KindClass::kAddress) {
      static volatile int64_t sink;
      sink = record->number(field);
    }
  }
  params_text(*record, record->info(), NoNames());
  return 0;
}
