#include "agent/running_programs.h"

#include <vector>

namespace tiercel {

// Not those that are uncertain: what is known of them may be replaced.
void tell_programs(sensor::Source& source, const context::ProcessTable& table) {
  if (!source.asks_for_programs()) return;
  std::vector<sensor::RunningProgram> programs;
  table.each([&](const context::Process& process) {
    if (process.exit_time_ns != 0 || process.uncertain || !process.image) return;
    const context::Image& image = *process.image;
    if (image.exepath.starts_with('/') && !image.comm.empty())
      programs.push_back({process.key.pid, process.key.start_ns, image.exec_id, image.exepath, image.comm});
  });
  source.tell_programs(programs);
}

}  // namespace tiercel
