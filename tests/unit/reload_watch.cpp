// FileWatch and fingerprints. inotify tells of a change before the call that made it returns, so nothing waits here.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "agent/base/fd.h"
#include "agent/reload/file_watch.h"
#include "agent/reload/fingerprint.h"
#include "siem_support.h"

using namespace tiercel;
using namespace tiercel::reload;
using tiercel::siem::test::TempDir;

namespace {

void write(const std::string& path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text;
}

// A path and everything that says whether it changed.
class Watched {
 public:
  explicit Watched(std::string path) : path_(std::move(path)) { settle(); }
  // Was a change told since the last call, and does the content say so too? Told without a change of content is fine.
  bool changed() {
    const bool told = watch_.take_events();
    const bool stamped = stamp_of({path_}) != stamp_;
    const bool differs = reload::content_of({path_}) != content_;
    CHECK_MESSAGE((!differs || told), "a change that the watch did not tell of");
    CHECK_MESSAGE((!differs || stamped), "a change that the stamp does not show");
    told_ = told;
    settle();
    return told && differs;
  }
  [[nodiscard]] bool told() const { return told_; }
  FileWatch& watch() { return watch_; }

 private:
  void settle() {
    watch_.watch({path_});
    content_ = reload::content_of({path_});
    stamp_ = stamp_of({path_});
  }
  std::string path_;
  FileWatch watch_;
  uint64_t content_ = 0, stamp_ = 0;
  bool told_ = false;
};

}  // namespace

TEST_CASE("reload watch: a file that is written in place, renamed over, removed and made again") {
  TempDir dir;
  const std::string path = dir / "rules.yaml";
  write(path, "one");
  Watched file(path);
  REQUIRE(file.watch().fd() >= 0);
  CHECK_FALSE(file.changed());
  write(path, "two");
  CHECK(file.changed());
  write(dir / "rules.yaml.new", "three");  // as editors save
  CHECK_FALSE(file.changed());
  CHECK_FALSE(file.told());
  std::filesystem::rename(dir / "rules.yaml.new", path);
  CHECK(file.changed());
  std::filesystem::rename(path, dir / "rules.yaml~");  // as other editors save
  write(path, "four");
  CHECK(file.changed());
  std::filesystem::remove(path);
  CHECK(file.changed());
  write(path, "five");
  CHECK(file.changed());
  write(path, "five");  // touched
  CHECK_FALSE(file.changed());
  CHECK(file.told());
}

TEST_CASE("reload watch: a file that is being written") {
  TempDir dir;
  const std::string path = dir / "rules.yaml";
  write(path, "");
  Watched file(path);
  Fd out(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  REQUIRE(write_all(out.get(), "half", 4));
  CHECK(file.watch().take_events());
  CHECK(file.watch().being_written());
  out.reset();
  CHECK(file.watch().take_events());
  CHECK_FALSE(file.watch().being_written());
}

TEST_CASE("M6 reload watch: a folder, and rule files that come and go") {
  TempDir dir;
  const std::string folder = dir / "rules.d";
  std::filesystem::create_directory(folder);
  Watched watched(folder);
  write(folder + "/a.yaml", "one");
  CHECK(watched.changed());
  write(folder + "/b.yml", "two");
  CHECK(watched.changed());
  write(folder + "/.a.yaml.swp", "an editor's own");
  write(folder + "/README", "no rules");
  CHECK_FALSE(watched.changed());
  CHECK_FALSE(watched.told());
  std::filesystem::remove(folder + "/b.yml");
  CHECK(watched.changed());
  std::filesystem::rename(folder + "/a.yaml", folder + "/a.yaml.off");
  CHECK(watched.changed());
  // The folder itself is replaced.
  std::filesystem::create_directory(dir / "other");
  write(dir / "other/c.yaml", "three");
  std::filesystem::rename(folder, dir / "old");
  std::filesystem::rename(dir / "other", folder);
  CHECK(watched.changed());
  write(folder + "/c.yaml", "four");
  CHECK(watched.changed());
}

TEST_CASE("reload watch: what is not there yet") {
  TempDir dir;
  Watched watched(dir / "etc/tiercel/rules.yaml");
  std::filesystem::create_directory(dir / "etc");
  watched.changed();
  CHECK(watched.told());
  std::filesystem::create_directory(dir / "etc/tiercel");
  watched.changed();
  CHECK(watched.told());
  write(dir / "etc/tiercel/rules.yaml", "one");
  CHECK(watched.changed());
}

TEST_CASE("reload watch: symlinks that are swapped, as Kubernetes swaps a ConfigMap") {
  TempDir dir;
  const std::string mount = dir / "mount";
  for (const char* version : {"..1", "..2"}) {
    std::filesystem::create_directories(mount + "/" + version);
    write(mount + "/" + version + "/rules.yaml", std::string("version ") + version);
  }
  std::filesystem::create_symlink("..1", mount + "/..data");
  std::filesystem::create_symlink("..data/rules.yaml", mount + "/rules.yaml");
  std::filesystem::create_symlink(mount + "/rules.yaml", dir / "elsewhere.yaml");
  Watched folder(mount), file(mount + "/rules.yaml"), through(dir / "elsewhere.yaml");
  std::filesystem::create_symlink("..2", mount + "/..data_tmp");
  std::filesystem::rename(mount + "/..data_tmp", mount + "/..data");
  CHECK(folder.changed());
  CHECK(file.changed());
  CHECK(through.changed());
  write(mount + "/..2/rules.yaml", "written through");
  CHECK(folder.changed());
  CHECK(file.changed());
  CHECK(through.changed());
  // The old version is no longer of interest.
  write(mount + "/..1/rules.yaml", "nobody reads this");
  CHECK_FALSE(file.changed());
  CHECK_FALSE(file.told());
  std::filesystem::remove(dir / "elsewhere.yaml");
  std::filesystem::create_symlink("elsewhere.yaml", dir / "elsewhere.yaml");  // a loop: like a missing file
  CHECK(through.changed());
}

TEST_CASE("reload fingerprint: names and bytes count, and what is no regular file does not block") {
  TempDir dir;
  const std::string folder = dir / "rules.d";
  std::filesystem::create_directory(folder);
  write(folder + "/a.yaml", "xy");
  write(folder + "/b.yaml", "z");
  const uint64_t before = reload::content_of({folder});
  write(folder + "/a.yaml", "x");
  write(folder + "/b.yaml", "yz");
  CHECK(reload::content_of({folder}) != before);
  write(folder + "/a.yaml", "xy");
  write(folder + "/b.yaml", "z");
  CHECK(reload::content_of({folder}) == before);
  CHECK(reload::content_of({folder, dir / "missing"}) != before);
  REQUIRE(::mkfifo((folder + "/c.yaml").c_str(), 0600) == 0);
  CHECK(reload::content_of({folder}) != before);
  CHECK(files_of(folder).size() == 3);
  CHECK(files_of(dir / "missing").size() == 1);
}
