#include "agent/sensor/push_programs.h"

#include <bpf/bpf.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <utility>

#include "agent/base/fd.h"

namespace tiercel::sensor {
namespace {

void find(const push_set& set, uint32_t begin, std::string_view text, push_program& found) {
  uint32_t state = begin;
  const auto step = [&](uint32_t of_byte) {
    const uint32_t next = set.next[state * PUSH_CLASSES_MAX + of_byte % PUSH_CLASSES_MAX];
    state = next % PUSH_STATES_MAX;
    if ((next & PUSH_FINDS) == 0) return;
    const push_out& out = set.outs[set.out_of[state]];
    for (size_t word = 0; word < PUSH_WORDS; ++word) found.facts[word] |= out.facts[word];
  };
  for (const char byte : text) step(set.class_of[static_cast<uint8_t>(byte)]);
  step(PUSH_END);
}

}  // namespace

push_program facts_of_program(const push_set& set, const RunningProgram& program) {
  push_program found{};
  find(set, set.begin_exe, program.exepath, found);
  find(set, set.begin_name, program.name, found);
  for (size_t word = 0; word < PUSH_WORDS; ++word) found.facts[word] &= set.of_program[word];
  found.start_ns = program.start_ns;
  found.generation = set.generation;
  found.exec_id = program.exec_id;
  return found;
}

void PushPrograms::came(std::unique_ptr<const push_set> set) {
  const std::lock_guard lock(mutex_);
  const auto any = [](uint64_t word) { return word != 0; };
  if (set && std::none_of(std::begin(set->of_program), std::end(set->of_program), any)) set = nullptr;
  fresh_ = std::move(set);
}

bool PushPrograms::ask() const {
  const std::lock_guard lock(mutex_);
  return fresh_ != nullptr;
}

void PushPrograms::tell(std::span<const RunningProgram> programs) {
  std::unique_ptr<const push_set> set;
  {
    const std::lock_guard lock(mutex_);
    set = std::exchange(fresh_, nullptr);
  }
  if (!set) return;
  for (const RunningProgram& program : programs) {
    const Fd process(static_cast<int>(::syscall(SYS_pidfd_open, program.pid, 0)));
    if (!process.valid()) continue;  // it ended, or is of another pid namespace than ours
    const int key = process.get();
    const push_program facts = facts_of_program(*set, program);
    bpf_map_update_elem(map_, &key, &facts, BPF_ANY);  // without it, anything may be so
  }
}

}  // namespace tiercel::sensor
