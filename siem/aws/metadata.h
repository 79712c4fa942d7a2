// The instance metadata service, version 2 only: every question carries a token that a PUT gave, which does not come
// over more network hops than the instance allows (docs.aws.amazon.com/AWSEC2, "Use IMDSv2"). Never through a proxy.
// The forwarder's thread; each question blocks for 2 s at most.
#pragma once

#include <string>

#include "agent/base/clock.h"
#include "agent/base/result.h"
#include "siem/aws/answers.h"
#include "siem/aws/endpoints.h"

namespace tiercel::aws {

class Metadata {
 public:
  Metadata(Environment environment, Ask ask, const Clock& clock);

  [[nodiscard]] bool disabled() const;  // AWS_EC2_METADATA_DISABLED
  [[nodiscard]] Result<Credentials> credentials();
  // The identity document. Whether this is an instance at all is asked once and remembered.
  [[nodiscard]] Result<Instance> instance();

 private:
  Result<std::string> get(const std::string& path, const std::string& absent = {});  // absent: what a 404 means
  Result<> renew_token();

  const Environment environment_;
  const Ask ask_;
  const Clock& clock_;
  std::string endpoint_, token_;
  uint64_t token_until_ns_ = 0;  // monotonic
  bool asked_ = false;
  Instance instance_;
  std::string no_instance_;  // why not
};

}  // namespace tiercel::aws
