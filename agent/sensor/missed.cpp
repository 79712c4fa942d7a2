#include "agent/sensor/missed.h"

#include <bpf/bpf.h>
#include <linux/bpf.h>

#include <charconv>
#include <filesystem>

namespace tiercel::sensor {
namespace {

constexpr const char* kDescriptors = "/proc/self/fd";
constexpr const char* kProgram = "anon_inode:bpf-prog";

}  // namespace

uint64_t MissedRuns::look() {
  std::error_code failed;
  for (const auto& entry : std::filesystem::directory_iterator(kDescriptors, failed)) {
    std::error_code closed;  // meanwhile
    if (std::filesystem::read_symlink(entry.path(), closed) != kProgram) continue;
    const std::string name = entry.path().filename().string();
    int fd = -1;
    std::from_chars(name.data(), name.data() + name.size(), fd);
    bpf_prog_info info{};
    __u32 size = sizeof info;
    if (bpf_obj_get_info_by_fd(fd, &info, &size) == 0) of_program_[info.id] = info.recursion_misses;
  }
  uint64_t sum = 0;
  for (const auto& [id, missed] : of_program_) sum += missed;
  return sum;
}

}  // namespace tiercel::sensor
