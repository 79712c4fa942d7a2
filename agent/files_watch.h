// FilesWatch: whether what the agent consists of on the disk was changed or removed by somebody else: its key, its
// configuration, its rules, its unit, its program. It asks for each file's facts instead of being told by inotify: some
// dozens of calls every two seconds cost next to nothing, miss nothing that lasts, and hold on network file systems and
// for folders that are replaced. One thread, which may wait for a disk.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "agent/alert/report.h"

namespace tiercel {

inline constexpr const char* kFileRule = "Tiercel internal: file changed";

class FilesWatch {
 public:
  enum class Kind : uint8_t { kKey, kConfiguration, kRules, kUnit, kProgram };
  struct Place {
    Kind kind = Kind::kRules;
    std::string path;  // a file; for rules, a folder of such as well
  };
  // `ours`: the agent wrote the key itself, as it stands there now.
  explicit FilesWatch(std::vector<Place> places, std::function<bool(const std::string& path)> ours = {});

  // The first look only takes note.
  [[nodiscard]] std::vector<alert::Report> look();

 private:
  struct Facts {
    Kind kind = Kind::kRules;
    uint64_t device = 0, inode = 0, size_bytes = 0;
    int64_t written_ns = 0, changed_ns = 0;
    uint32_t mode = 0, uid = 0, gid = 0;
  };
  using Seen = std::map<std::string, Facts>;
  [[nodiscard]] Seen facts() const;
  [[nodiscard]] static std::string difference(const Facts& before, const Facts& now);

  std::vector<Place> places_;
  std::function<bool(const std::string& path)> ours_;
  Seen seen_;
  bool looked_ = false;
};

}  // namespace tiercel
