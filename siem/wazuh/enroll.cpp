#include "siem/wazuh/enroll.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <pthread.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <ctime>
#include <memory>
#include <utility>

namespace tiercel::wazuh {
namespace {

constexpr size_t kAnswerBytesMax = 8 * 1024;
constexpr size_t kLineBytesMax = 65'536 + 4'096;
constexpr size_t kGroupsMax = 128;
constexpr size_t kGroupBytesMax = 255;

struct ContextDeleter {
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
};
struct SslDeleter {
  void operator()(SSL* ssl) const { SSL_free(ssl); }
};
using ContextPtr = std::unique_ptr<SSL_CTX, ContextDeleter>;
using SslPtr = std::unique_ptr<SSL, SslDeleter>;

// OpenSSL writes with write(), so a peer that closes early raises SIGPIPE: hold it back here and take it away.
class NoSigpipe {
 public:
  NoSigpipe() {
    sigset_t pending;
    ::sigemptyset(&set_);
    ::sigaddset(&set_, SIGPIPE);
    ::sigpending(&pending);
    pending_before_ = ::sigismember(&pending, SIGPIPE) == 1;
    ::pthread_sigmask(SIG_BLOCK, &set_, &before_);
  }
  ~NoSigpipe() {
    const timespec now{};
    if (!pending_before_) ::sigtimedwait(&set_, nullptr, &now);
    ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }
  NoSigpipe(const NoSigpipe&) = delete;
  NoSigpipe& operator=(const NoSigpipe&) = delete;

