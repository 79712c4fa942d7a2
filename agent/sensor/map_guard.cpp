#include "agent/sensor/map_guard.h"

#include <algorithm>

namespace tiercel::sensor {

void MapGuard::guard(const std::string& name, Access access, size_t size_bytes) {
  const std::lock_guard lock(mutex_);
  Piece piece{name, std::move(access), Bytes(size_bytes)};
  piece.lost = !piece.access.read(piece.wanted);
  pieces_.push_back(std::move(piece));
}

void MapGuard::guard_memory(const std::string& name, std::span<volatile std::byte> memory) {
  guard(name,
        {[memory](Bytes& into) {
           std::copy(memory.begin(), memory.end(), into.begin());
           return true;
         },
         [memory](const Bytes& from) {
           std::copy(from.begin(), from.end(), memory.begin());
           return true;
         }},
        memory.size());
}

void MapGuard::forget(const std::string& name) {
  const std::lock_guard lock(mutex_);
  std::erase_if(pieces_, [&name](const Piece& piece) { return piece.name == name; });
}

void MapGuard::take_note() {
  for (Piece& piece : pieces_) piece.lost = !piece.access.read(piece.wanted);
}

std::vector<MapGuard::Finding> MapGuard::check() {
  const std::lock_guard lock(mutex_);
  look();
  return std::exchange(found_, {});
}

void MapGuard::look() {
  for (Piece& piece : pieces_) {
    Bytes there(piece.wanted.size());
    if (!piece.access.read(there)) {
      if (!std::exchange(piece.lost, true)) found_.push_back({piece.name, 0, false});
      continue;
    }
    piece.lost = false;
    if (there == piece.wanted) continue;
    size_t bytes = 0;
    for (size_t i = 0; i < there.size(); ++i) bytes += there[i] != piece.wanted[i] ? 1 : 0;
    Bytes again(there.size());
    const bool restored = piece.access.write(piece.wanted) && piece.access.read(again) && again == piece.wanted;
    found_.push_back({piece.name, bytes, restored});
  }
}

}  // namespace tiercel::sensor
