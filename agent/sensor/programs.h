// Programs: the sensor's programs, loaded from copies of one object that work on the maps of the first, of which no
// program is loaded. A copy has one setting of what its programs find fixed (rodata). One thread at a time.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <set>
#include <string>

#include "agent/base/fd.h"
#include "agent/base/result.h"
#include "agent/sensor/bpf_object.h"
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

  // The object that makes the maps, before its load.
  void set_first(tiercel_bpf& first);
  // Those that hang on no call, and are needed whatever the rules ask for.
  [[nodiscard]] Choice always() const;
  // On two threads, where it is worth it: the verifier takes longer than everything else at the start.
  Result<> load(Place place, const Choice& choice);

  [[nodiscard]] bool has(Place place, const std::string& program) const { return of(place).contains(program); }
  [[nodiscard]] int descriptor(Place place, const std::string& program) const { return of(place).at(program).get(); }
  // Where programs at calls are loaded for, unless one needs another place.
  [[nodiscard]] Place first_place() const { return way_ == Way::kTrampoline ? Place::kFunction : Place::kTracepoint; }

 private:
  using Loaded = std::map<std::string, Fd>;
  [[nodiscard]] const Loaded& of(Place place) const { return loaded_[static_cast<size_t>(place)]; }
  [[nodiscard]] Result<BpfObject> load_copy(Place place, const Choice& choice) const;
  [[nodiscard]] std::array<Choice, 2> halves(const Choice& choice) const;
  void keep_from(const tiercel_bpf& object, Place place, const Choice& choice);

  Way way_ = Way::kTracepoint;
  tiercel_bpf* first_ = nullptr;
  std::array<Loaded, 4> loaded_;
};

}  // namespace tiercel::sensor
