// KernelResponses: the maps of bpf/include/{verdict,kill}.h as user space fills and reads them: which conditions are in
// force, which cgroups are containers', who is protected, and what was done. The descriptors of the maps are the
// caller's, who keeps them open. set() from one thread at a time; the rest from any.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "agent/base/result.h"
#include "bpf/schema/condition.h"

namespace tiercel::sensor {

// A response that the kernel carries out: agent/rule/exact.h makes program, texts and bits.
struct KernelResponse {
  uint64_t id = 0;  // the same over reloads: kernel_response_id()
  int signal = 9;
  bool dry_run = false;
  uint32_t budget_per_min = 0;
  std::vector<cond_inst> program;
  std::vector<cond_text> texts;
  uint32_t bits = 0;
};
// FNV-1a of the response's name.
[[nodiscard]] uint64_t kernel_response_id(std::string_view name);
[[nodiscard]] bool operator==(const KernelResponse& a, const KernelResponse& b);

// What the kernel did when that image of a process began.
struct KernelDeed {
  cond_deed deed = CD_NONE;
  int error = 0;         // CD_FAILED: errno
  uint64_t time_ns = 0;  // CLOCK_BOOTTIME
};

class KernelResponses {
 public:
  struct Maps {
    int sets = -1, texts = -1, containers = -1, protected_processes = -1, budgets = -1, deeds = -1;
  };
  KernelResponses() = default;
  explicit KernelResponses(Maps maps) : maps_(maps) {}

  // These and no others are in force from here on: no program judges by a mixture, and none by the old ones once this
  // returns. Those that do not fit beside the ones before them (condition.h has the limits) are left out; returns which
  // are in force, one for each.
  Result<std::vector<bool>> set(std::span<const KernelResponse> responses);
  // A container's cgroup, or no more.
  void know_container(uint64_t cgroup_id, bool is_one) const;
  void protect(uint32_t pid, bool descendants) const;
  // Nothing: no condition of that response held, or it was too long ago (the kernel keeps the latest 8192).
  [[nodiscard]] std::optional<KernelDeed> deed(uint64_t id, uint32_t pid, uint64_t start_ns, uint32_t exec_id) const;

 private:
  Result<> add_texts(const KernelResponse& response, uint32_t first_bit);
  void drop_texts(uint32_t generation);
  Result<> keep_budgets(std::span<const KernelResponse> responses);
  void drop_budgets_except(std::span<const KernelResponse> responses);
  Maps maps_;
  uint32_t generation_ = 0;
};

}  // namespace tiercel::sensor
