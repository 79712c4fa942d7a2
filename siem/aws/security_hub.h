// Security Hub: the output that makes findings of alerts and brings them to AWS Security Hub (CSPM) with
// BatchImportFindings, or, as OCSF, to an HTTPS endpoint of the operator's own (Security Hub takes OCSF from nobody's
// hands: its API has no call for it). docs/security-hub.md tells users. Threads and errors: siem/forwarder.h.
#pragma once

#include <memory>
#include <string>

#include "siem/aws/endpoints.h"
#include "siem/forwarder.h"

namespace tiercel::aws {

struct SecurityHubOptions {
  enum class Format : uint8_t { kAsff, kOcsf };
  siem::ForwarderOptions forwarder;  // name, priority, condition
  std::string region;                // empty: AWS_REGION, the profile's, the instance's
  std::string account;               // empty: that of the credentials
  std::string endpoint;              // "https://HOST[/PATH]"; empty: Security Hub's of the region. OCSF needs one
  std::string profile;               // of the shared files; empty: AWS_PROFILE
  Format format = Format::kAsff;
  std::string ca_file;  // PEM; empty: AWS_CA_BUNDLE, the distribution's
  std::string client_certificate, client_key;
  Environment environment = process_environment;
};

// The service alone, for `outputs test` and tests.
std::unique_ptr<siem::Service> make_security_hub_service(SecurityHubOptions options, const Clock& clock);
std::unique_ptr<siem::Forwarder> make_security_hub_sink(siem::Spool& spool, SecurityHubOptions options,
                                                        Metrics& metrics, const Clock& clock, alert::Reports& reports);

}  // namespace tiercel::aws
