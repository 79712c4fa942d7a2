// Whereabouts: region, account and instance, found once; whose name requests are made in; and how they are signed. What
// is not found is looked for again at the next attempt. The forwarder's thread.
#pragma once

#include <string>

#include "siem/aws/credentials.h"
#include "siem/aws/finding.h"
#include "siem/aws/security_hub.h"

namespace tiercel::aws {

class Whereabouts {
 public:
  Whereabouts(const SecurityHubOptions& options, Ask ask, const Clock& clock);

  [[nodiscard]] Result<const Place*> place();
  // For a service in the place's region; after place().
  [[nodiscard]] Result<http::Sign> sign(const std::string& service);
  void forget_credentials() { chain_.forget(); }

 private:
  Result<std::string> account();
  Result<std::string> caller_account();

  const SecurityHubOptions& options_;
  const Ask ask_;
  Metadata metadata_;
  CredentialChain chain_;
  Place place_;
};

}  // namespace tiercel::aws
