// Kept: the group's last good set on the disk, so that it applies before a manager is reached, and the last refusal, so
// that a manager is told of the file that it sent, and does not send it for ever.
//
//   FOLDER/MD5/merged.mg, and of it what is ours: tiercel.yaml, tiercel-rules/..., ar.conf
//   FOLDER/current -> MD5     exchanged by one rename: a crash at any instant leaves the old set or the new one
//   FOLDER/refused
//
// What is read back is merged.mg, and only if its MD5 is that of its name: the parts are for people. One thread.
#pragma once

#include <optional>
#include <string>

#include "agent/base/result.h"
#include "agent/group/group_set.h"

namespace tiercel::group {

struct Refusal {
  std::string md5;
  std::string file;  // as in the group's folder, or one of the host's; "merged.mg": all of it
  int line = 0;      // 0: none
  int column = 0;
  std::string reason;      // one line
  std::string conditions;  // what else decided: with other conditions the same file may be good
};

class Kept {
 public:
  explicit Kept(std::string folder) : folder_(std::move(folder)) {}

  // Nothing: there is none, or none that is whole.
  [[nodiscard]] std::optional<GroupSet> load() const;
  // Takes the old set's place. After an error the old set is still the one that load() gives.
  Result<> keep(const GroupSet& set, const std::string& merged);

  [[nodiscard]] std::optional<Refusal> refusal() const;
  Result<> remember(const Refusal& refusal);
  void forget_refusal();

 private:
  [[nodiscard]] std::string path(const std::string& name) const { return folder_ + "/" + name; }
  [[nodiscard]] std::string linked() const;  // the name of the current set; empty: none
  Result<> write_parts(const std::string& into, const GroupSet& set, const std::string& merged) const;
  void remove_all_but(const std::string& name) const;

  std::string folder_;
};

}  // namespace tiercel::group
