// Spawn: starts a program in a process group of its own, with three descriptors that it is given and nothing else of
// ours: no other descriptor, no signal mask or handler, no environment but what is given. It is started without a copy
// of our memory (as vfork() does), so that a large agent does not pay for it. Any thread.
//
// Whoever wants a child to talk with takes agent/base/child.h.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "agent/base/fd.h"
#include "agent/base/result.h"

namespace tiercel {

struct Launch {
  std::string file;  // relative to folder, or absolute
  std::vector<std::string> argv;
  std::vector<std::string> environment;  // "KEY=value"
  std::string folder;                    // working directory; empty: ours
  std::string error_file;                // standard error is appended to it; empty: /dev/null
  bool errors_to_output = false;         // standard error goes where standard output goes
  int network = -1;                      // a network namespace to run in (borrowed); -1: ours
};

struct Stdio {
  int input, output, error;  // all beyond 2
};

struct Spawned {
  pid_t pid = -1;
  Fd pidfd;
};

// Takes file, argv, environment, folder and network of `launch`. Returns 0, or the errno of why the program could not
// be run: then there is no process to reap.
[[nodiscard]] int spawn(const Launch& launch, const Stdio& stdio, Spawned& into);

}  // namespace tiercel
