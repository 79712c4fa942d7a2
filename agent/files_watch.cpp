#include "agent/files_watch.h"

#include <fmt/core.h>
#include <sys/stat.h>

#include <string_view>
#include <utility>

#include "agent/reload/fingerprint.h"

namespace tiercel {
namespace {

constexpr int64_t kSecondNs = 1'000'000'000;

std::string_view name_of(FilesWatch::Kind kind) {
  switch (kind) {
    case FilesWatch::Kind::kKey:
      return "key";
    case FilesWatch::Kind::kConfiguration:
      return "configuration";
    case FilesWatch::Kind::kUnit:
      return "unit";
    case FilesWatch::Kind::kProgram:
      return "program";
    case FilesWatch::Kind::kRules:
      break;
  }
  return "rules";
}

// Rules and the configuration are what operators change; a removal is not how they do it.
Priority priority_of(FilesWatch::Kind kind, std::string_view what) {
  const bool operators = kind == FilesWatch::Kind::kRules || kind == FilesWatch::Kind::kConfiguration;
  if (operators) return what == "removed" ? Priority::kError : Priority::kNotice;
  return Priority::kError;
}

// What operators do every day is for the manager and files, not for who reads alerts as they come.
alert::Report told(FilesWatch::Kind kind, const std::string& path, const std::string& what) {
  alert::Report report{priority_of(kind, what),
                       kFileRule,
                       fmt::format("{} of the agent was {}, and not by the agent: {}", name_of(kind), what, path),
                       {{"file", path}, {"kind", std::string(name_of(kind))}, {"what", what}}};
  report.routine = report.priority == Priority::kNotice;
  return report;
}

}  // namespace

FilesWatch::FilesWatch(std::vector<Place> places, std::function<bool(const std::string& path)> ours)
    : places_(std::move(places)), ours_(std::move(ours)) {}

FilesWatch::Seen FilesWatch::facts() const {
  Seen seen;
  for (const Place& place : places_) {
    const std::vector<std::string> files =
        place.kind == Kind::kRules ? reload::files_of(place.path) : std::vector<std::string>{place.path};
    for (const std::string& file : files) {
      struct stat st {};
      if (::stat(file.c_str(), &st) != 0) continue;
      Facts facts;
      facts.kind = place.kind;
      facts.device = st.st_dev;
      facts.inode = st.st_ino;
      facts.size_bytes = static_cast<uint64_t>(st.st_size);
      facts.written_ns = st.st_mtim.tv_sec * kSecondNs + st.st_mtim.tv_nsec;
      facts.changed_ns = st.st_ctim.tv_sec * kSecondNs + st.st_ctim.tv_nsec;
      facts.mode = st.st_mode;
      facts.uid = st.st_uid;
      facts.gid = st.st_gid;
      seen.emplace(file, facts);
    }
  }
  return seen;
}

std::string FilesWatch::difference(const Facts& before, const Facts& now) {
  if (before.device != now.device || before.inode != now.inode) return "replaced";
  if (before.size_bytes != now.size_bytes || before.written_ns != now.written_ns) return "written to";
  if (before.mode != now.mode || before.uid != now.uid || before.gid != now.gid) return "given another owner or mode";
  // Times can be set back, this one cannot; a new name alone, and being read by nobody, changes nothing else.
  return before.changed_ns != now.changed_ns ? "touched" : "";
}

std::vector<alert::Report> FilesWatch::look() {
  std::vector<alert::Report> reports;
  Seen now = facts();
  if (std::exchange(looked_, true)) {
    for (const auto& [path, before] : seen_) {
      const auto found = now.find(path);
      const std::string what = found == now.end() ? "removed" : difference(before, found->second);
      if (what.empty() || (before.kind == Kind::kKey && ours_ && ours_(path))) continue;
      reports.push_back(told(before.kind, path, what));
    }
    for (const auto& [path, facts] : now)
      if (!seen_.contains(path) && !(facts.kind == Kind::kKey && ours_ && ours_(path)))
        reports.push_back(told(facts.kind, path, "added"));
  }
  seen_ = std::move(now);
  return reports;
}

}  // namespace tiercel
