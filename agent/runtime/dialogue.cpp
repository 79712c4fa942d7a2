#include "agent/runtime/dialogue.h"

#include <algorithm>

namespace tiercel::runtime {

tl::expected<http::Response, http::Failure> Dialogue::send(http::Request request) const {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline_ - std::chrono::steady_clock::now()).count();
  request.unix_socket = socket_;
  request.timeout_ms = static_cast<int>(std::max<decltype(left)>(left, 0));
  request.body_size_max = answer_size_max_;
  return client_.send(request);
}

Outcome outcome_of(const http::Failure& failure) {
  return failure.kind == http::Failure::Kind::kTimeout ? Outcome::kHung : Outcome::kFailed;
}

}  // namespace tiercel::runtime
