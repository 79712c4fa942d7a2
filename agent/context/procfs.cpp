#include "agent/context/procfs.h"

#include <unistd.h>

#include <array>
#include <cstdlib>

#include "agent/base/fd.h"
#include "agent/context/image.h"
#include "bpf/schema/limits.h"

namespace tiercel::context {
namespace {

constexpr size_t kCmdlineMax = 1u << 20;

std::string read_link(const std::string& path) {
  std::array<char, TIERCEL_PATH_MAX> target{};
  const ssize_t n = ::readlink(path.c_str(), target.data(), target.size());
  return n > 0 ? std::string(target.data(), static_cast<size_t>(n)) : std::string();
}

}  // namespace

bool Procfs::is_same(const Process& process) const {
  auto stat = read_pseudo_file(root_ + "/" + std::to_string(process.key.pid) + "/stat", 4096);
  if (!stat) return false;
  size_t at = stat->rfind(')');  // comm may hold anything
  if (at == std::string::npos) return false;
  for (int field = 2; field < 22 && at != std::string::npos; ++field) at = stat->find(' ', at + 1);
  if (at == std::string::npos) return false;
  const auto ticks = std::strtoull(stat->c_str() + at, nullptr, 10);
  const auto hertz = static_cast<uint64_t>(::sysconf(_SC_CLK_TCK));
  return ticks == process.key.start_ns / (1'000'000'000 / hertz);
}

void Procfs::fill(Process& process) const {
  const std::string dir = root_ + "/" + std::to_string(process.key.pid);
  auto image = std::make_shared<Image>(process.image ? *process.image : Image{});
  if (auto cmdline = read_pseudo_file(dir + "/cmdline", kCmdlineMax)) {
    image->argv_size = static_cast<uint32_t>(cmdline->size());
    if (cmdline->size() > TIERCEL_ARGV_WHOLE_MAX) {
      const size_t cut = cmdline->size() - TIERCEL_ARGV_WHOLE_MAX;
      image->argv_cut = true;
      cmdline->replace(TIERCEL_ARGV_HEAD, cut, "[..." + std::to_string(cut) + " bytes cut...]");
    }
    set_argv(*image, *cmdline);
  }
  if (image->comm.empty())
    if (auto comm = read_pseudo_file(dir + "/comm", 64); comm && !comm->empty())
      image->comm = comm->substr(0, comm->find('\n'));
  if (image->exepath.empty()) image->exepath = without_deleted(read_link(dir + "/exe"));
  std::string cwd = process.cwd.empty() ? read_link(dir + "/cwd") : process.cwd;
  if (!is_same(process)) return;
  process.image = std::move(image);
  process.cwd = std::move(cwd);
}

}  // namespace tiercel::context
