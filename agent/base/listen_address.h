// ListenAddress: where a server listens, as configuration files say it: "127.0.0.1:9376", "[::1]:9376" or
// "unix:/run/tiercel/metrics.sock". Numbers only: what a name stands for may change, and with it who may connect.
// Any thread.
#pragma once

#include <cstdint>
#include <string>

#include "agent/base/fd.h"
#include "agent/base/result.h"

namespace tiercel {

struct ListenAddress {
  std::string text = {};  // as it was written
  std::string host = {};  // a number; empty: a Unix socket
  std::string path = {};  // of a Unix socket
  uint16_t port = 0;
  bool loopback = false;  // nobody but this host (or network namespace) can connect

  // Fault::kUser, and what is wrong.
  static Result<ListenAddress> parse(const std::string& text);
  // A socket that listens, closed on exec, not blocking. A Unix socket's file gets mode 0660; one that nobody listens
  // on any more is replaced. Errors say what is in the way.
  [[nodiscard]] Result<Fd> listen(int backlog) const;
};

}  // namespace tiercel
