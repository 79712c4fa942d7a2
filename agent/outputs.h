// Outputs: every sink that the configuration asks for, built over one spool. Owner's thread only.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "agent/alert/report.h"
#include "agent/base/clock.h"
#include "agent/base/metrics.h"
#include "agent/base/result.h"
#include "agent/config/config.h"
#include "siem/forwarder.h"
#include "siem/sink.h"
#include "siem/spool.h"

namespace tiercel {

namespace group {
class GroupConfig;
}
namespace siem {
class FileSink;
}
namespace wazuh {
class WazuhSink;
class DevManager;
struct Contact;
}  // namespace wazuh

struct OutputOptions {
  bool manager = true;                  // false: detect without one (--no-manager)
  bool embedded_manager = false;        // no manager configured: run one on loopback and print what it decodes
  group::GroupConfig* group = nullptr;  // takes the manager's shared files
  bool json = false;                    // --json: Falco's JSON lines on standard output
  bool history = false;  // this is no recording or replay: alerts are kept, if the configuration wants it
  // A witness speaks in the agent's place, as far as it can: an output that does not start stops no other, and a
  // manager is told nothing of a start. With the agent's last contact; nullptr: it had none.
  bool witness = false;
  const wazuh::Contact* contact = nullptr;
};

// One output as `tiercel status` shows it.
struct OutputRow {
  std::string name;
  uint64_t delivered = 0, waiting = 0, failures = 0, lost = 0;
  bool open = false;        // the breaker
  std::string last_answer;  // of a service; never a secret
};

class Outputs {
 public:
  Outputs(const config::Config& config, OutputOptions options, siem::Spool& spool, Metrics& metrics, const Clock& clock,
          alert::Reports& reports);
  ~Outputs();

  // Active responses of the manager go there, as JSON; before start().
  void on_active_response(std::function<void(const std::string& json)> handler) { respond_ = std::move(handler); }
  Result<> start();
  void stop(int timeout_ms);
  void reopen();  // SIGUSR1
  // After the end: alerts that no output took and that the spool does not keep. Each output's are logged.
  [[nodiscard]] uint64_t undelivered() const;

  [[nodiscard]] const wazuh::WazuhSink* manager() const { return wazuh_; }
  // Of all outputs but the manager's. Counts what waits on the disk: not for the deciding thread. After start(), any
  // other thread.
  [[nodiscard]] std::vector<OutputRow> rows() const;

 private:
  Result<> start_embedded_manager();
  void add(const config::Output& output, const std::string& name);
  void add_history();
  Result<> add_wazuh(const std::vector<config::WazuhManager>& managers, const std::string& agent_name);

  const config::Config& config_;
  OutputOptions options_;
  siem::Spool& spool_;
  Metrics& metrics_;
  const Clock& clock_;
  alert::Reports& reports_;
  std::vector<std::unique_ptr<siem::Sink>> sinks_;
  std::vector<siem::FileSink*> files_;
  std::vector<siem::Forwarder*> forwarders_;
  std::function<void(const std::string& json)> respond_;
  wazuh::WazuhSink* wazuh_ = nullptr;
  std::unique_ptr<wazuh::DevManager> embedded_;
  std::string embedded_dir_;
};

}  // namespace tiercel
