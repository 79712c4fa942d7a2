// What the parts of the agent are told, from its configuration and from how it is run. Pure, but for make_state_dir().
#pragma once

#include "agent/alert/make.h"
#include "agent/app.h"
#include "agent/config/config.h"
#include "agent/context/containers.h"
#include "agent/hardening/supervisor.h"
#include "agent/reload/reloader.h"
#include "agent/rule/load.h"
#include "agent/sensor/bpf_source.h"
#include "siem/spool.h"

namespace tiercel {

[[nodiscard]] sensor::BpfOptions sensor_options(const config::Config& config,
                                                const std::shared_ptr<const rule::RuleSet>& rules);
[[nodiscard]] reload::Reloader::Options reload_options(const RunOptions& run, hardening::Supervisor& supervisor);
[[nodiscard]] alert::MakeOptions make_options(const config::Config& config);
[[nodiscard]] context::Containers::Options container_options(const RunOptions& run);
// What a service manager shows.
[[nodiscard]] std::string watching_text(size_t active_rules);
// What is replayed is no news: it is not kept for anybody.
[[nodiscard]] siem::SpoolOptions spool_options(const RunOptions& run);

// What must outlive the agent is kept there. Where it cannot be made, who needs it says so.
// The thread that empties the rings takes little time, but must have it soon: on a host whose every CPU is busy it goes
// before ordinary work. Called when the other threads run already: those stay ordinary.
void go_first();
void make_state_dir(const std::string& path);

}  // namespace tiercel
