#include "agent/sensor/programs.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <fmt/core.h>

#include <bpf/tiercel.skel.h>

#include "agent/sensor/bpf_object.h"
#include "agent/sensor/hooks.h"
#include "agent/sensor/host.h"

namespace tiercel::sensor {
namespace {

Fd duplicate(int fd) {
  return Fd(::fcntl(fd, F_DUPFD_CLOEXEC, 3));
}

Result<> belong(bpf_program& program, const Chosen& chosen) {
  if (chosen.by_kprobe) {
    bpf_program__set_type(&program, BPF_PROG_TYPE_KPROBE);
    return {};
  }
  if (chosen.function.empty()) return {};
  bpf_program__set_type(&program, BPF_PROG_TYPE_TRACING);
  const bpf_attach_type at = chosen.at_exit ? BPF_TRACE_FEXIT : BPF_TRACE_FENTRY;
  bpf_program__set_expected_attach_type(&program, chosen.is_tracepoint ? BPF_TRACE_RAW_TP : at);
  if (int err = bpf_program__set_attach_target(&program, 0, chosen.function.c_str()); err != 0)
    return fail_errno(fmt::format("the kernel has no function {}", chosen.function), -err);
  return {};
}

// Only what is attached is loaded: the verifier takes longer over the programs than everything else at the start.
Result<> choose_from(const tiercel_bpf& object, const Choice& choice, const std::set<std::string>* others) {
  bpf_program* program = nullptr;
  bpf_object__for_each_program(program, object.obj) {
    const std::string name = bpf_program__name(program);
    const auto found = choice.find(name);
    const bool by_name = is_call_program(name) || name == kCpuTimeProgram;
    bpf_program__set_autoload(program, found != choice.end() || (others && (!by_name || others->contains(name))));
    if (found == choice.end()) continue;
    if (auto set = belong(*program, found->second); !set) return set;
  }
  return {};
}

void set_fixed(tiercel_bpf& object, Way way, Place place) {
  object.rodata->exits_by_function = place != Place::kTracepoint;
  object.rodata->compat_regs = place == Place::kFunction32 || place == Place::kEntry32;
  object.rodata->inner_hooks = way != Way::kTracepoint;
  object.rodata->inner_by_kprobe = way == Way::kKprobe;
}

}  // namespace

Result<> Programs::choose(tiercel_bpf& first, const Choice& choice, const std::set<std::string>& others) {
  set_fixed(first, way_, first_place());
  return choose_from(first, choice, &others);
}

void Programs::keep(tiercel_bpf& first, const Choice& choice, const std::set<std::string>& others) {
  first_ = &first;
  Choice all = choice;
  for (const std::string& name : others) all.emplace(name, Chosen{});
  keep_from(first, first_place(), all);
}

void Programs::keep_from(const tiercel_bpf& object, Place place, const Choice& choice) {
  for (const auto& [name, chosen] : choice)
    if (const bpf_program* program = bpf_object__find_program_by_name(object.obj, name.c_str()))
      loaded_[static_cast<size_t>(place)][name] = duplicate(bpf_program__fd(program));
}

// From a further copy of the object that works on the maps of the first. Of the copy the programs' descriptors are
// kept.
Result<> Programs::load(Place place, const Choice& choice) {
  const BpfObject more = open_object();
  if (!more) return explain_load_failure(errno);
  *more->rodata = *first_->rodata;
  set_fixed(*more, way_, place);
  if (auto chosen = choose_from(*more, choice, nullptr); !chosen) return chosen;
  bpf_map* map = nullptr;
  bpf_object__for_each_map(map, more->obj) {
    if (map == more->maps.rodata) continue;  // its own
    bpf_map* shared = bpf_object__find_map_by_name(first_->obj, bpf_map__name(map));
    if (!shared) return fail(fmt::format("the sensor has no map {}", bpf_map__name(map)), Fault::kBug);
    if (int err = bpf_map__reuse_fd(map, bpf_map__fd(shared)); err != 0)
      return fail_errno(fmt::format("cannot share the map {}", bpf_map__name(map)), -err);
  }
  if (int err = tiercel_bpf__load(more.get()); err != 0) return explain_load_failure(-err);
  keep_from(*more, place, choice);
  return {};
}

}  // namespace tiercel::sensor
