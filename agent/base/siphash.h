// SipHash-2-4 of Aumasson and Bernstein: a keyed hash of 64 bits. Who does not know the key cannot make two texts that
// collide, so a hash may stand for what an attacker wrote. Pure; random_key() asks the kernel.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace tiercel {

using SipKey = std::array<uint64_t, 2>;

[[nodiscard]] SipKey random_sip_key();
[[nodiscard]] uint64_t siphash(const SipKey& key, std::string_view text);

}  // namespace tiercel
