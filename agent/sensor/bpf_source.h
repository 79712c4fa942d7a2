// BpfSource: records from the running kernel. libbpf stays behind bpf_source.cpp. Needs root (CAP_BPF, CAP_PERFMON,
// CAP_SYS_ADMIN for tracefs), BTF, and a kernel with what the programs use (5.17 and later); start() says what is
// missing and the way out.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "agent/sensor/budget.h"
#include "agent/sensor/source.h"

namespace tiercel::sensor {

struct BpfOptions {
  Wanted wanted;
  size_t ring_vital_bytes = 4u << 20;  // powers of two
  size_t ring_bulk_bytes = 8u << 20;
  std::string attach = "auto";  // or a name of way.h
  bool compat_calls = false;    // 32-bit callers too, where the way does not see them: compat_calls.h
  BudgetOptions budget;
};

[[nodiscard]] std::unique_ptr<Source> make_bpf_source(BpfOptions options);

// Loads every program and takes them back: nothing tells better whether the kernel accepts them. attach: as above.
[[nodiscard]] Result<> try_programs(std::string_view attach = "auto");

}  // namespace tiercel::sensor
