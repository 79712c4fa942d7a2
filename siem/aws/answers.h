// What AWS's services answer, read without trust: JSON (metadata, containers' credentials, Security Hub) and STS's XML.
// Parsing does not recurse; what does not have the expected form is an error whose text holds nothing secret. Pure, any
// thread. Sources: docs.aws.amazon.com: API_BatchImportFindings, API_AssumeRoleWithWebIdentity, API_GetCallerIdentity,
// "Retrieve security credentials from instance metadata", "Container credential provider", "Common error types".
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "agent/base/result.h"
#include "agent/http/client.h"

namespace tiercel::aws {

struct Credentials {
  std::string key_id, secret, token;  // token: empty for a user's own keys
  uint64_t expires_ns = 0;            // since the epoch; 0: never
  std::string source;                 // for people: "the environment"
};
// False for what cannot be credentials: they become parts of header lines.
[[nodiscard]] bool is_usable(const Credentials& credentials);

// {"AccessKeyId", "SecretAccessKey", "Token", "Expiration"}, of the metadata service and of containers' endpoints.
[[nodiscard]] Result<Credentials> read_json_credentials(std::string_view body);
// <AssumeRoleWithWebIdentityResponse>
[[nodiscard]] Result<Credentials> read_sts_credentials(std::string_view body);
// <GetCallerIdentityResponse>: the account
[[nodiscard]] Result<std::string> read_caller_account(std::string_view body);

struct Instance {
  std::string account, region, zone, id, type, image;
};
// The instance identity document.
[[nodiscard]] Result<Instance> read_instance(std::string_view body);

// A service's error: its name without namespace and URL, and its words, bounded.
struct ServiceError {
  std::string code, message;
};
[[nodiscard]] ServiceError read_error(const http::Response& response);
[[nodiscard]] bool is_throttling(std::string_view code);
[[nodiscard]] bool is_expired(std::string_view code);

struct FailedFinding {
  std::string id, code, message;
};
struct ImportAnswer {
  int64_t succeeded = 0, failed = 0;
  std::vector<FailedFinding> failures;
};
[[nodiscard]] Result<ImportAnswer> read_import_answer(std::string_view body);

}  // namespace tiercel::aws
