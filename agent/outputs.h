// Outputs: every sink that the configuration asks for, built over one spool. Owner's thread only.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "agent/base/metrics.h"
#include "agent/base/result.h"
#include "agent/config/config.h"
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
}  // namespace wazuh

struct OutputOptions {
  bool manager = true;                  // false: detect without one (--no-manager)
  bool embedded_manager = false;        // no manager configured: run one on loopback and print what it decodes
  group::GroupConfig* group = nullptr;  // takes the manager's shared files
  bool json = false;                    // --json: Falco's JSON lines on standard output
};

class Outputs {
 public:
  Outputs(const config::Config& config, OutputOptions options, siem::Spool& spool, Metrics& metrics);
  ~Outputs();

  // Active responses of the manager go there, as JSON; before start().
  void on_active_response(std::function<void(const std::string& json)> handler) { respond_ = std::move(handler); }
  Result<> start();
  void stop(int timeout_ms);
  void reopen();  // SIGUSR1

  [[nodiscard]] const wazuh::WazuhSink* manager() const { return wazuh_; }

 private:
  Result<> start_embedded_manager();
  void add_local(const config::Output& output);
  Result<> add_wazuh(const std::vector<config::WazuhManager>& managers, const std::string& agent_name);

  const config::Config& config_;
  OutputOptions options_;
  siem::Spool& spool_;
  Metrics& metrics_;
  std::vector<std::unique_ptr<siem::Sink>> sinks_;
  std::vector<siem::FileSink*> files_;
  std::function<void(const std::string& json)> respond_;
  wazuh::WazuhSink* wazuh_ = nullptr;
  std::unique_ptr<wazuh::DevManager> embedded_;
  std::string embedded_dir_;
};

}  // namespace tiercel
