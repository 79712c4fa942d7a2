#include "siem/wazuh/crypto.h"

#include <openssl/evp.h>
#include <openssl/provider.h>
#include <openssl/rand.h>

#include <array>
#include <climits>
#include <cstdlib>
#include <utility>

namespace tiercel::wazuh {
namespace {

constexpr size_t kAesKeyBytes = 32;
constexpr size_t kBlockBytesMax = 16;
constexpr const unsigned char kAesIv[] = "FEDCBA0987654321";
constexpr unsigned char kBlowfishIv[] = {0xfe, 0xdc, 0xba, 0x98, 0x76, 0x54, 0x32, 0x10};

struct CipherDeleter {
  void operator()(EVP_CIPHER* cipher) const { EVP_CIPHER_free(cipher); }
};
struct ContextDeleter {
  void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
};
using CipherPtr = std::unique_ptr<EVP_CIPHER, CipherDeleter>;
using ContextPtr = std::unique_ptr<EVP_CIPHER_CTX, ContextDeleter>;

std::string to_hex(const unsigned char* bytes, size_t size) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string hex;
  hex.reserve(size * 2);
  for (size_t i = 0; i < size; ++i) {
    hex += kDigits[bytes[i] >> 4];
    hex += kDigits[bytes[i] & 15];
  }
  return hex;
}

bool digest(const EVP_MD* algorithm, std::string_view bytes, std::string& hex) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> out{};
  unsigned size = 0;
  if (EVP_Digest(bytes.data(), bytes.size(), out.data(), &size, algorithm, nullptr) != 1) return false;
  hex = to_hex(out.data(), size);
  return true;
}

std::string digest_or_abort(const EVP_MD* algorithm, std::string_view bytes) {
  std::string hex;
  if (!digest(algorithm, bytes, hex)) std::abort();  // check_crypto() comes first and says why
  return hex;
}

// Blowfish is only in the legacy provider. It lives in a library context of its own, so that nothing else in the
// process (TLS above all) sees legacy algorithms. Never freed: libcrypto's own exit handler may run before ours.
EVP_CIPHER* blowfish() {
  static EVP_CIPHER* const cipher = []() -> EVP_CIPHER* {
    OSSL_LIB_CTX* library = OSSL_LIB_CTX_new();
    if (library == nullptr || OSSL_PROVIDER_load(library, "legacy") == nullptr) return nullptr;
    return EVP_CIPHER_fetch(library, "BF-CBC", nullptr);
  }();
  return cipher;
}

}  // namespace

Result<> check_crypto() {
  std::string hex;
  if (!digest(EVP_md5(), "", hex) || hex != "d41d8cd98f00b204e9800998ecf8427e" || !digest(EVP_sha1(), "", hex))
    return fail(
        "this host's OpenSSL refuses MD5 or SHA1, which the Wazuh agent protocol needs: "
        "is it in FIPS mode? Remove the output wazuh or allow them");
  if (!CipherBox(std::string(47, 'k')).has(Cipher::kAes)) return fail("this host's OpenSSL has no AES-256-CBC");
  return {};
}

std::string md5_hex(std::string_view bytes) {
  return digest_or_abort(EVP_md5(), bytes);
}

std::string sha1_hex(std::string_view bytes) {
  return digest_or_abort(EVP_sha1(), bytes);
}

std::string derive_key(std::string_view id, std::string_view name, std::string_view raw_key) {
  const std::string whose = md5_hex(md5_hex(name) + md5_hex(id));
  return md5_hex(raw_key) + whose.substr(0, 15);
}

uint32_t random_u32() {
  uint32_t value = 0;
  if (RAND_bytes(reinterpret_cast<unsigned char*>(&value), sizeof value) != 1) std::abort();
  return value;
}

std::string random_hex(size_t bytes) {
  std::string raw(bytes, '\0');
  auto* data = reinterpret_cast<unsigned char*>(raw.data());
  if (RAND_bytes(data, static_cast<int>(bytes)) != 1) std::abort();
  return to_hex(data, bytes);
}

struct CipherBox::Contexts {
  CipherPtr aes;
  ContextPtr context;
};

CipherBox::CipherBox(std::string derived_key) : key_(std::move(derived_key)), contexts_(std::make_unique<Contexts>()) {
  contexts_->aes.reset(EVP_CIPHER_fetch(nullptr, "AES-256-CBC", nullptr));
  contexts_->context.reset(EVP_CIPHER_CTX_new());
}

CipherBox::~CipherBox() = default;
CipherBox::CipherBox(CipherBox&&) noexcept = default;
CipherBox& CipherBox::operator=(CipherBox&&) noexcept = default;

bool CipherBox::has(Cipher cipher) {
  if (contexts_->context == nullptr) return false;
  return cipher == Cipher::kAes ? contexts_->aes != nullptr : blowfish() != nullptr;
}

std::optional<std::string> CipherBox::encrypt(Cipher cipher, std::string_view plain) {
  return run(cipher, plain, true);
}

std::optional<std::string> CipherBox::decrypt(Cipher cipher, std::string_view encrypted) {
  return run(cipher, encrypted, false);
}

std::optional<std::string> CipherBox::run(Cipher cipher, std::string_view in, bool encrypting) {
  const bool aes = cipher == Cipher::kAes;
  if (!has(cipher) || in.size() > INT_MAX / 2 || key_.size() < kAesKeyBytes) return std::nullopt;
  EVP_CIPHER_CTX* context = contexts_->context.get();
  const int direction = encrypting ? 1 : 0;
  EVP_CIPHER_CTX_reset(context);
  // Blowfish takes the key at its full length, which has to be told before the key.
  if (EVP_CipherInit_ex2(context, aes ? contexts_->aes.get() : blowfish(), nullptr, nullptr, direction, nullptr) != 1)
    return std::nullopt;
  if (!aes && EVP_CIPHER_CTX_set_key_length(context, static_cast<int>(key_.size())) != 1) return std::nullopt;
  const auto* key = reinterpret_cast<const unsigned char*>(key_.data());
  if (EVP_CipherInit_ex2(context, nullptr, key, aes ? kAesIv : kBlowfishIv, direction, nullptr) != 1)
    return std::nullopt;
  EVP_CIPHER_CTX_set_padding(context, aes ? 1 : 0);

  std::string out(in.size() + kBlockBytesMax, '\0');
  auto* to = reinterpret_cast<unsigned char*>(out.data());
  int head = 0;
  int tail = 0;
  if (EVP_CipherUpdate(context, to, &head, reinterpret_cast<const unsigned char*>(in.data()),
                       static_cast<int>(in.size())) != 1 ||
      EVP_CipherFinal_ex(context, to + head, &tail) != 1)
    return std::nullopt;
  out.resize(static_cast<size_t>(head) + static_cast<size_t>(tail));
  return out;
}

}  // namespace tiercel::wazuh
