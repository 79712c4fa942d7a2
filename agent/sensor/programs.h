// Programs: the sensor's programs, loaded from copies of one object whose maps are those of the first. A copy has one
// setting of what its programs find fixed (rodata). One thread at a time.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <set>
#include <string>

#include "agent/base/fd.h"
#include "agent/base/result.h"
#include "agent/sensor/way.h"

struct tiercel_bpf;

namespace tiercel::sensor {

// What a program at a system call is attached to.
enum class Place : uint8_t {
  kTracepoint,  // of the call
  kFunction,    // the call's own function
  kFunction32,  // that of 32-bit callers
  kEntry32,     // the tracepoint of all calls, for 32-bit callers: compat_calls.h
};

// A program to load; `function`: of the kernel, what the program belongs to from its load on, where that is so.
struct Chosen {
  std::string function;
  bool at_exit = true;
  bool by_kprobe = false;
  bool is_tracepoint = false;  // not a function: a BTF tracepoint
};
using Choice = std::map<std::string, Chosen>;  // by the program's name

class Programs {
 public:
  Programs() = default;
  void set_way(Way way) { way_ = way; }

  // Of the object that is to be loaded first, before its load: its settings, and which programs.
  Result<> choose(tiercel_bpf& first, const Choice& choice, const std::set<std::string>& others);
  // After it.
  void keep(tiercel_bpf& first, const Choice& choice, const std::set<std::string>& others);
  // Programs that the first load left out.
  Result<> load(Place place, const Choice& choice);

  [[nodiscard]] bool has(Place place, const std::string& program) const { return of(place).contains(program); }
  [[nodiscard]] int descriptor(Place place, const std::string& program) const { return of(place).at(program).get(); }
  // What the first object's programs at calls belong to.
  [[nodiscard]] Place first_place() const { return way_ == Way::kTrampoline ? Place::kFunction : Place::kTracepoint; }

 private:
  using Loaded = std::map<std::string, Fd>;
  [[nodiscard]] const Loaded& of(Place place) const { return loaded_[static_cast<size_t>(place)]; }
  void keep_from(const tiercel_bpf& object, Place place, const Choice& choice);

  Way way_ = Way::kTracepoint;
  tiercel_bpf* first_ = nullptr;
  std::array<Loaded, 4> loaded_;
};

}  // namespace tiercel::sensor
