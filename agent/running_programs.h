// Which programs run, for the kernel, which leaves out what no rule asks of them. Deciding thread.
#pragma once

#include "agent/context/process_table.h"
#include "agent/sensor/source.h"

namespace tiercel {

// Where the source asks for them: some microseconds for each process, once for a set of rules.
void tell_programs(sensor::Source& source, const context::ProcessTable& table);

}  // namespace tiercel
