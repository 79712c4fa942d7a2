// Hardening: what the agent gives up once it has what it needs, so that a mistake in it is worth less to an attacker.
// docs/hardening.md tells users what stays and why.
//
// give_up() before the first thread, and after the broker (agent/base/broker.h) was started, which keeps what programs
// need that the agent starts. Cannot be undone. An error leaves what was given up so far given up.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "agent/base/result.h"

namespace tiercel::hardening {

struct Options {
  bool seccomp = true;
  bool capabilities = true;
};
[[nodiscard]] Result<> give_up(const Options& options);
// Likewise, of a process that needs none: no capability is left.
[[nodiscard]] Result<> give_up_all(const Options& options);

// A capability that the agent keeps (capabilities(7)), and what for.
struct Kept {
  int capability;
  std::string_view what_for;
};
[[nodiscard]] std::span<const Kept> kept_capabilities();
[[nodiscard]] std::string capability_name(unsigned number);  // without "cap_"

// What the kernel says of this process, from any thread. An error counts as "not given up". Capabilities without
// "cap_", in the kernel's order.
struct State {
  bool seccomp = false, no_new_privs = false;
  bool dumpable = true;  // its memory, into a core file
  std::vector<std::string> capabilities;
};
[[nodiscard]] State state();

}  // namespace tiercel::hardening
