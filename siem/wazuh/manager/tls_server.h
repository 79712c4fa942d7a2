// TlsServer: the dev-manager's side of TLS: a self-signed certificate, made at the first start, and one request line
// with its answer over an accepted connection. The manager's only door to OpenSSL besides ../crypto.cpp.
//
// One thread. Errors say what is wrong with the files.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "agent/base/result.h"
#include "siem/wazuh/manager/dev_manager.h"
#include "siem/wazuh/tcp.h"

namespace tiercel::wazuh {

class TlsServer {
 public:
  TlsServer();
  ~TlsServer();
  TlsServer(const TlsServer&) = delete;
  TlsServer& operator=(const TlsServer&) = delete;

  // PEM files. Both are made when the certificate is absent: for 127.0.0.1, ::1 and localhost, ten years. With a
  // client_ca_file, clients must show a certificate that comes from it.
  Result<> open(const std::string& certificate_file, const std::string& key_file,
                DevManagerOptions::Tls version = DevManagerOptions::Tls::kAny, const std::string& client_ca_file = {});

  // Handshake, one line up to its newline, the answer, TLS close. The line comes without its newline.
  Result<> serve(int fd, const std::function<std::string(std::string_view line)>& answer, const WaitLimit& limit);

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

}  // namespace tiercel::wazuh
