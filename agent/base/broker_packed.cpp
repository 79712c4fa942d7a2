// What goes over the broker's socket for a program: counts and lengths in 32 bits, then the bytes.
#include <cstdint>
#include <cstring>

#include "agent/base/broker.h"

namespace tiercel::broker {
namespace {

constexpr size_t kTextsMax = 4096;

}  // namespace

std::string packed(const Launch& launch) {
  std::string out;
  auto number = [&out](size_t value) {
    const auto bits = static_cast<uint32_t>(value);
    out.append(reinterpret_cast<const char*>(&bits), sizeof bits);
  };
  auto text = [&](const std::string& value) {
    number(value.size());
    out += value;
  };
  text(launch.file);
  text(launch.folder);
  number(launch.network >= 0 ? 1 : 0);
  for (const auto* list : {&launch.argv, &launch.environment}) {
    number(list->size());
    for (const std::string& one : *list) text(one);
  }
  return out;
}

std::optional<Launch> unpacked(std::span<const std::byte> bytes) {
  bool good = true;
  auto number = [&]() -> uint32_t {
    uint32_t bits = 0;
    if (bytes.size() < sizeof bits) return good = false, 0;
    std::memcpy(&bits, bytes.data(), sizeof bits);
    bytes = bytes.subspan(sizeof bits);
    return bits;
  };
  auto text = [&]() -> std::string {
    const uint32_t size = number();
    if (size > bytes.size()) return good = false, std::string();
    std::string out(reinterpret_cast<const char*>(bytes.data()), size);
    if (out.find('\0') != std::string::npos) good = false;
    bytes = bytes.subspan(size);
    return out;
  };
  Launch launch;
  launch.file = text();
  launch.folder = text();
  const uint32_t network = number();
  launch.network = network == 1 ? 0 : -1;  // stands for the descriptor that came along
  for (auto* list : {&launch.argv, &launch.environment}) {
    const uint32_t count = number();
    if (count > kTextsMax) good = false;
    for (uint32_t i = 0; good && i < count; ++i) list->push_back(text());
  }
  if (!good || network > 1 || !bytes.empty() || launch.file.empty()) return std::nullopt;
  return launch;
}

}  // namespace tiercel::broker
