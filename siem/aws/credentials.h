// CredentialChain: whose name requests are made in. The sources that AWS's users expect, in this order: the
// environment's keys, a profile of the shared files, web identity (a pod's token), a container's endpoint (ECS, EKS Pod
// Identity), the instance's role. The first that is set up counts: if it fails, that is told, and nobody else's name is
// used instead. A profile that the configuration names comes before the environment.
//
// Keys that end are renewed 5 minutes before; while that fails the old ones serve until they end. No error's text, log
// line or metric holds a key, a secret or a token. The forwarder's thread; get() blocks for its exchanges.
//
// Source of the facts: docs.aws.amazon.com/sdkref, "Standardized credential providers".
#pragma once

#include <optional>
#include <string>

#include "agent/base/clock.h"
#include "agent/base/result.h"
#include "siem/aws/answers.h"
#include "siem/aws/endpoints.h"
#include "siem/aws/metadata.h"
#include "siem/aws/profile.h"

namespace tiercel::aws {

class CredentialChain {
 public:
  CredentialChain(std::string profile, Environment environment, Ask ask, Metadata& metadata, const Clock& clock);

  // Valid until the next call. An error says what was tried and what to do.
  [[nodiscard]] Result<const Credentials*> get(const std::string& region);
  // A service says that they are no longer good: the next get() brings new ones.
  void forget() { renew_ = true; }

 private:
  // Nothing: that source is not set up, `tried_` says why.
  using Found = Result<std::optional<Credentials>>;
  Result<Credentials> look(const std::string& region);
  Found from_environment();
  Found from_profile(const std::string& region);
  Found from_web_identity(const std::string& region);
  Found from_container();
  Result<Credentials> assume_with_token(const std::string& role, const std::string& token_file,
                                        const std::string& session, const std::string& region);

  const std::string profile_;
  const Environment environment_;
  const Ask ask_;
  Metadata& metadata_;
  const Clock& clock_;
  Credentials credentials_;
  bool renew_ = true;
  uint64_t quiet_until_ns_ = 0;  // monotonic: no other attempt before, while old ones serve
  std::string tried_;
};

// The region: `configured`, AWS_REGION, AWS_DEFAULT_REGION, the profile's, the instance's.
[[nodiscard]] Result<std::string> find_region(const std::string& configured, const std::string& profile,
                                              const Environment& environment, Metadata& metadata);

// Whether credentials may be fetched from there: https, or http to this host, 169.254.170.2 (ECS), 169.254.170.23 or
// fd00:ec2::23 (EKS Pod Identity).
[[nodiscard]] bool is_container_endpoint(const std::string& url);

}  // namespace tiercel::aws
