// Where AWS's services are: partitions and their names (docs.aws.amazon.com/general, "AWS service endpoints"), what the
// environment says instead, and which settings of the environment count. Pure functions, any thread.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "agent/base/result.h"
#include "agent/http/client.h"

namespace tiercel::aws {

// A variable of the environment; empty if it is not set.
using Environment = std::function<std::string(const char* name)>;
[[nodiscard]] std::string process_environment(const char* name);

// One exchange; the forwarder's thread only.
using Ask = std::function<tl::expected<http::Response, http::Failure>(const http::Request&)>;

[[nodiscard]] std::string partition_of(std::string_view region);  // aws, aws-cn, aws-us-gov
[[nodiscard]] bool is_region(std::string_view text);              // letters, digits and "-": it becomes part of a name
[[nodiscard]] bool is_account(std::string_view text);             // 12 digits
// "https://securityhub.eu-central-1.amazonaws.com", or what AWS_ENDPOINT_URL_SECURITYHUB or AWS_ENDPOINT_URL say.
[[nodiscard]] std::string endpoint_of(const Environment& environment, std::string_view service,
                                      std::string_view region);
// A value of a form: what is no letter or digit as %XX.
[[nodiscard]] std::string form_escaped(std::string_view text);
// RFC 3339 in UTC, "2026-11-28T08:35:33Z" -> ns since the epoch; 0: it is no such time.
[[nodiscard]] uint64_t utc_ns(const std::string& text);

}  // namespace tiercel::aws
