#include "siem/aws/credentials.h"

#include <algorithm>
#include <array>

#include "agent/base/fd.h"
#include "agent/base/log.h"

namespace tiercel::aws {
namespace {

constexpr uint64_t kSecondNs = 1'000'000'000;
constexpr uint64_t kEarlyNs = 300 * kSecondNs;
constexpr uint64_t kQuietNs = 30 * kSecondNs;
constexpr size_t kTokenFileSizeMax = 64u << 10;
constexpr int kTimeoutMs = 10'000;
constexpr int kContainerTimeoutMs = 2'000;

std::string without_end(std::string text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r' || text.back() == ' ')) text.pop_back();
  return text;
}

bool is_line(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c < '\x7f'; });
}

// "http://HOST..." -> HOST, with the brackets of an IPv6 address; "" for what has a user or no host.
std::string host_of(std::string_view url) {
  const size_t begin = url.find("://");
  if (begin == std::string_view::npos) return {};
  std::string_view host = url.substr(begin + 3);
  host = host.substr(0, std::min(host.find_first_of("/?#"), host.size()));
  if (host.find('@') != std::string_view::npos || host.find('\\') != std::string_view::npos) return {};
  if (host.starts_with('[')) return std::string(host.substr(0, std::min(host.find(']'), host.size() - 1) + 1));
  return std::string(host.substr(0, std::min(host.find(':'), host.size())));
}

bool is_loopback(std::string_view host) {
  return host == "localhost" || host == "[::1]" ||
         (host.starts_with("127.") && host.find_first_not_of("0123456789.") == std::string_view::npos);
}

Error unusable(const std::string& source) {
  return {source + " are no usable AWS keys"};
}

}  // namespace

bool is_container_endpoint(const std::string& url) {
  const std::string host = host_of(url);
  if (url.starts_with("https://")) return !host.empty();
  return url.starts_with("http://") &&
         (is_loopback(host) || host == "169.254.170.2" || host == "169.254.170.23" || host == "[fd00:ec2::23]");
}

Result<std::string> find_region(const std::string& configured, const std::string& profile,
                                const Environment& environment, Metadata& metadata) {
  std::string region = configured;
  if (region.empty()) region = environment("AWS_REGION");
  if (region.empty()) region = environment("AWS_DEFAULT_REGION");
  if (region.empty())
    if (const auto shared = read_profile(environment, profile); shared) region = shared->at("region");
  if (region.empty())
    if (const auto instance = metadata.instance(); instance) region = instance->region;
  if (region.empty())
    return fail("no AWS region: set `region` of the output, or AWS_REGION (this host tells none of itself)",
                Fault::kUser);
  if (!is_region(region)) return fail("\"" + region.substr(0, 64) + "\" is no AWS region", Fault::kUser);
  return region;
}

CredentialChain::CredentialChain(std::string profile, Environment environment, Ask ask, Metadata& metadata,
                                 const Clock& clock)
    : profile_(std::move(profile)),
      environment_(std::move(environment)),
      ask_(std::move(ask)),
      metadata_(metadata),
      clock_(clock) {}

Result<const Credentials*> CredentialChain::get(const std::string& region) {
  const uint64_t now_ns = clock_.realtime_ns();
  const bool have = !credentials_.key_id.empty();
  const bool ended = have && credentials_.expires_ns != 0 && credentials_.expires_ns <= now_ns;
  const bool ends = have && credentials_.expires_ns != 0 && credentials_.expires_ns <= now_ns + kEarlyNs;
  if (have && !renew_ && !ends) return &credentials_;
  if (have && !renew_ && !ended && clock_.monotonic_ns() < quiet_until_ns_) return &credentials_;
  auto found = look(region);
  if (found) {
    if (credentials_.source != found->source) log::info("Security Hub: AWS credentials from {}", found->source);
    credentials_ = std::move(*found);
    renew_ = false;
    return &credentials_;
  }
  quiet_until_ns_ = clock_.monotonic_ns() + kQuietNs;
  if (have && !renew_ && !ended) {
    log::warning("Security Hub: AWS credentials were not renewed, the old ones still serve: {}", found.error().message);
    return &credentials_;
  }
  return fail(found.error().message, Fault::kUser);
}

Result<Credentials> CredentialChain::look(const std::string& region) {
  tried_.clear();
  if (profile_.empty())
    if (Found found = from_environment(); !found || *found) return found.map([](auto&& c) { return *c; });
  if (Found found = from_profile(region); !found || *found) return found.map([](auto&& c) { return *c; });
  if (Found found = from_web_identity(region); !found || *found) return found.map([](auto&& c) { return *c; });
  if (Found found = from_container(); !found || *found) return found.map([](auto&& c) { return *c; });
  auto credentials = metadata_.credentials();
  if (credentials) return credentials;
  return fail("no AWS credentials: " + tried_ + "instance metadata: " + credentials.error().message +
              ". Give this host or pod a role, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY for the agent");
}

CredentialChain::Found CredentialChain::from_environment() {
  Credentials credentials{environment_("AWS_ACCESS_KEY_ID"), environment_("AWS_SECRET_ACCESS_KEY"),
                          environment_("AWS_SESSION_TOKEN"), 0, "the environment"};
  if (credentials.key_id.empty() || credentials.secret.empty()) {
    tried_ += "the environment: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not both set; ";
    return std::nullopt;
  }
  if (!is_usable(credentials))
    return tl::unexpected<Error>(unusable("AWS_ACCESS_KEY_ID, ..._SECRET_... and ..._TOKEN"));
  return credentials;
}

