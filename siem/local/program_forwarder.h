// The program output: a program of the operator's, started without a shell when there is something for it, gets a line
// of Falco's JSON for each alert on its standard input. A line is delivered when the program has read it from the pipe
// (FIONREAD tells what is unread); what it had not read when it ended is for the next one, which is started when there
// is something for it, after failures with the forwarder's back-off. What it read and had not worked on is its own to
// lose. One that reads nothing for hang_ms_max is ended and counts as failed.
//
// What it writes to its standard output and error goes to our log, line by line, bounded and at most ten lines a
// second. It ends with us: its input is closed, after end_ms comes SIGTERM, after as much again SIGKILL, to its process
// group. When we are killed it reads the end of its input. It inherits no descriptor and no environment but PATH, LANG,
// HOME.
//
// Threads: those of forwarder.h; the destructor of the service waits for the program's end.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "agent/alert/report.h"
#include "agent/base/clock.h"
#include "agent/base/metrics.h"
#include "siem/forwarder.h"
#include "siem/spool.h"

namespace tiercel::siem {

struct ProgramForwarderOptions {
  ForwarderOptions forwarder = {};        // parts and takes_routine are set by the maker
  std::vector<std::string> program = {};  // absolute path, arguments
  int hang_ms_max = 30'000;
  int end_ms = 1'000;
};

std::unique_ptr<Service> make_program_service(ProgramForwarderOptions options, const Clock& clock);

std::unique_ptr<Forwarder> make_program_forwarder(Spool& spool, ProgramForwarderOptions options, Metrics& metrics,
                                                  const Clock& clock, alert::Reports& reports);

}  // namespace tiercel::siem
