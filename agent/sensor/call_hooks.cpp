#include "agent/sensor/call_hooks.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/perf_event.h>
#include <sys/ioctl.h>

#include <bpf/tiercel.skel.h>
#include <atomic>
#include <cerrno>
#include <memory>
#include <utility>

#include "agent/base/log.h"
#include "agent/sensor/calls_32.h"
#include "agent/sensor/hooks.h"
#include "agent/sensor/kernel_functions.h"
#include "agent/sensor/tracefs.h"
#include "agent/sensor/uring.h"

namespace tiercel::sensor {
namespace {

constexpr const char* kCompatProgram = "compat__exit";
constexpr const char* kCompatTracepoint = "sys_exit";

std::string first_of(const std::vector<std::string>& names, const KernelFunctions& functions,
                     const std::set<std::string>& not_probed) {
  for (const std::string& name : names)
    if (!not_probed.contains(name) && functions.has(name)) return name;
  return {};
}

std::string_view how_of(Place place) {
  constexpr std::string_view kHow[] = {"tracepoint", "function", "function of 32-bit callers",
                                       "entry of 32-bit callers"};
  return kHow[static_cast<size_t>(place)];
}

// The kernel's names: read once for all that is to be attached, and only where something hangs on functions.
std::unique_ptr<const KernelFunctions> functions_for(Way way) {
  return way == Way::kTrampoline ? std::make_unique<const KernelFunctions>() : nullptr;
}

}  // namespace

void CallHooks::set_way(Way way) {
  way_ = way;
  programs_.set_way(way);
}

std::vector<CallHooks::Plan> CallHooks::plans_of(uint16_t type, const KernelFunctions* functions) const {
  if (type == kUringHooks) {
    Plan all{programs_.first_place(), true, {}};
    for (const std::string& program : uring_of_kernel().programs) all.choice[program] = {};
    return {all};
  }
  const Hook& hook = hook_of(type);
  std::vector<Plan> plans;
  const auto plan = [&](Place place, const std::string& exit_program, const std::string& function) {
    Plan one{place, false, {{exit_program, {function, true, false}}}};
    const bool entry = place != Place::kTracepoint || !hook.entry_may_lack();
    if (entry && enter_programs_.contains(hook.enter_program()))
      one.choice[hook.enter_program()] = {function, false, false};
    plans.push_back(std::move(one));
  };
  const std::string own = functions ? first_of(hook.functions(false), *functions, not_probed_) : "";
  if (own.empty())
    plan(Place::kTracepoint, hook.exit_program(), "");
  else
    plan(Place::kFunction, hook.function_program(), own);
  const std::string for_32_bit = functions ? first_of(hook.functions(true), *functions, not_probed_) : "";
  if (!for_32_bit.empty()) plan(Place::kFunction32, hook.function_program(), for_32_bit);
  if (compat_ && way_ != Way::kTrampoline && !numbers_for_32_bit(type).empty() && !hook.is_wide() &&
      !enter_programs_.contains(hook.enter_program()))
    plans.push_back({Place::kEntry32, false, {{hook.function_program(), {kCompatTracepoint, true, false, true}}}});
  // i386 has these behind socketcall(), too
  const std::string function = "__sys_" + std::string(hook.event);
  if (!for_32_bit.empty() && (type == EVT_connect || type == EVT_bind) &&
      functions->has("__ia32_compat_sys_socketcall") && functions->has(function) && !not_probed_.contains(function))
    plans.back().choice[std::string(kSocketcallPrefix).append(hook.event)] = {function, true, false};
  return plans;
}

Choice CallHooks::inner_choice(const Types& types, const KernelFunctions* functions) const {
  Choice choice;
  for (const InnerHook* hook : inner_hooks_for(types, way_)) {
    const std::string function(hook->function);
    if (not_probed_.contains(function) || (functions && !functions->has(function))) continue;
    choice[std::string(hook->program)] = {function, hook->at_exit, way_ == Way::kKprobe};
  }
  return choice;
}

void CallHooks::prepare(tiercel_bpf& first) {
  first_ = &first;
  programs_.set_first(first);
  const bpf_program* program = nullptr;
  while ((program = bpf_object__next_program(first.obj, const_cast<bpf_program*>(program)))) {
    const std::string name = bpf_program__name(program);
    if (name.starts_with(kSysEnterPrefix)) enter_programs_.insert(name);
  }
}

Result<> CallHooks::load(const Types& types, const std::set<std::string>& others) {
  const auto functions = functions_for(way_);
  const KernelFunctions* known = functions.get();
  Choice chosen = programs_.always();
  for (const std::string& name : others) chosen.emplace(name, Chosen{});
  chosen.merge(inner_choice(types, known));
  for (uint16_t type : types)
    for (Plan& plan : plans_of(type, known))
      if (plan.place == programs_.first_place()) chosen.merge(plan.choice);
  compat_calls_.set_map(bpf_map__fd(first_->maps.compat_programs));
  return programs_.load(programs_.first_place(), chosen);
}

Result<> CallHooks::load_missing(const Types& types, const KernelFunctions* functions) {
  std::map<Place, Choice> missing;
  for (uint16_t type : types)
    for (const Plan& plan : plans_of(type, functions))
      for (const auto& [program, chosen] : plan.choice)
        if (!programs_.has(plan.place, program)) missing[plan.place][program] = chosen;
  if (missing.contains(Place::kEntry32) && !programs_.has(Place::kEntry32, kCompatProgram))
    missing[Place::kEntry32][kCompatProgram] = {};
  for (const auto& [program, chosen] : inner_choice(types, functions))
    if (!programs_.has(programs_.first_place(), program)) missing[programs_.first_place()][program] = chosen;
  for (const auto& [place, choice] : missing)
    if (auto loaded = programs_.load(place, choice); !loaded) return loaded;
  return {};
}

Result<Fd> CallHooks::at_tracepoint(const std::string& program, bool enter, uint16_t type) {
  const Hook& hook = hook_of(type);
  auto id = tracepoint_id(tracefs_.get(), hook.kernel_name(), enter);
  if (!id) return tl::unexpected(id.error());
  auto event = open_tracepoint(*id);
  if (!event) return tl::unexpected(event.error());
  bpf_link_create_opts options{};
  options.sz = sizeof options;
  options.perf_event.bpf_cookie = hook.cookie(type);
  Fd link(bpf_link_create(programs_.descriptor(Place::kTracepoint, program), event->get(), BPF_PERF_EVENT,
                          &options));  // it holds the event
  if (!link.valid()) return fail_errno("cannot attach to the system call " + std::string(hook.event), errno);
  if (::ioctl(event->get(), PERF_EVENT_IOC_ENABLE, 0) != 0)
    return fail_errno("cannot enable the hook on " + std::string(hook.event), errno);
  return link;
}

Result<Fd> CallHooks::at_function(Place place, const std::string& program) {
  Fd link(bpf_raw_tracepoint_open(nullptr, programs_.descriptor(place, program)));
  if (!link.valid()) return fail_errno("cannot attach " + program, errno);
  return link;
}

Result<> CallHooks::at_entry_32(const std::string& program, uint16_t type) {
  if (auto added = compat_calls_.add(type, numbers_for_32_bit(type), programs_.descriptor(Place::kEntry32, program));
      !added)
    return added;
  if (!compat_link_.empty()) return {};
  auto link = at_function(Place::kEntry32, kCompatProgram);
  if (!link) return tl::unexpected(link.error());
  compat_link_.push_back({0, kCompatProgram, how_of(Place::kEntry32), std::move(*link)});
  return {};
}

Result<Fd> CallHooks::at_kprobe(const std::string& program, const std::string& function) {
  const auto event = open_kprobe(function);
  if (!event) return tl::unexpected(event.error());
  Fd link(
      bpf_link_create(programs_.descriptor(programs_.first_place(), program), event->get(), BPF_PERF_EVENT, nullptr));
  if (!link.valid()) return fail_errno("cannot attach to the kernel's function " + function, errno);
  if (::ioctl(event->get(), PERF_EVENT_IOC_ENABLE, 0) != 0)
    return fail_errno("cannot enable the hook on the kernel's function " + function, errno);
  return link;
}

Result<> CallHooks::attach_plan(const Plan& plan, uint16_t type, std::vector<Link>& links) {
  for (bool enter : {true, false})
    for (const auto& [program, chosen] : plan.choice) {
      if (chosen.at_exit == enter) continue;
      if (plan.place == Place::kEntry32) {
        if (auto added = at_entry_32(program, type); !added) return added;
        continue;
      }
      const bool named = plan.place == Place::kTracepoint && !plan.of_no_call;
      auto link = named ? at_tracepoint(program, enter, type) : at_function(plan.place, program);
      if (!link && !chosen.function.empty()) not_probed_.insert(chosen.function);
      if (!link) return tl::unexpected(link.error());
      links.push_back({type, program, plan.of_no_call ? "BTF tracepoint" : how_of(plan.place), std::move(*link)});
    }
  return {};
}

Result<> CallHooks::attach_type(uint16_t type, const KernelFunctions* functions) {
  const Hook& hook = hook_of(type);
  std::vector<Link> links;
  const auto plans = plans_of(type, functions);
  for (const Plan& plan : plans) {
    if (plan.place == Place::kTracepoint && !plan.of_no_call) {
      if (auto id = tracepoint_id(tracefs_.get(), hook.kernel_name(), false); !id) {
        log::warning("the kernel has no tracepoint for {}: events of that type will not be seen ({})", hook.event,
                     id.error().message);
        absent_.insert(type);
        return {};
      }
    }
    const auto attached = attach_plan(plan, type, links);
    if (attached) continue;
    if (plan.place == Place::kTracepoint || plan.place == Place::kEntry32 || plan.of_no_call) return attached;
    log::debug("{}: {}", hook.event, attached.error().message);
    if (plan.place == Place::kFunction32) continue;
    // a function that cannot be traced: the call's tracepoint can
    if (auto loaded = load_missing({type}, functions); !loaded) return loaded;
    return attach_type(type, functions);
  }
  attached_[type] = std::move(links);
  return {};
}

// One that does not work leaves its arguments to the caller's memory, and they are marked.
void CallHooks::attach_inner(const Types& types, const KernelFunctions* functions) {
  for (const auto& [program, chosen] : inner_choice(types, functions)) {
    if (inner_.contains(program) || !programs_.has(programs_.first_place(), program)) continue;
    auto link = chosen.by_kprobe ? at_kprobe(program, chosen.function) : at_function(programs_.first_place(), program);
    if (link) {
      inner_.emplace(program, Link{0, program, chosen.by_kprobe ? "kprobe" : "function", std::move(*link)});
    } else {
      log::debug("{}: {}", program, link.error().message);
      not_probed_.insert(chosen.function);
    }
  }
}

Result<> CallHooks::attach(const Types& types) {
  Types to_attach;
  for (uint16_t type : types)
    if (!absent_.contains(type) && !attached_.contains(type)) to_attach.insert(type);
  if (to_attach.empty()) return {};
  const auto functions = functions_for(way_);
  const KernelFunctions* known = functions.get();
  if (auto loaded = load_missing(to_attach, known); !loaded) return loaded;
  if (!tracefs_.valid()) tracefs_ = open_tracefs();
  if (!tracefs_.valid())
    return fail(
        "cannot reach tracefs: mount it with `mount -t tracefs tracefs /sys/kernel/tracing`, or check that "
        "the kernel has CONFIG_FTRACE_SYSCALLS and is not locked down");
  attach_inner(to_attach, known);
  for (uint16_t type : to_attach)
    if (auto attached = attach_type(type, known); !attached) return attached;
  tell_inner();
  return {};
}

// Of which calls the hooks within them keep something.
void CallHooks::tell_inner() {
  if (way_ == Way::kTracepoint) return;
  std::set<int> numbers;
  for (const auto& [type, links] : attached_)
    if (has_inner_hook(type)) numbers.insert(hook_of(type).number);
  for (int number = 0; number < static_cast<int>(std::size(first_->bss->inner_wanted)); ++number)
    std::atomic_ref<uint8_t>(const_cast<uint8_t&>(first_->bss->inner_wanted[number])) =
        numbers.contains(number) ? 1 : 0;
}

std::vector<Fd> CallHooks::keep_only(const Types& types) {
  std::vector<Fd> links;
  for (auto hook = attached_.begin(); hook != attached_.end();) {
    if (types.contains(hook->first)) {
      ++hook;
      continue;
    }
    for (Link& link : hook->second) links.push_back(std::move(link.fd));
    hook = attached_.erase(hook);
  }
  std::set<std::string> needed;
  for (const InnerHook* hook : inner_hooks_for(types, way_)) needed.emplace(hook->program);
  for (auto hook = inner_.begin(); hook != inner_.end();) {
    if (needed.contains(hook->first)) {
      ++hook;
      continue;
    }
    links.push_back(std::move(hook->second.fd));
    hook = inner_.erase(hook);
  }
  if (first_ != nullptr) tell_inner();
  compat_calls_.keep_only(types);
  if (compat_calls_.empty())
    for (Link& link : std::exchange(compat_link_, {})) links.push_back(std::move(link.fd));
  return links;
}

std::vector<const CallHooks::Link*> CallHooks::links() const {
  std::vector<const Link*> all;
  for (const auto& [type, links] : attached_)
    for (const Link& link : links) all.push_back(&link);
  for (const auto& [program, link] : inner_) all.push_back(&link);
  for (const Link& link : compat_link_) all.push_back(&link);
  return all;
}

int CallHooks::other(const std::string& program) const {
  return programs_.has(programs_.first_place(), program) ? programs_.descriptor(programs_.first_place(), program) : -1;
}

std::vector<int> CallHooks::descriptors(const std::string& program) const {
  std::vector<int> found;
  for (const Place place : {Place::kTracepoint, Place::kFunction, Place::kFunction32, Place::kEntry32})
    if (programs_.has(place, program)) found.push_back(programs_.descriptor(place, program));
  return found;
}

Result<> CallHooks::load_other(const std::string& program) {
  return programs_.load(programs_.first_place(), {{program, Chosen{}}});
}

}  // namespace tiercel::sensor
