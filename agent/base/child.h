// Child: a program that we start (agent/base/spawn.h), with pipes as its standard input and output. Where there is a
// broker (agent/base/broker.h), that process starts it. Any thread.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "agent/base/fd.h"
#include "agent/base/result.h"
#include "agent/base/spawn.h"

namespace tiercel {

// PATH and LANG, as scripts need them.
[[nodiscard]] std::vector<std::string> plain_environment();

class Child {
 public:
  static Result<Child> start(const Launch& launch);

  Fd input, output;  // ours: non-blocking
  Fd pidfd;
  pid_t pid = -1;

  void kill_group() const;  // SIGKILL; only before it was reaped
  // Reaps it; waits for its end. Exit status, or 128 + signal; -1: nobody knows.
  int reap();

 private:
  Fd broker_;  // valid: the broker's child, which is reaped when this is closed
};

}  // namespace tiercel
