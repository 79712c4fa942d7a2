// gRPC, as far as one unary call goes: no streams, no compression. frame and unframe are pure; call blocks, on a lane's
// thread. Protocol: grpc/doc/PROTOCOL-HTTP2.md.
#pragma once

#include <string>
#include <string_view>

#include "agent/base/result.h"
#include "agent/runtime/dialogue.h"

namespace tiercel::runtime::grpc {

// Of grpc/doc/statuscodes.md, those that mean something here.
enum Status : int { kOk = 0, kNotFound = 5, kUnimplemented = 12 };

struct Reply {
  int status = kOk;
  std::string message;  // protobuf; empty unless kOk
};

// `method` is "package.Service/Method". An error: no reply that can be believed.
[[nodiscard]] tl::expected<Reply, http::Failure> call(const Dialogue& dialogue, std::string_view method,
                                                      http::Headers headers, std::string_view message);

[[nodiscard]] std::string frame(std::string_view message);
// Exactly one message, not compressed; a view of the body.
[[nodiscard]] Result<std::string_view> unframe(std::string_view body);
// What an HTTP answer says: the status is a trailer, or a header if there is no message.
[[nodiscard]] Result<Reply> read_reply(const http::Response& response);

}  // namespace tiercel::runtime::grpc
