#include "agent/harden.h"

#include <utility>
#include <vector>

#include "agent/base/broker.h"
#include "agent/base/log.h"
#include "agent/hardening/hardening.h"
#include "agent/sensor/tracefs.h"
#include "agent/witness.h"
#include "agent/witness_process.h"

namespace tiercel {
namespace {

Result<> harden(const RunOptions& options) {
  const config::Hardening& wanted = options.config.hardening;
  if (!options.replay_from.empty()) return {};  // reads a file, with the rights of whoever asks
  const bool gives_up = wanted.seccomp || wanted.capabilities;
  const bool watches = options.outputs.history;  // no recording
  if (!gives_up && !watches && options.children_mounts.empty()) return {};
  const broker::Helper helper = [&options](std::vector<Fd> fds) { witness::run_process(options, std::move(fds)); };
  if (auto started = broker::start(options.children_mounts, helper); !started) {
    if (options.children_mounts.empty()) return started;
    log::warning("{}: programs that responses start see the agent's own view of the files", started.error().message);
    if (auto again = broker::start("", helper); !again) return again;
  }
  if (watches)
    if (auto started = witness::start(); !started)
      log::warning("no witness will tell of the agent's end: {}", started.error().message);
  if (!gives_up) return {};
  sensor::keep_tracefs();
  if (auto given_up = hardening::give_up({wanted.seccomp, wanted.capabilities}); !given_up)
    log::warning("hardening: {}; the agent runs on without. To be without on purpose: hardening: in tiercel.yaml",
                 given_up.error().message);
  return {};
}

}  // namespace

Result<> hardened(const RunOptions& options, const std::function<Result<>()>& run) {
  if (auto given_up = harden(options); !given_up) return given_up;
  auto ran = run();
  witness::end();
  broker::end();
  return ran;
}

}  // namespace tiercel
