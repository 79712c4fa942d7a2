#include "agent/runtime/grpc.h"

#include <charconv>

namespace tiercel::runtime::grpc {
namespace {

constexpr size_t kPrefixSize = 5;  // a byte that says whether it is compressed, four of length
constexpr int kStatusMax = 16;

}  // namespace

std::string frame(std::string_view message) {
  std::string out(1, '\0');
  for (int shift = 24; shift >= 0; shift -= 8) out.push_back(static_cast<char>(message.size() >> shift));
  return out.append(message);
}

Result<std::string_view> unframe(std::string_view body) {
  if (body.size() < kPrefixSize) return fail("an answer has no gRPC message");
  if (body[0] != 0) return fail("an answer's gRPC message is compressed, which was not asked for");
  uint32_t size = 0;
  for (size_t i = 1; i < kPrefixSize; ++i) size = size << 8 | static_cast<uint8_t>(body[i]);
  body.remove_prefix(kPrefixSize);
  if (size != body.size()) return fail("an answer's gRPC message is not as long as it says");
  return body;
}

Result<Reply> read_reply(const http::Response& response) {
  if (response.status != 200) return fail("an answer to gRPC has HTTP status " + std::to_string(response.status));
  const std::string* type = http::find(response.headers, "content-type");
  if (type == nullptr || !type->starts_with("application/grpc")) return fail("an answer is not gRPC");
  const std::string* text = http::find(response.trailers, "grpc-status");
  if (text == nullptr && response.body.empty()) text = http::find(response.headers, "grpc-status");
  if (text == nullptr) return fail("an answer has no gRPC status");
  Reply reply;
  const auto [end, code] = std::from_chars(text->data(), text->data() + text->size(), reply.status);
  if (code != std::errc() || end != text->data() + text->size() || reply.status < 0 || reply.status > kStatusMax)
    return fail("an answer's gRPC status is no number");
  if (reply.status != kOk) return reply;
  auto message = unframe(response.body);
  if (!message) return tl::unexpected<Error>(message.error());
  reply.message = *message;
  return reply;
}

tl::expected<Reply, http::Failure> call(const Dialogue& dialogue, std::string_view method, http::Headers headers,
                                        std::string_view message) {
  http::Request request;
  request.method = "POST";
  request.url = "http://localhost/" + std::string(method);
  request.headers = std::move(headers);
  request.headers.emplace_back("content-type", "application/grpc");
  request.headers.emplace_back("te", "trailers");
  request.body = frame(message);
  request.http2_prior_knowledge = true;
  const auto response = dialogue.send(std::move(request));
  if (!response) return tl::unexpected<http::Failure>(response.error());
  auto reply = read_reply(*response);
  if (reply) return std::move(*reply);
  http::Failure failure;
  failure.message = reply.error().message;
  return tl::unexpected<http::Failure>(std::move(failure));
}

}  // namespace tiercel::runtime::grpc
