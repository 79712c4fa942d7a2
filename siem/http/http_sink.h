// The output http_output: each alert as one POST of Falco's JSON line, what Falco's own http_output sends and
// falcosidekick's documented input is (an object with output, priority, rule, time, output_fields, source, tags,
// hostname; falcosidekick refuses one without an output). One request at a time over a connection that is kept; a
// critical alert goes before all others that wait.
//
//   2xx                       it has the alert
//   408, 429, 5xx, no answer  again later, after what Retry-After says
//   3xx, 401, 404, 407, 410   again later: it is the destination or the password that is wrong, and not the alert
//   other 4xx                 it refused this alert for good
//
// Errors name the host, never the path, the user or a header of the request.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "siem/forwarder.h"

namespace tiercel::siem {

struct HttpOptions {
  std::string name = "http_output";
  std::string url;
  std::string url_file;  // its first line is the URL; read again for each attempt
  std::vector<std::pair<std::string, std::string>> headers;
  std::string ca_file;
  std::string client_certificate;
  std::string client_key;
  int timeout_ms = 10'000;
  alert::Priority least_priority = alert::Priority::kDebug;
  uint64_t condition = 0;
  int retry_ms_min = 250;
  int retry_ms_max = 60'000;
};

std::unique_ptr<Forwarder> make_http_sink(Spool& spool, HttpOptions options, Metrics& metrics, const Clock& clock,
                                          alert::Reports& reports);
// The service alone.
std::unique_ptr<Service> make_http_service(HttpOptions options, const Clock& clock);

}  // namespace tiercel::siem
