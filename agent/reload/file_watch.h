// FileWatch: says that files or folders may have changed, in whatever way they change: written in place, renamed over
// (editors), removed and made anew, reached through symlinks that are swapped (a Kubernetes ConfigMap's ..data), added
// to or removed from a folder, or not there yet. It watches the folders in which the names stand, by inotify(7), and
// all folders on the way that hold a symlink. What it says is a hint: compare fingerprints before acting on it.
//
// What inotify does not see (network file systems, a folder far above that was replaced) is the caller's to look for
// now and then; where there is no inotify at all fd() is -1. One thread.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "agent/base/fd.h"

namespace tiercel::reload {

class FileWatch {
 public:
  FileWatch();

  // Readable when there is something for take_events().
  [[nodiscard]] int fd() const { return inotify_.get(); }
  // Watches what stands under these paths now, and nothing else. To be called again after each change: symlinks may
  // point elsewhere by then, and what was missing may be there.
  void watch(const std::vector<std::string>& paths);
  // True: something that was told since the last call is about the paths.
  bool take_events();
  // A file of ours was written to and not closed yet.
  [[nodiscard]] bool being_written() const { return !being_written_.empty(); }
  // Some folder could not be watched: there are not enough watches.
  [[nodiscard]] bool is_blind() const { return blind_; }

 private:
  struct Interest {
    bool rule_files = false;      // a rules folder: every rule file in it
    std::set<std::string> names;  // besides
  };
  using Interests = std::map<int, Interest>;  // by watch descriptor
  Interest* add(const std::string& folder, Interests& interests);
  void follow(const std::string& path, Interests& interests);
  void follow_folder(const std::string& folder, Interests& interests);
  bool take(int watch, uint32_t mask, const std::string& name);

  Fd inotify_;
  Interests interests_;
  std::set<std::pair<int, std::string>> being_written_;
  bool blind_ = false;
};

}  // namespace tiercel::reload
