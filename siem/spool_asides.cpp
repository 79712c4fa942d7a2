#include "siem/spool_asides.h"

#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

#include "agent/base/log.h"

namespace tiercel::siem {
namespace {

constexpr size_t kFilesMax = 9;  // beyond it a file is kept, but not read
constexpr const char* kImportEnding = ".import";
constexpr const char* kDamagedEnding = ".damaged";
constexpr std::array kParts{"", "-wal", "-shm"};

bool exists(const std::string& path) {
  struct stat facts {};
  return ::lstat(path.c_str(), &facts) == 0;
}

std::string import_name(const std::string& path, size_t number) {
  return path + kImportEnding + (number == 1 ? "" : fmt::format("-{}", number));
}

Asides::Facts because(const char* why) {
  Asides::Facts facts;
  facts.why = why;
  return facts;
}

void remove_files(const std::string& path) {
  for (const char* part : kParts) ::unlink((path + part).c_str());
}

// The file itself last: as long as it has its name, the move can be tried again.
bool move_files(const std::string& from, const std::string& to) {
  for (size_t i = kParts.size(); i-- > 0;) {
    const std::string source = from + kParts[i], target = to + kParts[i];
    ::unlink(target.c_str());
    if (::rename(source.c_str(), target.c_str()) == 0 || errno == ENOENT) continue;
    log::error("cannot rename {} to {}: {}", source, target, std::strerror(errno));
    return false;
  }
  return true;
}

}  // namespace

void Asides::find() {
  for (size_t number = 1; number <= kFilesMax; ++number)
    if (const std::string name = import_name(path_, number); exists(name))
      files_.push_back({name, because("an earlier rescue was broken off"), nullptr});
}

void Asides::add(Facts facts) {
  if (!facts.has_name) {
    files_.push_back({"", std::move(facts), nullptr});
    for (const char* part : {"-wal", "-shm"}) ::unlink((path_ + part).c_str());  // they are the open file's
    // What is there now is somebody else's, whatever it holds.
    facts = because("it was in the spool's place");
  }
  waiting_ = std::move(facts);
}

std::string Asides::free_name() const {
  for (size_t number = 1; number <= kFilesMax; ++number) {
    const std::string name = import_name(path_, number);
    const auto is_it = [&name](const Aside& aside) { return aside.path == name; };
    if (std::none_of(files_.begin(), files_.end(), is_it)) return name;
  }
  return path_ + kDamagedEnding;
}

bool Asides::move() {
  if (!waiting_) {
    remove_files(path_);  // of a try of our own to make it: nothing was ever committed to it
    return !exists(path_);
  }
  if (exists(path_)) {
    const std::string name = free_name();
    if (!move_files(path_, name)) return false;
    files_.push_back({name, std::move(*waiting_), nullptr});
  } else {
    remove_files(path_);  // a log without its file
    if (waiting_->rows_at_most.value_or(0) > 0)
      files_.push_back({"", std::move(*waiting_), nullptr});  // lost, and told
  }
  waiting_.reset();
  return true;
}

std::optional<std::vector<alert::AlertPtr>> Asides::next(size_t most) {
  if (files_.empty()) return std::nullopt;
  Aside& first = files_.front();
  if (!first.import && !first.facts.has_name)
    first.import = std::make_unique<Import>(first.facts.open, first.facts.bounds);
  else if (!first.import && !first.path.empty())
    first.import = std::make_unique<Import>(first.path, first.facts.bounds);
  if (!first.import) return std::nullopt;
  return first.import->next(most);
}

Asides::End Asides::end_first() {
  Aside first = std::move(files_.front());
  files_.pop_front();
  End end{first.facts.why, "", first.import ? first.import->rows() : 0, {}};
  const bool whole = first.import && first.import->whole();
  if (first.facts.rows_at_most) {
    const uint64_t accounted = end.rows + (first.import ? first.import->rows_before() : 0);
    end.lost_at_most = *first.facts.rows_at_most - std::min(accounted, *first.facts.rows_at_most);
  }
  first.import.reset();
  first.facts.open.reset();
  if (first.path.empty()) return end;
  if (whole) {
    remove_files(first.path);
  } else {
    end.kept_as = path_ + kDamagedEnding;
    if (first.path != end.kept_as && !move_files(first.path, end.kept_as)) end.kept_as = first.path;
  }
  return end;
}

}  // namespace tiercel::siem
