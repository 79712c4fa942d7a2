#include "agent/tracer_watch.h"

#include <fmt/core.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <climits>
#include <string>
#include <utility>

#include "agent/base/fd.h"

namespace tiercel {
namespace {

constexpr size_t kStatusBytesMax = 1 << 16;

std::string program_of(int32_t pid) {
  std::array<char, PATH_MAX> path{};
  const ssize_t size = ::readlink(fmt::format("/proc/{}/exe", pid).c_str(), path.data(), path.size());
  return size > 0 ? std::string(path.data(), static_cast<size_t>(size)) : std::string();
}

}  // namespace

int32_t tracer_in(std::string_view status) {
  constexpr std::string_view kKey = "\nTracerPid:\t";
  const size_t at = status.find(kKey);
  if (at == std::string_view::npos) return 0;
  int32_t pid = 0;
  const std::string_view value = status.substr(at + kKey.size());
  std::from_chars(value.data(), value.data() + value.size(), pid);
  return pid;
}

std::optional<alert::Report> TracerWatch::look() {
  const auto status = read_pseudo_file("/proc/self/status", kStatusBytesMax);
  return status ? look_at(tracer_in(*status)) : std::nullopt;
}

std::optional<alert::Report> TracerWatch::look_at(int32_t tracer) {
  if (std::exchange(tracer_, tracer) == tracer || tracer == 0) return std::nullopt;
  const std::string program = program_of(tracer);
  return alert::Report{
      Priority::kCritical,
      "Tiercel internal: agent traced",
      fmt::format("the agent is traced by process {} ({}): it can be stopped, blinded and changed from there", tracer,
                  program.empty() ? "which has ended" : program),
      {{"tracer_pid", int64_t{tracer}}, {"tracer_exe", program}}};
}

}  // namespace tiercel
