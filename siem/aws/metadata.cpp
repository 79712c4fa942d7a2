#include "siem/aws/metadata.h"

#include <algorithm>

namespace tiercel::aws {
namespace {

constexpr int kTimeoutMs = 2'000;
constexpr uint64_t kTokenS = 21'600;
constexpr size_t kAnswerSizeMax = 64u << 10;

http::Request request_to(std::string url) {
  http::Request request;
  request.url = std::move(url);
  request.timeout_ms = kTimeoutMs;
  request.body_size_max = kAnswerSizeMax;
  request.direct = true;
  return request;
}

// It becomes part of a URL. IAM's own rule for a role's name.
bool is_role(std::string_view name) {
  return !name.empty() && name.size() <= 64 && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("+=,.@_-").find(c) != std::string_view::npos;
  });
}

bool is_token(std::string_view text) {
  return !text.empty() && text.size() <= 1024 &&
         std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < '\x7f'; });
}

}  // namespace

Metadata::Metadata(Environment environment, Ask ask, const Clock& clock)
    : environment_(std::move(environment)), ask_(std::move(ask)), clock_(clock) {
  endpoint_ = environment_("AWS_EC2_METADATA_SERVICE_ENDPOINT");
  const std::string mode = environment_("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE");
  if (endpoint_.empty())
    endpoint_ = mode == "IPv6" || mode == "ipv6" ? "http://[fd00:ec2::254]" : "http://169.254.169.254";
  while (endpoint_.ends_with('/')) endpoint_.pop_back();
}

bool Metadata::disabled() const {
  const std::string word = environment_("AWS_EC2_METADATA_DISABLED");
  return word == "true" || word == "True" || word == "TRUE";
}

Result<> Metadata::renew_token() {
  http::Request request = request_to(endpoint_ + "/latest/api/token");
  request.method = "PUT";
  request.headers = {{"x-aws-ec2-metadata-token-ttl-seconds", std::to_string(kTokenS)}};
  const auto response = ask_(request);
  if (!response) return fail(response.error().message);
  if (response->status != 200 || !is_token(response->body))
    return fail(request.url + " gives no token (HTTP " + std::to_string(response->status) + ")");
  token_ = response->body;
  token_until_ns_ = clock_.monotonic_ns() + (kTokenS - 60) * 1'000'000'000;
  return {};
}

Result<std::string> Metadata::get(const std::string& path, const std::string& absent) {
  if (disabled()) return fail("AWS_EC2_METADATA_DISABLED is true");
  for (int attempt = 0; attempt < 2; ++attempt) {
    if (token_.empty() || clock_.monotonic_ns() >= token_until_ns_)
      if (auto renewed = renew_token(); !renewed) return fail(renewed.error().message);
    http::Request request = request_to(endpoint_ + path);
    request.headers = {{"x-aws-ec2-metadata-token", token_}};
    auto response = ask_(request);
    if (!response) return fail(response.error().message);
    if (response->status == 200) return std::move(response->body);
    if (response->status == 404 && !absent.empty()) return fail(absent);
    token_.clear();
    if (response->status != 401) return fail(request.url + " answers HTTP " + std::to_string(response->status));
  }
  return fail(endpoint_ + path + " does not take its own token (HTTP 401)");
}

Result<Credentials> Metadata::credentials() {
  const std::string path = "/latest/meta-data/iam/security-credentials/";
  const std::string none = "the instance has no role (an instance profile gives it one)";
  auto names = get(path, none);
  if (!names) return fail(names.error().message);
  const std::string role = names->substr(0, names->find_first_of("\r\n"));
  if (!is_role(role)) return fail(none);
  const auto body = get(path + role);
  if (!body) return fail(body.error().message);
  auto credentials = read_json_credentials(*body);
  if (credentials) credentials->source = "instance metadata";
  return credentials;
}

Result<Instance> Metadata::instance() {
  if (!asked_) {
    asked_ = true;
    const auto body = get("/latest/dynamic/instance-identity/document");
    auto instance = body ? read_instance(*body) : fail(body.error().message);
    if (instance)
      instance_ = *instance;
    else
      no_instance_ = instance.error().message;
  }
  if (!no_instance_.empty()) return fail(no_instance_);
  return instance_;
}

}  // namespace tiercel::aws