CredentialChain::Found CredentialChain::from_profile(const std::string& region) {
  auto profile = read_profile(environment_, profile_);
  if (!profile) return fail("the shared files: " + profile.error().message);
  const std::string name = "profile " + profile->name;
  Credentials credentials{profile->at("aws_access_key_id"), profile->at("aws_secret_access_key"),
                          profile->at("aws_session_token"), 0, name};
  const std::string role = profile->at("role_arn"), token_file = profile->at("web_identity_token_file");
  if (!role.empty() && !token_file.empty()) {
    auto assumed = assume_with_token(role, token_file, profile->at("role_session_name"), region);
    if (!assumed) return fail(name + ": " + assumed.error().message);
    assumed->source = name;
    return *assumed;
  }
  for (const char* key : {"source_profile", "credential_source", "credential_process", "sso_session", "sso_start_url"})
    if (!profile->at(key).empty())
      return fail(name + " has " + key +
                  ", which the agent does not follow: give it keys, a web identity or a role of " +
                  "its host (role_arn with web_identity_token_file works)");
  if (credentials.key_id.empty() || credentials.secret.empty()) {
    if (!profile_.empty() || !environment_("AWS_PROFILE").empty())
      return fail(name + " has no aws_access_key_id and aws_secret_access_key (" + profile->files + ")");
    tried_ += name + ": no keys in " + profile->files + "; ";
    return std::nullopt;
  }
  if (!is_usable(credentials)) return tl::unexpected<Error>(unusable("the keys of " + name));
  return credentials;
}

CredentialChain::Found CredentialChain::from_web_identity(const std::string& region) {
  const std::string role = environment_("AWS_ROLE_ARN"), file = environment_("AWS_WEB_IDENTITY_TOKEN_FILE");
  if (role.empty() || file.empty()) {
    tried_ += "web identity: AWS_ROLE_ARN and AWS_WEB_IDENTITY_TOKEN_FILE are not both set; ";
    return std::nullopt;
  }
  auto credentials = assume_with_token(role, file, environment_("AWS_ROLE_SESSION_NAME"), region);
  if (!credentials) return fail("web identity: " + credentials.error().message);
  credentials->source = "web identity";
  return *credentials;
}

Result<Credentials> CredentialChain::assume_with_token(const std::string& role, const std::string& token_file,
                                                       const std::string& session, const std::string& region) {
  const auto token = read_file(token_file, kTokenFileSizeMax);  // anew each time: it is exchanged while we run
  if (!token) return fail(token.error().message);
  http::Request request;
  request.method = "POST";
  request.url = endpoint_of(environment_, "sts", region) + "/";
  request.timeout_ms = kTimeoutMs;
  request.headers = {{"content-type", "application/x-www-form-urlencoded"}};
  request.body_size_max = 64u << 10;
  request.body = "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn=" + form_escaped(role) +
                 "&RoleSessionName=" + form_escaped(session.empty() ? "tiercel" : session) +
                 "&WebIdentityToken=" + form_escaped(without_end(*token));
  const auto response = ask_(request);
  if (!response) return fail(response.error().message);
  if (response->status == 200) return read_sts_credentials(response->body);
  const ServiceError error = read_error(*response);
  return fail(request.url + " does not give " + role + " for the token of " + token_file + ": HTTP " +
              std::to_string(response->status) + " " + error.code + ". The role's trust policy must name the pod's " +
              "service account");
}

CredentialChain::Found CredentialChain::from_container() {
  const std::string relative = environment_("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
  std::string url = environment_("AWS_CONTAINER_CREDENTIALS_FULL_URI");
  if (!relative.empty()) url = "http://169.254.170.2" + relative;
  if (url.empty()) {
    tried_ += "the container's endpoint: AWS_CONTAINER_CREDENTIALS_RELATIVE_URI and _FULL_URI are not set; ";
    return std::nullopt;
  }
  if (!is_container_endpoint(url))
    return fail(
        "the container's endpoint: AWS_CONTAINER_CREDENTIALS_FULL_URI must be https, or http to this host, "
        "169.254.170.2, 169.254.170.23 or [fd00:ec2::23]");
  http::Request request;
  request.url = url;
  request.timeout_ms = kContainerTimeoutMs;
  request.direct = true;
  std::string token = environment_("AWS_CONTAINER_AUTHORIZATION_TOKEN");
  if (const std::string file = environment_("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"); !file.empty()) {
    auto text = read_file(file, kTokenFileSizeMax);
    if (!text) return fail("the container's endpoint: " + text.error().message);
    token = without_end(*text);
    if (!is_line(token)) return fail("the container's endpoint: " + file + " holds no token of one line");
  }
  if (!token.empty()) request.headers.emplace_back("authorization", token);
  const auto response = ask_(request);
  if (!response) return fail("the container's endpoint: " + response.error().message);
  if (response->status != 200)
    return fail("the container's endpoint answers HTTP " + std::to_string(response->status) + " " +
                read_error(*response).code);
  auto credentials = read_json_credentials(response->body);
  if (!credentials) return fail("the container's endpoint: " + credentials.error().message);
  credentials->source = "the container's endpoint";
  return *credentials;
}

}  // namespace tiercel::aws
