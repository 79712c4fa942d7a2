#include "agent/sensor/way.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <fmt/core.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <iterator>
#include <memory>
#include <utility>

#include "agent/base/fd.h"
#include "agent/sensor/kernel_functions.h"
#include "agent/sensor/tracefs.h"

namespace tiercel::sensor {
namespace {

constexpr std::pair<Way, std::string_view> kNames[] = {
    {Way::kTrampoline, "trampoline"}, {Way::kKprobe, "kprobe"}, {Way::kTracepoint, "tracepoint"}};
// Opens of files: as rare as a function of the kernel gets that is there everywhere.
constexpr const char* kTried = "do_filp_open";

std::string refusal(const char* what, int code) {
  return fmt::format("the kernel refuses {}: {}", what, std::strerror(code));
}

WayTrial try_trampoline() {
  WayTrial trial{Way::kTrampoline, false, {}};
  const int function = KernelFunctions().id(kTried);
  if (function <= 0) {
    trial.why = "the kernel's BTF has no functions";
    return trial;
  }
  const bpf_insn nothing[] = {
      {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .src_reg = 0, .off = 0, .imm = 0},
      {.code = BPF_JMP | BPF_EXIT, .dst_reg = 0, .src_reg = 0, .off = 0, .imm = 0}};
  bpf_prog_load_opts options{};
  options.sz = sizeof options;
  options.expected_attach_type = BPF_TRACE_FEXIT;
  options.attach_btf_id = static_cast<__u32>(function);
  const Fd program(
      bpf_prog_load(BPF_PROG_TYPE_TRACING, "tiercel_try", "Dual BSD/GPL", nothing, std::size(nothing), &options));
  if (!program.valid()) {
    trial.why = refusal("fexit programs", errno);
    return trial;
  }
  const Fd link(bpf_raw_tracepoint_open(nullptr, program.get()));
  trial.works = link.valid();
  if (!trial.works) trial.why = refusal("to attach an fexit program", errno);
  return trial;
}

WayTrial try_kprobe() {
  if (::access("/sys/bus/event_source/devices/kprobe", F_OK) != 0)
    return {Way::kKprobe, false, "the kernel has no kprobes (CONFIG_KPROBES)"};
  const auto probe = open_kprobe(kTried);
  return {Way::kKprobe, probe.has_value(), probe ? "" : probe.error().message};
}

}  // namespace

std::string_view way_name(Way way) {
  for (const auto& [one, name] : kNames)
    if (one == way) return name;
  return "";
}

std::optional<Way> way_of(std::string_view name) {
  for (const auto& [way, one] : kNames)
    if (one == name) return way;
  return std::nullopt;
}

std::vector<WayTrial> try_ways() {
  return {try_trampoline(), try_kprobe(), {Way::kTracepoint, true, {}}};
}

Result<Way> choose_way(std::string_view asked) {
  const auto wanted = way_of(asked);
  for (const WayTrial& trial : try_ways()) {
    if (wanted && *wanted != trial.way) continue;
    if (trial.works) return trial.way;
    if (wanted)
      return fail(
          fmt::format("sensor.attach is {}, which does not work here: {}. Leave it at auto, and the agent takes "
                      "what works (`tiercel doctor` shows it)",
                      asked, trial.why));
  }
  return Way::kTracepoint;
}

}  // namespace tiercel::sensor
