// tiercel evasions: the table of agent/doctor/evasions.h, for each way to attach.
#include <string>

#include "agent/cli/reference_page.h"
#include "agent/doctor/evasions.h"

namespace tiercel::cli {
namespace {

using doctor::Surroundings;
using doctor::Way;

// A host where everything can be tried that can be: 32-bit calls, rings.
Surroundings host_with(Way way) {
  return {.way = way, .calls_32bit = true, .uring_seen = true};
}

std::string word_of(const doctor::Deed& deed, const Surroundings& host) {
  return doctor::gap_of(deed, host).why.empty() ? "closed" : "open";
}

std::string why_open(const doctor::Deed& deed, const Surroundings& host) {
  return std::string(doctor::gap_of(deed, host).why);
}

}  // namespace

Page evasions_page() {
  Page page{"Evasions",
            "evasions",
            "What has been published to get past sensors like this one, the ways to do it, and what becomes of each "
            "here: for "
            "each way of attaching to system calls, on a kernel that takes 32-bit calls and io_uring, with "
            "`rule_matching: first`. "
            "`tiercel doctor` says it of the host that it runs on. A test performs each of them.",
            true,
            {}};
  for (const doctor::Evasion& evasion : doctor::all_evasions()) {
    PageTable table{"evasions",
                    std::to_string(evasion.id) + ". " + std::string(evasion.name),
                    "",
                    {{"By", "name", true, false},
                     {"Tracepoints", "tracepoint", false, false},
                     {"Kprobes", "kprobe", false, false},
                     {"Trampolines", "trampoline", false, false},
                     {"Closed by", "closed_by", false, false},
                     {"Open on tracepoints because", "open_because", false, false},
                     {"Evasion", "evasion", false, false, true}},
                    {}};
    const Surroundings plain = host_with(Way::kTracepoint);
    for (const doctor::Deed& deed : evasion.deeds)
      table.rows.push_back({std::string(deed.key), word_of(deed, plain), word_of(deed, host_with(Way::kKprobe)),
                            word_of(deed, host_with(Way::kTrampoline)), std::string(deed.closed_by),
                            why_open(deed, plain), std::to_string(evasion.id)});
    page.tables.push_back(std::move(table));
  }
  return page;
}

}  // namespace tiercel::cli
