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

// Fetched once: EVP_md5() and its like are looked up again for each digest. Nothing where they are not allowed.
const EVP_MD* md5() {
  static const EVP_MD* const algorithm = EVP_MD_fetch(nullptr, "MD5", nullptr);
  return algorithm;
}

const EVP_MD* sha1() {
  static const EVP_MD* const algorithm = EVP_MD_fetch(nullptr, "SHA1", nullptr);
  return algorithm;
}

bool digest(const EVP_MD* algorithm, std::string_view bytes, std::string& hex) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> out{};
  unsigned size = 0;
  if (algorithm == nullptr) return false;
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
  if (!digest(md5(), "", hex) || hex != "d41d8cd98f00b204e9800998ecf8427e" || !digest(sha1(), "", hex))
    return fail(
        "this host's OpenSSL refuses MD5 or SHA1, which the Wazuh agent protocol needs: "
        "is it in FIPS mode? Remove the output wazuh or allow them");
  if (!CipherBox(std::string(47, 'k')).has(Cipher::kAes)) return fail("this host's OpenSSL has no AES-256-CBC");
  return {};
}

std::string md5_hex(std::string_view bytes) {
  return digest_or_abort(md5(), bytes);
}

std::string sha1_hex(std::string_view bytes) {
  return digest_or_abort(sha1(), bytes);
}

std::string derive_key(std::string_view id, std::string_view name, std::string_view raw_key) {
  const std::string whose = md5_hex(md5_hex(name) + md5_hex(id));
  return md5_hex(raw_key) + whose.substr(0, 15);
}

// Every message takes one, and asking for many at once costs as much as for one.
uint32_t random_u32() {
  thread_local std::array<uint32_t, 64> pool;
  thread_local size_t left = 0;
  if (left == 0) {
    if (RAND_bytes(reinterpret_cast<unsigned char*>(pool.data()), sizeof pool) != 1) std::abort();
    left = pool.size();
  }
  return pool[--left];
}

std::string random_hex(size_t bytes) {
  std::string raw(bytes, '\0');
  auto* data = reinterpret_cast<unsigned char*>(raw.data());
  if (RAND_bytes(data, static_cast<int>(bytes)) != 1) std::abort();
  return to_hex(data, bytes);
}

// One context for each cipher and direction, with the key in it: a message needs the initial vector only.
struct CipherBox::Contexts {
  CipherPtr aes;
  std::array<std::array<ContextPtr, 2>, 2> ready;

  [[nodiscard]] const EVP_CIPHER* algorithm(Cipher cipher) const {
    return cipher == Cipher::kAes ? aes.get() : blowfish();
  }
  EVP_CIPHER_CTX* get(Cipher cipher, bool encrypting, const std::string& key);
};

EVP_CIPHER_CTX* CipherBox::Contexts::get(Cipher cipher, bool encrypting, const std::string& key) {
  ContextPtr& context = ready[static_cast<size_t>(cipher)][encrypting ? 1 : 0];
  if (context != nullptr) return context.get();
  if (algorithm(cipher) == nullptr || key.size() < kAesKeyBytes) return nullptr;
  ContextPtr made(EVP_CIPHER_CTX_new());
  const int direction = encrypting ? 1 : 0;
  // Blowfish takes the key at its full length, which has to be told before the key.
  if (made == nullptr || EVP_CipherInit_ex2(made.get(), algorithm(cipher), nullptr, nullptr, direction, nullptr) != 1)
    return nullptr;
  if (cipher == Cipher::kBlowfish && EVP_CIPHER_CTX_set_key_length(made.get(), static_cast<int>(key.size())) != 1)
    return nullptr;
  if (EVP_CipherInit_ex2(made.get(), nullptr, reinterpret_cast<const unsigned char*>(key.data()), nullptr, direction,
                         nullptr) != 1)
    return nullptr;
  context = std::move(made);
  return context.get();
}

CipherBox::CipherBox(std::string derived_key) : key_(std::move(derived_key)), contexts_(std::make_unique<Contexts>()) {
  contexts_->aes.reset(EVP_CIPHER_fetch(nullptr, "AES-256-CBC", nullptr));
}

CipherBox::~CipherBox() = default;
CipherBox::CipherBox(CipherBox&&) noexcept = default;
CipherBox& CipherBox::operator=(CipherBox&&) noexcept = default;

bool CipherBox::has(Cipher cipher) {
  return contexts_->algorithm(cipher) != nullptr;
}

std::optional<std::string> CipherBox::encrypt(Cipher cipher, std::string_view plain) {
  return run(cipher, plain, true);
}

std::optional<std::string> CipherBox::decrypt(Cipher cipher, std::string_view encrypted) {
  return run(cipher, encrypted, false);
}

std::optional<std::string> CipherBox::run(Cipher cipher, std::string_view in, bool encrypting) {
  const bool aes = cipher == Cipher::kAes;
  if (in.size() > INT_MAX / 2) return std::nullopt;
  EVP_CIPHER_CTX* context = contexts_->get(cipher, encrypting, key_);
  if (context == nullptr) return std::nullopt;
  if (EVP_CipherInit_ex2(context, nullptr, nullptr, aes ? kAesIv : kBlowfishIv, encrypting ? 1 : 0, nullptr) != 1)
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
