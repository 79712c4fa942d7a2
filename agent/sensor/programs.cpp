#include "agent/sensor/programs.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <fmt/core.h>

#include <bpf/tiercel.skel.h>
#include <algorithm>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

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

// Only what is attached is loaded: that is what takes long.
Result<> choose_from(const tiercel_bpf& object, const Choice& choice) {
  bpf_program* program = nullptr;
  bpf_object__for_each_program(program, object.obj) {
    const auto found = choice.find(bpf_program__name(program));
    bpf_program__set_autoload(program, found != choice.end());
    if (found == choice.end()) continue;
    if (auto set = belong(*program, found->second); !set) return set;
  }
  return {};
}

// How long the verifier takes, by the number of instructions; those of functions are not counted.
size_t weight(const bpf_program* program) {
  return program ? bpf_program__insn_cnt(program) : 1;
}

void set_fixed(tiercel_bpf& object, Way way, Place place) {
  object.rodata->exits_by_function = place != Place::kTracepoint;
  object.rodata->compat_regs = place == Place::kFunction32 || place == Place::kEntry32;
  object.rodata->inner_hooks = way != Way::kTracepoint;
  object.rodata->inner_by_kprobe = way == Way::kKprobe;
}

}  // namespace

void Programs::set_first(tiercel_bpf& first) {
  first_ = &first;
  set_fixed(first, way_, first_place());
  (void)choose_from(first, {});
}

Choice Programs::always() const {
  Choice choice;
  const bpf_program* program = nullptr;
  while ((program = bpf_object__next_program(first_->obj, const_cast<bpf_program*>(program))))
    if (const std::string name = bpf_program__name(program); !is_call_program(name) && name != kCpuTimeProgram)
      choice.emplace(name, Chosen{});
  return choice;
}

// The heavier of what is left goes where there is less. libbpf reads all types of the kernel once more for an object
// with tracing programs, so these begin, and are together.
std::array<Choice, 2> Programs::halves(const Choice& choice) const {
  std::vector<std::tuple<bool, size_t, const Choice::value_type*>> heaviest;
  for (const auto& one : choice) {
    const bpf_program* program = bpf_object__find_program_by_name(first_->obj, one.first.c_str());
    heaviest.emplace_back(program && bpf_program__type(program) == BPF_PROG_TYPE_TRACING, weight(program), &one);
  }
  std::sort(heaviest.rbegin(), heaviest.rend());
  std::array<Choice, 2> out;
  std::array<size_t, 2> sums{};
  for (const auto& [tracing, weighs, one] : heaviest) {
    const size_t to = tracing || sums[0] <= sums[1] ? 0 : 1;
    out[to].insert(*one);
    sums[to] += weighs;
  }
  return out;
}

void Programs::keep_from(const tiercel_bpf& object, Place place, const Choice& choice) {
  for (const auto& [name, chosen] : choice)
    if (const bpf_program* program = bpf_object__find_program_by_name(object.obj, name.c_str()))
      loaded_[static_cast<size_t>(place)][name] = duplicate(bpf_program__fd(program));
}

// Of a copy the programs' descriptors are kept.
Result<BpfObject> Programs::load_copy(Place place, const Choice& choice) const {
  BpfObject copy = open_object();
  if (!copy) return tl::unexpected(explain_load_failure(errno).error());
  *copy->rodata = *first_->rodata;
  set_fixed(*copy, way_, place);
  if (auto chosen = choose_from(*copy, choice); !chosen) return tl::unexpected(chosen.error());
  bpf_map* map = nullptr;
  bpf_object__for_each_map(map, copy->obj) {
    if (map == copy->maps.rodata) continue;  // its own
    bpf_map* shared = bpf_object__find_map_by_name(first_->obj, bpf_map__name(map));
    if (!shared) return fail(fmt::format("the sensor has no map {}", bpf_map__name(map)), Fault::kBug);
    if (int err = bpf_map__reuse_fd(map, bpf_map__fd(shared)); err != 0)
      return fail_errno(fmt::format("cannot share the map {}", bpf_map__name(map)), -err);
  }
  if (int err = tiercel_bpf__load(copy.get()); err != 0) return tl::unexpected(explain_load_failure(-err).error());
  return copy;
}

Result<> Programs::load(Place place, const Choice& choice) {
  constexpr size_t kWorthAThread = 8;
  const auto parts = choice.size() < kWorthAThread ? std::array<Choice, 2>{choice, {}} : halves(choice);
  Result<BpfObject> beside = BpfObject(), own = BpfObject();
  std::thread thread;
  if (!parts[1].empty()) thread = std::thread([&] { beside = load_copy(place, parts[1]); });
  own = load_copy(place, parts[0]);
  if (thread.joinable()) thread.join();
  if (!own) return tl::unexpected(own.error());
  if (!beside) return tl::unexpected(beside.error());
  keep_from(**own, place, parts[0]);
  if (*beside) keep_from(**beside, place, parts[1]);
  return {};
}

}  // namespace tiercel::sensor
