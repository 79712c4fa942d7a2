// Order: one response that an alert asks for, as plain values that may cross a thread: what is to be done, to whom, and
// what may be spent on it. Made on the deciding thread (agent/response_orders.h), carried out by engine.h. No rules
// here.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "agent/alert/alert.h"

namespace tiercel::response {

enum class Act : uint8_t { kKill, kSignal, kSuspend, kIsolate, kBlock, kQuarantine, kExec };
enum class Reach : uint8_t { kProcess, kTree, kContainer };
[[nodiscard]] const char* text_of(Act act);      // "kill", as rules write it
[[nodiscard]] const char* text_of(Reach reach);  // "process"

// What the kernel did of itself before any event came here.
struct KernelDeed {
  enum class What : uint8_t { kSent, kWould, kBudget };  // kWould: a dry run; kBudget: spent, so nothing was done
  What what = What::kSent;
  uint64_t time_ns = 0;  // CLOCK_BOOTTIME
};

struct Order {
  std::string response;  // the response rule's name
  Act act = Act::kKill;
  Reach reach = Reach::kProcess;
  int signal = 0;                    // kSignal
  uint64_t timeout_ms = 0;           // undone after so long, 0: until somebody does. kExec: its time limit
  std::vector<std::string> program;  // kExec
  bool dry_run = false;
  uint32_t budget_per_min = 0;

  // Who it is about. pid in the root namespace; start_ns is the kernel's start_boottime.
  int32_t pid = 0;
  uint64_t start_ns = 0;
  std::string process;
  std::string container_id, container_name;  // the whole id; empty: on the host
  std::string address;                       // kBlock: a plain address
  // kQuarantine: the path as the kernel opened it, seen from the process's root.
  struct File {
    std::string path;
    uint64_t ino = 0;  // 0: not known
    bool is_program = false;
  } file;

  uint64_t event_ns = 0;  // CLOCK_BOOTTIME: the kernel's time of the event
  alert::AlertPtr alert;  // never null
  std::optional<KernelDeed> kernel;
  // Looks for it again, from the engine's thread: the kernel writes it down some microseconds after the event was told.
  // Empty: the kernel has no part in this.
  std::function<std::optional<KernelDeed>()> ask_kernel;
};

}  // namespace tiercel::response
