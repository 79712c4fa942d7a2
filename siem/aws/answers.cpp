#include "siem/aws/answers.h"

#include <rapidjson/document.h>

#include <algorithm>
#include <array>

#include "siem/aws/endpoints.h"
#include "siem/aws/finding.h"

namespace tiercel::aws {
namespace {

using Json = rapidjson::Value;

constexpr size_t kMessageMax = 300;
constexpr size_t kFailuresMax = 1000;
constexpr size_t kElementSizeMax = 32u << 10;  // no credential is longer

bool parse_object(rapidjson::Document& document, std::string_view text) {
  document.Parse<rapidjson::kParseIterativeFlag>(text.data(), text.size());
  return !document.HasParseError() && document.IsObject();
}

std::string text_at(const Json& object, const char* key) {
  if (!object.IsObject()) return {};
  const auto member = object.FindMember(key);
  if (member == object.MemberEnd() || !member->value.IsString()) return {};
  return {member->value.GetString(), member->value.GetStringLength()};
}

int64_t number_at(const Json& object, const char* key) {
  const auto member = object.FindMember(key);
  return member == object.MemberEnd() || !member->value.IsInt64() ? -1 : member->value.GetInt64();
}

// What the first element of that name holds, as written; "" if there is none.
std::string_view inside(std::string_view xml, std::string_view name) {
  const std::string begin = "<" + std::string(name) + ">", end = "</" + std::string(name) + ">";
  const size_t at = xml.find(begin);
  if (at == std::string_view::npos) return {};
  xml.remove_prefix(at + begin.size());
  const size_t size = xml.find(end);
  return size == std::string_view::npos ? std::string_view() : xml.substr(0, size);
}

// Its text.
std::string element(std::string_view xml, std::string_view name) {
  std::string text(inside(xml, name).substr(0, kElementSizeMax));
  constexpr std::array<std::pair<std::string_view, char>, 5> kEntities = {
      {{"&lt;", '<'}, {"&gt;", '>'}, {"&quot;", '"'}, {"&apos;", '\''}, {"&amp;", '&'}}};
  for (const auto& [entity, sign] : kEntities)
    for (size_t i = text.find(entity); i != std::string::npos; i = text.find(entity, i + 1))
      text.replace(i, entity.size(), 1, sign);
  return text;
}

// A line for people: bounded, without control characters.
std::string words(std::string_view text) {
  std::string line = bounded(text, kMessageMax);
  for (char& c : line)
    if (static_cast<unsigned char>(c) < ' ' || c == '\x7f') c = ' ';
  return line;
}

bool printable(std::string_view text, size_t size_max) {
  return text.size() <= size_max && std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < '\x7f'; });
}

Result<Credentials> checked(Credentials credentials, const std::string& expiration) {
  if (!is_usable(credentials)) return fail("the answer holds no usable credentials");
  credentials.expires_ns = utc_ns(expiration);
  if (!expiration.empty() && credentials.expires_ns == 0) return fail("the credentials' expiration is no time");
  return credentials;
}

}  // namespace