 private:
  sigset_t set_{};
  sigset_t before_{};
  bool pending_before_ = false;
};

std::string openssl_error() {
  std::array<char, 256> text{};
  const unsigned long code = ERR_get_error();
  ERR_clear_error();
  if (code == 0) return "the connection was closed";
  ERR_error_string_n(code, text.data(), text.size());
  const char* reason = ERR_reason_error_string(code);
  return reason != nullptr ? reason : text.data();
}

bool is_numeric_address(const std::string& host) {
  std::array<unsigned char, sizeof(in6_addr)> bytes{};
  return ::inet_pton(AF_INET, host.c_str(), bytes.data()) == 1 ||
         ::inet_pton(AF_INET6, host.c_str(), bytes.data()) == 1;
}

Result<> show_certificate(SSL_CTX* context, const EnrolServer& server) {
  if (server.client_certificate.empty()) return {};
  const std::string& key = server.client_key.empty() ? server.client_certificate : server.client_key;
  if (SSL_CTX_use_certificate_chain_file(context, server.client_certificate.c_str()) != 1)
    return fail("cannot use the client certificate in " + server.client_certificate + ": " + openssl_error() +
                    "; it must be a PEM file",
                Fault::kUser);
  if (SSL_CTX_use_PrivateKey_file(context, key.c_str(), SSL_FILETYPE_PEM) != 1)
    return fail("cannot use the client key in " + key + ": " + openssl_error() +
                    "; it must be a PEM file without a password, and that certificate's",
                Fault::kUser);
  return {};
}

// Called when the manager asks for a certificate; what we have is set already.
int note_certificate_asked(SSL*, void* asked) {
  *static_cast<bool*>(asked) = true;
  return 1;
}

// A manager with ssl_agent_ca that is not content ends the connection, over TLS 1.3 only after the handshake, and its
// reason may be lost with it.
std::string certificate_advice(const EnrolServer& server, bool asked) {
  if (!asked) return {};
  return server.client_certificate.empty()
             ? "; the manager asks for a client certificate: give client_certificate and client_key"
             : "; does the manager take the client certificate in " + server.client_certificate + '?';
}

Result<ContextPtr> make_context(const EnrolServer& server) {
  ContextPtr context(SSL_CTX_new(TLS_client_method()));
  if (context == nullptr) return fail("cannot set up TLS: " + openssl_error());
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  // The manager ends without a close_notify now and then; the answer's own form says whether it is whole.
  SSL_CTX_set_options(context.get(), SSL_OP_IGNORE_UNEXPECTED_EOF);
  if (auto shown = show_certificate(context.get(), server); !shown) return tl::unexpected(shown.error());
  if (server.ca_file.empty()) return context;
  if (SSL_CTX_load_verify_locations(context.get(), server.ca_file.c_str(), nullptr) != 1)
    return fail("cannot read the certificate authority in " + server.ca_file + ": " + openssl_error() +
                    "; it must be a PEM file with at least one certificate",
                Fault::kUser);
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
  return context;
}

Result<SslPtr> make_connection(SSL_CTX* context, const EnrolServer& server, int fd, bool& certificate_asked) {
  SslPtr ssl(SSL_new(context));
  if (ssl == nullptr || SSL_set_fd(ssl.get(), fd) != 1) return fail("cannot set up TLS: " + openssl_error());
  SSL_set_cert_cb(ssl.get(), note_certificate_asked, &certificate_asked);
  const bool numeric = is_numeric_address(server.host);
  if (!numeric) SSL_set_tlsext_host_name(ssl.get(), server.host.c_str());
  if (!server.ca_file.empty()) {
    X509_VERIFY_PARAM* param = SSL_get0_param(ssl.get());
    const int set = numeric ? X509_VERIFY_PARAM_set1_ip_asc(param, server.host.c_str())
                            : X509_VERIFY_PARAM_set1_host(param, server.host.c_str(), 0);
    if (set != 1) return fail("cannot check a certificate for the host " + server.host, Fault::kUser);
  }
  return ssl;
}

// Runs one TLS call to its end. The call returns what SSL_connect, SSL_read and SSL_write do.
template <class Call>
Result<int> drive(SSL* ssl, int fd, const WaitLimit& limit, Call call) {
  for (;;) {
    ERR_clear_error();
    const int outcome = call();
    if (outcome > 0) return outcome;
    switch (SSL_get_error(ssl, outcome)) {
      case SSL_ERROR_WANT_READ:
        if (auto waited = wait_for(fd, POLLIN, limit); !waited) return tl::unexpected(waited.error());
        break;
      case SSL_ERROR_WANT_WRITE:
        if (auto waited = wait_for(fd, POLLOUT, limit); !waited) return tl::unexpected(waited.error());
        break;
      case SSL_ERROR_ZERO_RETURN:
        return 0;
      default:
        return fail(openssl_error());
    }
  }
}

Result<> handshake(SSL* ssl, int fd, const EnrolServer& server, const bool& certificate_asked, const WaitLimit& limit) {
  const Result<int> connected = drive(ssl, fd, limit, [ssl] { return SSL_connect(ssl); });
  if (connected && *connected > 0) return {};
  const std::string where = host_and_port(server.host, server.port);
  if (const long verdict = SSL_get_verify_result(ssl); verdict != X509_V_OK && !server.ca_file.empty())
    return fail("the certificate of the manager " + where + " is not good by " + server.ca_file + ": " +
                    X509_verify_cert_error_string(verdict) +
                    "; give the right ca_file, or a host that the certificate names",
                Fault::kUser);
  const std::string why = connected ? "the connection was closed" : connected.error().message;
  const std::string advice = certificate_advice(server, certificate_asked);
  return fail("no TLS with " + where + ": " + why +
              (advice.empty() ? "; is that the enrolment port of a manager?" : advice));
}

Result<std::string> exchange(SSL* ssl, int fd, const std::string& line, const WaitLimit& limit) {
  // One write of the whole line: a manager that gets it in parts may take the first for all.
  const auto wrote = drive(ssl, fd, limit, [&] { return SSL_write(ssl, line.data(), static_cast<int>(line.size())); });
  if (!wrote) return tl::unexpected(wrote.error());
  std::string answer;
  std::array<char, 2048> chunk{};
  while (answer.size() < kAnswerBytesMax) {
    const auto got = drive(ssl, fd, limit, [&] { return SSL_read(ssl, chunk.data(), static_cast<int>(chunk.size())); });
    if (!got) {
      if (answer.empty()) return tl::unexpected(got.error());
      break;
    }
    if (*got == 0) break;
    answer.append(chunk.data(), static_cast<size_t>(*got));
  }
  return answer;
}

bool has_any_of(std::string_view text, std::string_view forbidden) {
  return text.find_first_of(forbidden) != std::string_view::npos;
}

}  // namespace

Result<std::string> enrol_line(const EnrolRequest& request) {
  using std::string_view_literals::operator""sv;
  if (!valid_agent_name(request.agent_name))
    return fail(
        "'" + request.agent_name + "' is no name for an agent: 2 to 128 of A-Z a-z 0-9 . _ -, not beginning with a dot",
        Fault::kUser);
  std::string line;
  if (!request.password.empty()) {
    if (has_any_of(request.password, "\n\r\0"sv)) return fail("the enrolment password must be one line", Fault::kUser);
    line += "OSSEC PASS: " + request.password + ' ';
  }
  line += "OSSEC A:'" + request.agent_name + '\'';
  if (!request.version.empty()) line += " V:'" + request.version + '\'';
  if (!request.groups.empty()) {
    if (request.groups.size() > kGroupsMax) return fail("more than 128 groups to enrol into", Fault::kUser);
    std::string groups;
    for (const std::string& group : request.groups) {
      if (group.empty() || group.size() > kGroupBytesMax || has_any_of(group, "'\n\r\0\\/:*?\"<>|, "sv))
        return fail("'" + group + "' is no name for a group of agents", Fault::kUser);
      groups += (groups.empty() ? "" : ",") + group;
    }
    line += " G:'" + groups + '\'';
  }
  if (!request.ip.empty()) {
    if (has_any_of(request.ip, "' \n\r\0"sv))
      return fail("'" + request.ip + "' is no address to enrol with", Fault::kUser);
    line += " IP:'" + request.ip + '\'';
  }
  if (!request.old_key_hash.empty()) line += " K:'" + request.old_key_hash + '\'';
  line += '\n';
  if (line.size() > kLineBytesMax) return fail("the enrolment request is too long: use fewer groups", Fault::kUser);
  return line;
}

Result<EnrolAnswer> parse_enrol_answer(std::string_view answer, bool had_old_key) {
  constexpr std::string_view kKey = "OSSEC K:'";
  constexpr std::string_view kError = "ERROR: ";
  constexpr std::string_view kErrorEnd = ". Unable to add agent";
  while (answer.ends_with('\n') || answer.ends_with('\0')) answer.remove_suffix(1);
  EnrolAnswer parsed;
  if (answer.starts_with(kKey) && answer.ends_with('\'') && answer.size() > kKey.size()) {
    auto key = parse_key_line(answer.substr(kKey.size(), answer.size() - kKey.size() - 1));
    if (!key) return fail("the manager's answer to the enrolment holds a key that is none");
    parsed.key = std::move(*key);
    return parsed;
  }
  if (answer.starts_with(kError)) {
    std::string_view text = answer.substr(kError.size());
    if (text.ends_with(kErrorEnd)) text.remove_suffix(kErrorEnd.size());
    parsed.refusal = text.substr(0, 512);
    std::replace_if(
        parsed.refusal.begin(), parsed.refusal.end(), [](char c) { return c < ' ' || c > '~'; }, '?');
    parsed.may_be_good = had_old_key && parsed.refusal.starts_with("Duplicate agent name");
    return parsed;
  }
  if (answer.empty()) return fail("the manager closed the enrolment without an answer");
  return fail("the manager's answer to the enrolment is neither a key nor an error: is that the enrolment port?");
}

std::string advice_for(std::string_view refusal) {
  if (refusal.starts_with("Invalid password")) return "give the manager's enrolment password (etc/authd.pass there)";
  if (refusal.starts_with("Invalid request")) return "the manager may need no password: leave it away";
  if (refusal.starts_with("Duplicate agent name"))
    return "remove the old agent on the manager, allow <force> there (it waits for an hour after the enrolment and the "
           "end of the last connection), or choose another agent name";
  if (refusal.starts_with("Duplicate IP")) return "remove the old agent with this address on the manager";
  if (refusal.starts_with("Invalid group")) return "create the group on the manager first, or leave it away";
  if (refusal.starts_with("Agent version"))
    return "the manager is older: wazuh.version must be its version, or be left away";
  if (refusal.starts_with("Invalid agent name")) return "choose another agent name; the manager's own is not allowed";
  return {};
}

Result<EnrolAnswer> enrol(const EnrolServer& server, const EnrolRequest& request, const WaitLimit& limit) {
  const Result<std::string> line = enrol_line(request);
  if (!line) return tl::unexpected(line.error());
  const NoSigpipe no_sigpipe;
  const Result<ContextPtr> context = make_context(server);
  if (!context) return tl::unexpected(context.error());
  const Result<Fd> fd = connect_tcp(server.host, server.port, limit);
  if (!fd) return tl::unexpected(fd.error());
  bool certificate_asked = false;
  const Result<SslPtr> ssl = make_connection(context->get(), server, fd->get(), certificate_asked);
  if (!ssl) return tl::unexpected(ssl.error());
  if (auto shaken = handshake(ssl->get(), fd->get(), server, certificate_asked, limit); !shaken)
    return tl::unexpected(shaken.error());
  const Result<std::string> answer = exchange(ssl->get(), fd->get(), *line, limit);
  if (!answer)
    return fail("no answer from the manager " + host_and_port(server.host, server.port) +
                " to the enrolment: " + answer.error().message + certificate_advice(server, certificate_asked));
  SSL_shutdown(ssl->get());
  return parse_enrol_answer(*answer, !request.old_key_hash.empty());
}

}  // namespace tiercel::wazuh
