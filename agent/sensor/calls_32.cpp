#include "agent/sensor/calls_32.h"

// Alone: no other header here may bring the numbers of this program's own calls.
#ifdef __x86_64__
#include <asm/unistd_32.h>
#endif

#include <iterator>
#include <string_view>

#include "agent/sensor/call_number.h"

// Falco's names of two calls.
#define __NR_pread __NR_pread64
#define __NR_pwrite __NR_pwrite64

namespace tiercel::sensor {
namespace {

// Numbers that 16-bit users once had, those with a 32 behind their names, and others that came later.
struct Numbers {
  std::string_view name;
  int old = -1, now = -1;
};
constexpr Numbers kNumbers[] = {
    {},
#define EVENT(name, record, ring, category, flags, hook, params) \
  {#name, CALL_NUMBER_OF(__NR_##name), CALL_NUMBER_OF(__NR_##name##32)},
#include "bpf/schema/events.def"
};

struct Other {
  std::string_view name;
  int number;  // in place of `old`
};
#ifdef __x86_64__
constexpr Other kOthers[] = {{"fcntl", __NR_fcntl64},
                             {"mmap", __NR_mmap2} /* the old one has its arguments in memory */};
#else
constexpr Other kOthers[] = {{"", -1}};
#endif

}  // namespace

std::vector<uint32_t> numbers_for_32_bit(uint16_t type) {
  std::vector<uint32_t> numbers;
  if (type >= std::size(kNumbers)) return numbers;
  const Numbers& known = kNumbers[type];
  int old = known.old;
  for (const Other& other : kOthers)
    if (known.name == other.name && !known.name.empty()) old = other.number;
  for (int number : {old, known.now})
    if (number >= 0) numbers.push_back(static_cast<uint32_t>(number));
  return numbers;
}

}  // namespace tiercel::sensor
