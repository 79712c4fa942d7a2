// LocalResponses: the door between rules and the response engine. What an alert asks for becomes an Order of plain
// values on the deciding thread; the engine does the rest. Also what `tiercel respond` is answered.
//
// ask() and apply() on the deciding thread, and none waits; the handlers of serve() on the control
// socket's thread.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>

#include "agent/alert/report.h"
#include "agent/config/config.h"
#include "agent/context/event.h"
#include "agent/control/control_server.h"
#include "agent/pipeline.h"
#include "agent/response/engine.h"
#include "agent/rule/engine.h"
#include "agent/sensor/source.h"

namespace tiercel {

// What the order says of the target, from the event. Pure.
[[nodiscard]] response::Order make_order(const rule::Response& response, const context::Event& event,
                                         const alert::AlertPtr& alert);

class LocalResponses {
 public:
  LocalResponses(const config::Config& config, alert::Reports& reports, Metrics& metrics, const Clock& clock);
  // Asked by the pipeline from now on, unless responses are off. Starts threads.
  Result<> start(Pipeline& pipeline, const sensor::Source& source, bool enabled);
  void ask(const rule::Response& response, const context::Event& event, const alert::AlertPtr& alert);
  // What holds from now on. Of a group's files, which come from a manager, every response is a dry run.
  void apply(const config::Config& config, std::shared_ptr<const rule::RuleSet> rules);
  // Before the socket's start.
  void serve(control::ControlServer& control);
  void stop(int timeout_ms) { engine_.stop(timeout_ms); }

 private:
  [[nodiscard]] std::function<std::optional<response::KernelDeed>()> kernel_asker(const rule::Response& response,
                                                                                  const context::Event& event) const;
  [[nodiscard]] std::string rules_json() const;
  std::set<std::string> group_files_;
  response::Engine engine_;
  const sensor::Source* source_ = nullptr;
  bool started_ = false;
  mutable std::mutex mutex_;  // of rules_
  std::shared_ptr<const rule::RuleSet> rules_;
};

}  // namespace tiercel