bool is_usable(const Credentials& credentials) {
  return !credentials.key_id.empty() && !credentials.secret.empty() && printable(credentials.key_id, 128) &&
         printable(credentials.secret, 256) && printable(credentials.token, 16'384);
}

Result<Credentials> read_json_credentials(std::string_view body) {
  rapidjson::Document document;
  if (!parse_object(document, body)) return fail("the answer is no JSON object");
  const std::string code = text_at(document, "Code");
  if (!code.empty() && code != "Success")
    return fail(words("the answer says " + code + ": " + text_at(document, "Message")));
  return checked(
      {text_at(document, "AccessKeyId"), text_at(document, "SecretAccessKey"), text_at(document, "Token"), 0, {}},
      text_at(document, "Expiration"));
}

Result<Credentials> read_sts_credentials(std::string_view body) {
  const std::string_view credentials = inside(body, "Credentials");
  if (credentials.empty()) return fail("the answer holds no <Credentials>");
  return checked({element(credentials, "AccessKeyId"),
                  element(credentials, "SecretAccessKey"),
                  element(credentials, "SessionToken"),
                  0,
                  {}},
                 element(credentials, "Expiration"));
}

Result<std::string> read_caller_account(std::string_view body) {
  std::string account = element(body, "Account");
  if (!is_account(account)) return fail("the answer names no account");
  return account;
}

Result<Instance> read_instance(std::string_view body) {
  rapidjson::Document document;
  if (!parse_object(document, body)) return fail("the identity document is no JSON object");
  Instance instance{text_at(document, "accountId"),        text_at(document, "region"),
                    text_at(document, "availabilityZone"), text_at(document, "instanceId"),
                    text_at(document, "instanceType"),     text_at(document, "imageId")};
  if (!is_account(instance.account) || !is_region(instance.region))
    return fail("the identity document names no account and region");
  for (std::string* text : {&instance.zone, &instance.id, &instance.type, &instance.image})
    if (!printable(*text, 64)) text->clear();
  return instance;
}

ServiceError read_error(const http::Response& response) {
  ServiceError error;
  rapidjson::Document document;
  if (const std::string* type = http::find(response.headers, "x-amzn-errortype")) error.code = *type;
  if (parse_object(document, response.body)) {
    for (const char* key : {"__type", "code", "Code"})
      if (error.code.empty()) error.code = text_at(document, key);
    for (const char* key : {"message", "Message"})
      if (error.message.empty()) error.message = text_at(document, key);
  } else {
    if (error.code.empty()) error.code = element(response.body, "Code");
    error.message = element(response.body, "Message");
  }
  // "com.amazonaws.securityhub#ThrottlingException", "ThrottlingException:http://..."
  if (const size_t sign = error.code.rfind('#'); sign != std::string::npos) error.code.erase(0, sign + 1);
  error.code = words(error.code.substr(0, std::min(error.code.find(':'), kMessageMax)));
  error.message = words(error.message);
  return error;
}

bool is_throttling(std::string_view code) {
  constexpr std::array<std::string_view, 13> kNames = {"Throttling",
                                                       "ThrottlingException",
                                                       "ThrottledException",
                                                       "RequestThrottled",
                                                       "RequestLimitExceeded",
                                                       "BandwidthLimitExceeded",
                                                       "LimitExceededException",
                                                       "TooManyRequestsException",
                                                       "RequestThrottledException",
                                                       "SlowDown",
                                                       "PriorRequestNotComplete",
                                                       "TransactionInProgressException",
                                                       "EC2ThrottledException"};
  return std::find(kNames.begin(), kNames.end(), code) != kNames.end();
}

bool is_expired(std::string_view code) {
  return code == "ExpiredToken" || code == "ExpiredTokenException" || code == "RequestExpired" ||
         code == "UnrecognizedClientException" || code == "InvalidClientTokenId";
}

Result<ImportAnswer> read_import_answer(std::string_view body) {
  rapidjson::Document document;
  if (!parse_object(document, body)) return fail("the answer is no JSON object");
  ImportAnswer answer;
  answer.succeeded = number_at(document, "SuccessCount");
  answer.failed = number_at(document, "FailedCount");
  if (answer.succeeded < 0 || answer.failed < 0) return fail("the answer does not say how many findings were taken");
  const auto failures = document.FindMember("FailedFindings");
  if (failures == document.MemberEnd() || !failures->value.IsArray()) return answer;
  for (const Json& failure : failures->value.GetArray()) {
    if (answer.failures.size() == kFailuresMax) break;
    answer.failures.push_back(
        {text_at(failure, "Id"), words(text_at(failure, "ErrorCode")), words(text_at(failure, "ErrorMessage"))});
  }
  return answer;
}

}  // namespace tiercel::aws
