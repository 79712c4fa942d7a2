// Through libseccomp. What is not allowed fails with EPERM: a library that wants something new must not end the agent
// and leave the host unwatched. What only an intruder asks for ends it at once, and the kernel's log says so (audit
// type 1326): the service manager starts another one, which reports the gap. EPERM is not logged: clone3, which every
// new thread asks for first, would be as well.
#include <linux/bpf.h>
#include <linux/perf_event.h>
#include <linux/sockios.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstdint>
#include <memory>

#include "agent/hardening/parts.h"

namespace tiercel::hardening {
namespace {

constexpr const char* kCalls[] = {
#define CALL(name) #name,
#include "agent/hardening/system_calls.def"
};
constexpr const char* kFatal[] = {
#define FATAL(name) #name,
#include "agent/hardening/system_calls.def"
};

constexpr unsigned kFamilies[] = {AF_UNIX, AF_INET, AF_INET6, AF_NETLINK};  // netlink: this host's addresses

// Loading, maps, attaching, iterators. Never: pinning, other programs' objects by id, cgroup and network programs.
constexpr unsigned kBpfCommands[] = {BPF_MAP_CREATE,         BPF_MAP_LOOKUP_ELEM,    BPF_MAP_UPDATE_ELEM,
                                     BPF_MAP_DELETE_ELEM,    BPF_MAP_GET_NEXT_KEY,   BPF_MAP_LOOKUP_AND_DELETE_ELEM,
                                     BPF_MAP_LOOKUP_BATCH,   BPF_MAP_UPDATE_BATCH,   BPF_MAP_DELETE_BATCH,
                                     BPF_MAP_FREEZE,         BPF_PROG_LOAD,          BPF_PROG_BIND_MAP,
                                     BPF_BTF_LOAD,           BPF_OBJ_GET_INFO_BY_FD, BPF_LINK_CREATE,
                                     BPF_LINK_UPDATE,        BPF_LINK_DETACH,        BPF_ITER_CREATE,
                                     BPF_RAW_TRACEPOINT_OPEN};

constexpr uint64_t kNamespaces =
    CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET;
constexpr unsigned kIoctls[] = {PERF_EVENT_IOC_ENABLE,
                                PERF_EVENT_IOC_DISABLE,
                                PERF_EVENT_IOC_SET_BPF,
                                TCGETS,
                                TIOCGWINSZ,
                                FIONBIO,
                                FIONREAD,
                                FIOCLEX,
                                SIOCGIFNAME,
                                SIOCGIFINDEX,
                                SIOCOUTQ,
                                0xc040ff0b};  // PIDFD_GET_INFO: how the agent ended, for its witness
constexpr unsigned kPrctls[] = {PR_SET_NAME, PR_GET_NAME, PR_GET_DUMPABLE, PR_CAPBSET_READ,
                                0x53564d41};  // PR_SET_VMA: names of heaps

class Filter {
 public:
  Filter() : context_(::seccomp_init(SCMP_ACT_ERRNO(EPERM)), ::seccomp_release) {}

  [[nodiscard]] bool valid() const { return context_ != nullptr; }
  void set(scmp_filter_attr attribute, uint32_t value) { note(::seccomp_attr_set(context_.get(), attribute, value)); }
  // A name that this libseccomp does not know is passed by.
  void add(uint32_t action, const char* name) {
    const int number = ::seccomp_syscall_resolve_name(name);
    if (number != __NR_SCMP_ERROR) note(::seccomp_rule_add_array(context_.get(), action, number, 0, nullptr));
  }
  void allow_if(const char* name, scmp_arg_cmp condition) { answer_if(SCMP_ACT_ALLOW, name, condition); }
  void answer_if(uint32_t action, const char* name, scmp_arg_cmp condition) {
    note(::seccomp_rule_add_array(context_.get(), action, ::seccomp_syscall_resolve_name(name), 1, &condition));
  }
  int load() {
    if (failure_ == 0) failure_ = ::seccomp_load(context_.get());
    return -failure_;
  }

 private:
  void note(int result) {
    if (result != 0 && failure_ == 0) failure_ = result;
  }

  std::unique_ptr<void, void (*)(scmp_filter_ctx)> context_;
  int failure_ = 0;  // -errno of the first that failed
};

scmp_arg_cmp argument(unsigned at, scmp_compare how, uint64_t mask, uint64_t value) {
  return {at, how, mask, value};
}

// Of an int, the kernel looks at the lower half of the register only.
template <class Values>
void allow_values(Filter& filter, const char* name, unsigned at, const Values& values) {
  for (const unsigned value : values) filter.allow_if(name, argument(at, SCMP_CMP_MASKED_EQ, 0xffff'ffff, value));
}

void add_by_argument(Filter& filter) {
  allow_values(filter, "socket", 0, kFamilies);
  allow_values(filter, "bpf", 0, kBpfCommands);
  allow_values(filter, "prctl", 0, kPrctls);
  allow_values(filter, "ioctl", 1, kIoctls);
  // "There is no other BTF than the kernel's own": libbpf looks into those of modules for what it does not find there.
  filter.answer_if(SCMP_ACT_ERRNO(ENOENT), "bpf", argument(0, SCMP_CMP_MASKED_EQ, 0xffff'ffff, BPF_BTF_GET_NEXT_ID));
  filter.allow_if("clone", argument(0, SCMP_CMP_MASKED_EQ, kNamespaces, 0));
  constexpr uint64_t kBoth = PROT_WRITE | PROT_EXEC;
  for (const uint64_t some : {uint64_t{0}, uint64_t{PROT_WRITE}, uint64_t{PROT_EXEC}})
    filter.allow_if("mmap", argument(2, SCMP_CMP_MASKED_EQ, kBoth, some));
  filter.allow_if("mprotect", argument(2, SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
}

}  // namespace

Result<> filter_system_calls() {
  Filter filter;
  if (!filter.valid()) return fail("cannot make a filter for system calls: out of memory");
  constexpr uint32_t kBinaryTree = 2;
  filter.set(SCMP_FLTATR_CTL_OPTIMIZE, kBinaryTree);
  for (const char* name : kCalls) filter.add(SCMP_ACT_ALLOW, name);
  for (const char* name : kFatal) filter.add(SCMP_ACT_KILL_PROCESS, name);
  // Its flags lie in memory, where no filter sees them: libc goes on with clone, whose flags are looked at.
  filter.add(SCMP_ACT_ERRNO(ENOSYS), "clone3");
  add_by_argument(filter);
  if (const int failure = filter.load(); failure != 0)
    return fail_errno("cannot install the filter for system calls", failure);
  return {};
}

}  // namespace tiercel::hardening
