#include "agent/base/siphash.h"

#include <sys/random.h>

#include <bit>
#include <cstdlib>
#include <cstring>

namespace tiercel {
namespace {

using State = std::array<uint64_t, 4>;

void rounds(State& v, int count) {
  for (int n = 0; n < count; ++n) {
    v[0] += v[1];
    v[2] += v[3];
    v[1] = std::rotl(v[1], 13) ^ v[0];
    v[3] = std::rotl(v[3], 16) ^ v[2];
    v[0] = std::rotl(v[0], 32);
    v[2] += v[1];
    v[0] += v[3];
    v[1] = std::rotl(v[1], 17) ^ v[2];
    v[3] = std::rotl(v[3], 21) ^ v[0];
    v[2] = std::rotl(v[2], 32);
  }
}

void take(State& v, uint64_t word) {
  v[3] ^= word;
  rounds(v, 2);
  v[0] ^= word;
}

}  // namespace

SipKey random_sip_key() {
  SipKey key{};
  if (::getrandom(key.data(), sizeof key, 0) != sizeof key) std::abort();
  return key;
}

uint64_t siphash(const SipKey& key, std::string_view text) {
  State v{key[0] ^ 0x736f6d6570736575, key[1] ^ 0x646f72616e646f6d, key[0] ^ 0x6c7967656e657261,
          key[1] ^ 0x7465646279746573};
  const uint64_t size = text.size();
  for (; text.size() >= 8; text.remove_prefix(8)) {
    uint64_t word = 0;
    std::memcpy(&word, text.data(), 8);
    take(v, word);
  }
  uint64_t last = 0;
  if (!text.empty()) std::memcpy(&last, text.data(), text.size());
  take(v, last | size << 56);
  v[2] ^= 0xff;
  rounds(v, 4);
  return v[0] ^ v[1] ^ v[2] ^ v[3];
}

}  // namespace tiercel
