// The witness's side of agent/witness.h: what the process does that the broker makes. It waits, looks at the agent once
// a second (agent/vigil.h), and when it has something to tell, tells it through outputs of its own over a spool in
// memory: to the manager, to files, to services; not to standard output, which is the agent's, nor to programs, which
// it may not start. What no output took is left in the state folder for the next agent ("witness.left").
#pragma once

#include <string>
#include <vector>

#include "agent/app.h"
#include "agent/base/fd.h"

namespace tiercel::witness {

// The socket, the page, a pidfd of the agent, standard error. Returns when there is nothing to watch any more.
void run_process(const RunOptions& options, std::vector<Fd> fds);

// Of the state folder: what a witness could not tell. `busy`: it is still trying.
[[nodiscard]] std::string left_file(const std::string& state_dir);
[[nodiscard]] std::string busy_file(const std::string& state_dir);

}  // namespace tiercel::witness
