// The cryptography of the agent protocol: MD5 and SHA1 as hexadecimal, key derivation, AES-256-CBC and Blowfish-CBC
// with the protocol's fixed initial vectors, random numbers. The only door to libcrypto besides enroll.cpp.
//
// The protocol has no MAC and one IV for everything; that is the peer's choice, not ours. Blowfish comes from OpenSSL's
// legacy provider, loaded into a library context of its own when the first Blowfish frame comes; where the host lacks
// that provider, Blowfish frames are refused with a fault of their own (frame.h).
//
// Threads: the functions from any; a CipherBox belongs to one thread. Facts: Wazuh 4.14, os_crypto.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "agent/base/result.h"

namespace tiercel::wazuh {

enum class Cipher : uint8_t { kAes, kBlowfish };

// Whether this libcrypto does what the protocol needs (a FIPS-only one has no MD5). Call before anything else here.
[[nodiscard]] Result<> check_crypto();

[[nodiscard]] std::string md5_hex(std::string_view bytes);
[[nodiscard]] std::string sha1_hex(std::string_view bytes);

// md5hex(raw key) followed by the first 15 characters of md5hex(md5hex(name) ‖ md5hex(id)): 47 characters.
[[nodiscard]] std::string derive_key(std::string_view id, std::string_view name, std::string_view raw_key);

[[nodiscard]] uint32_t random_u32();
[[nodiscard]] std::string random_hex(size_t bytes);

class CipherBox {
 public:
  explicit CipherBox(std::string derived_key);
  ~CipherBox();
  CipherBox(CipherBox&&) noexcept;
  CipherBox& operator=(CipherBox&&) noexcept;

  // False for Blowfish on a host without the legacy provider.
  [[nodiscard]] bool has(Cipher cipher);
  // AES pads by PKCS#7; for Blowfish the size must be a multiple of 8.
  [[nodiscard]] std::optional<std::string> encrypt(Cipher cipher, std::string_view plain);
  // Nothing when the padding or the size is wrong.
  [[nodiscard]] std::optional<std::string> decrypt(Cipher cipher, std::string_view encrypted);

 private:
  struct Contexts;
  [[nodiscard]] std::optional<std::string> run(Cipher cipher, std::string_view in, bool encrypting);
  std::string key_;
  std::unique_ptr<Contexts> contexts_;
};

}  // namespace tiercel::wazuh
