#include "siem/wazuh/sink.h"

#include <utility>

#include "siem/wazuh/sink_worker.h"

namespace tiercel::wazuh {

WazuhSink::WazuhSink(siem::Spool& spool, WazuhOptions options, WazuhCallbacks callbacks, Metrics& metrics,
                     const Clock& clock)
    : worker_(std::make_unique<SinkWorker>(spool, std::move(options), std::move(callbacks), metrics, clock)) {}

WazuhSink::~WazuhSink() = default;

Result<> WazuhSink::start() {
  return worker_->start();
}

void WazuhSink::stop(int timeout_ms) {
  worker_->stop(timeout_ms);
}

WazuhStatus WazuhSink::status() const {
  return worker_->status();
}

}  // namespace tiercel::wazuh
