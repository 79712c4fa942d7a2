#include "siem/wazuh/manager/tls_server.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <utility>

#include "agent/base/fd.h"
#include "siem/wazuh/crypto.h"

namespace tiercel::wazuh {
namespace {

constexpr size_t kLineBytesMax = 65'536 + 4'096;
constexpr long kValidS = 3650L * 24 * 3600;
constexpr unsigned kKeyMode = 0600;
constexpr unsigned kCertificateMode = 0644;

template <auto kFree>
struct Deleter {
  template <class T>
  void operator()(T* pointer) const {
    kFree(pointer);
  }
};
using KeyPtr = std::unique_ptr<EVP_PKEY, Deleter<EVP_PKEY_free>>;
using CertificatePtr = std::unique_ptr<X509, Deleter<X509_free>>;
using BioPtr = std::unique_ptr<BIO, Deleter<BIO_free_all>>;
using SslPtr = std::unique_ptr<SSL, Deleter<SSL_free>>;
using ExtensionPtr = std::unique_ptr<X509_EXTENSION, Deleter<X509_EXTENSION_free>>;

std::string openssl_error() {
  const char* reason = ERR_reason_error_string(ERR_get_error());
  ERR_clear_error();
  return reason != nullptr ? reason : "unknown error";
}

bool add_extension(X509* certificate, int nid, const char* value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, certificate, certificate, nullptr, nullptr, 0);
  const ExtensionPtr extension(X509V3_EXT_conf_nid(nullptr, &context, nid, value));
  return extension != nullptr && X509_add_ext(certificate, extension.get(), -1) == 1;
}

CertificatePtr make_certificate(EVP_PKEY* key) {
  CertificatePtr certificate(X509_new());
  if (certificate == nullptr) return nullptr;
  X509* x509 = certificate.get();
  X509_set_version(x509, 2);
  ASN1_INTEGER_set_uint64(X509_get_serialNumber(x509), (uint64_t{random_u32()} << 31) | random_u32());
  X509_gmtime_adj(X509_getm_notBefore(x509), -3600);
  X509_gmtime_adj(X509_getm_notAfter(x509), kValidS);
  X509_set_pubkey(x509, key);
  X509_NAME* name = X509_get_subject_name(x509);
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>("tiercel dev-manager"),
                             -1, -1, 0);
  X509_set_issuer_name(x509, name);
  const bool whole = add_extension(x509, NID_subject_alt_name, "IP:127.0.0.1,IP:::1,DNS:localhost") &&
                     add_extension(x509, NID_basic_constraints, "critical,CA:TRUE") &&
                     X509_sign(x509, key, EVP_sha256()) != 0;
  return whole ? std::move(certificate) : nullptr;
}

std::string text_of(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return size > 0 ? std::string(data, static_cast<size_t>(size)) : std::string();
}

Result<> make_files(const std::string& certificate_file, const std::string& key_file) {
  const KeyPtr key(EVP_EC_gen("P-256"));
  const CertificatePtr certificate = key ? make_certificate(key.get()) : nullptr;
  const BioPtr key_text(BIO_new(BIO_s_mem()));
  const BioPtr certificate_text(BIO_new(BIO_s_mem()));
  if (!certificate || !key_text || !certificate_text ||
      PEM_write_bio_PrivateKey(key_text.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr) != 1 ||
      PEM_write_bio_X509(certificate_text.get(), certificate.get()) != 1)
    return fail("cannot make a certificate: " + openssl_error());
  // The key first: whoever sees the certificate can rely on both.
  if (auto written = write_file_atomically(key_file, text_of(key_text.get()), kKeyMode); !written) return written;
  return write_file_atomically(certificate_file, text_of(certificate_text.get()), kCertificateMode);
}

template <class Call>
Result<int> drive(SSL* ssl, int fd, const WaitLimit& limit, Call call) {
  for (;;) {
    ERR_clear_error();
    const int outcome = call();
    if (outcome > 0) return outcome;
    const int want = SSL_get_error(ssl, outcome);
    if (want == SSL_ERROR_ZERO_RETURN) return 0;
    if (want != SSL_ERROR_WANT_READ && want != SSL_ERROR_WANT_WRITE) return fail(openssl_error());
    const short events = want == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT;
    if (auto waited = wait_for(fd, events, limit); !waited) return tl::unexpected(waited.error());
  }
}

}  // namespace

struct TlsServer::Context {
  std::unique_ptr<SSL_CTX, Deleter<SSL_CTX_free>> ssl;
};

TlsServer::TlsServer() : context_(std::make_unique<Context>()) {}
TlsServer::~TlsServer() = default;

Result<> TlsServer::open(const std::string& certificate_file, const std::string& key_file,
                         DevManagerOptions::Tls version, const std::string& client_ca_file) {
  struct stat facts {};
  if (::stat(certificate_file.c_str(), &facts) != 0 && errno == ENOENT) {
    if (auto made = make_files(certificate_file, key_file); !made) return made;
  }
  context_->ssl.reset(SSL_CTX_new(TLS_server_method()));
  SSL_CTX* context = context_->ssl.get();
  if (context == nullptr) return fail("cannot set up TLS: " + openssl_error());
  const bool only13 = version == DevManagerOptions::Tls::k13;
  SSL_CTX_set_min_proto_version(context, only13 ? TLS1_3_VERSION : TLS1_2_VERSION);
  if (version == DevManagerOptions::Tls::k12) SSL_CTX_set_max_proto_version(context, TLS1_2_VERSION);
  if (!client_ca_file.empty()) {
    if (SSL_CTX_load_verify_locations(context, client_ca_file.c_str(), nullptr) != 1)
      return fail("cannot read the certificate authority in " + client_ca_file + ": " + openssl_error(), Fault::kUser);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  }
  if (SSL_CTX_use_certificate_file(context, certificate_file.c_str(), SSL_FILETYPE_PEM) != 1 ||
      SSL_CTX_use_PrivateKey_file(context, key_file.c_str(), SSL_FILETYPE_PEM) != 1 ||
      SSL_CTX_check_private_key(context) != 1)
    return fail("cannot use " + certificate_file + " and " + key_file + ": " + openssl_error() +
                "; remove both to get new ones");
  return {};
}

Result<> TlsServer::serve(int fd, const std::function<std::string(std::string_view)>& answer, const WaitLimit& limit) {
  const SslPtr ssl(SSL_new(context_->ssl.get()));
  if (ssl == nullptr || SSL_set_fd(ssl.get(), fd) != 1) return fail("cannot set up TLS: " + openssl_error());
  SSL* tls = ssl.get();
  const auto accepted = drive(tls, fd, limit, [tls] { return SSL_accept(tls); });
  if (!accepted) return tl::unexpected(accepted.error());
  std::string line;
  std::array<char, 4096> chunk{};
  while (line.find('\n') == std::string::npos) {
    const auto got = drive(tls, fd, limit, [&] { return SSL_read(tls, chunk.data(), static_cast<int>(chunk.size())); });
    if (!got) return tl::unexpected(got.error());
    if (*got == 0) return fail("closed without a whole line");
    line.append(chunk.data(), static_cast<size_t>(*got));
    if (line.size() > kLineBytesMax) return fail("the request is too long");
  }
  line.resize(line.find('\n'));
  const std::string text = answer(line);
  const auto wrote = drive(tls, fd, limit, [&] { return SSL_write(tls, text.data(), static_cast<int>(text.size())); });
  if (!wrote) return tl::unexpected(wrote.error());
  SSL_shutdown(tls);
  return {};
}

}  // namespace tiercel::wazuh
