#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <atomic>
#include <thread>

#include "agent/container/host_files.h"
#include "container_support.h"

using namespace tiercel::container;
using container_test::Host;
using container_test::is_root;

namespace {

constexpr size_t kMax = 4096;

}  // namespace

TEST_CASE("files below the host's root, links and all") {
  Host host;
  host.file("/data/real", "inside");
  host.link("/etc/absolute", "/data/real");
  host.link("/etc/relative", "../data/real");
  host.link("/etc/up", "../../../../../../../data/real");
  host.link("/data/loop", "loop");
  const HostFiles files(host.root() + "/");
  CHECK(files.host_root() == host.root());
  for (const char* path : {"/data/real", "/etc/absolute", "/etc/relative", "/etc/up", "/../data/real", "data/real"}) {
    CAPTURE(path);
    const auto text = files.read(path, kMax);
    REQUIRE(text.has_value());
    CHECK(*text == "inside");
  }
  for (const char* path : {"/data/loop", "/no", "", "/etc/absolute/x"}) CHECK(!files.read(path, kMax).has_value());
  CHECK(!files.read(std::string("/data/real\0x", 12), kMax).has_value());
}

TEST_CASE("without a host root, paths are this process's") {
  Host host;
  host.file("/a", "text");
  const HostFiles files;
  const auto text = files.read(host.path("/a"), kMax);
  REQUIRE(text.has_value());
  CHECK(*text == "text");
}

TEST_CASE("a container's links do not lead to the host's files") {
  Host host;
  host.file("/etc/shadow", "root:secret:1:2:3:4:5:6:7");
  host.file("/etc/passwd", "host");
  for (const char* target : {"/etc/shadow", "../../../../../etc/shadow", "../../etc/shadow"}) {
    CAPTURE(target);
    host.link("/c/etc/passwd", target);
    CHECK(!HostFiles(host.root()).read_in("/c", "/etc/passwd", kMax).has_value());
    std::filesystem::remove_all(host.path("/c"));
  }
  host.folder("/c");
  // The whole of /etc, and the root itself by name.
  host.link("/c/etc", "/etc");
  CHECK(!HostFiles(host.root()).read_in("/c", "/etc/shadow", kMax).has_value());
  host.link("/linked", "/c2");
  host.file("/c2/etc/passwd", "own");
  CHECK(HostFiles(host.root()).read_in("/linked", "/etc/passwd", kMax).value_or("") == "own");
  CHECK(!HostFiles(host.root()).read_in("", "/etc/passwd", kMax).has_value());
  CHECK(!HostFiles(host.root()).read_in("/none", "/etc/passwd", kMax).has_value());
}

TEST_CASE("only regular files are opened") {
  Host host;
  host.folder("/etc");
  REQUIRE(::mkfifo(host.path("/etc/fifo").c_str(), 0600) == 0);
  host.folder("/etc/folder");
  const HostFiles files(host.root());
  for (const char* path : {"/etc/fifo", "/etc/folder"}) {
    CAPTURE(path);
    CHECK(!files.read(path, kMax).has_value());
    CHECK(!files.read_in("/", path, kMax).has_value());
    CHECK(files.stamp("", path).empty());
  }
  // A FIFO with a writer would be readable: it is refused by its kind.
  const int both = ::open(host.path("/etc/fifo").c_str(), O_RDWR | O_CLOEXEC);
  REQUIRE(both >= 0);
  CHECK(!files.read("/etc/fifo", kMax).has_value());
  ::close(both);
  CHECK(!HostFiles().read("/dev/zero", kMax).has_value());
  CHECK(!HostFiles().read("/dev/tty", kMax).has_value());
}

TEST_CASE("a sparse file of 1 GiB is not read") {
  Host host;
  host.file("/etc/passwd", "root:x:0:0::/:/bin/sh\n");
  REQUIRE(::truncate(host.path("/etc/passwd").c_str(), off_t{1} << 30) == 0);
  CHECK(!HostFiles(host.root()).read("/etc/passwd", UserNames::kFileSizeMax).has_value());
}

TEST_CASE("the limit is to the byte") {
  Host host;
  host.file("/a", std::string(100, 'x'));
  CHECK(HostFiles(host.root()).read("/a", 100).has_value());
  CHECK(!HostFiles(host.root()).read("/a", 99).has_value());
}

TEST_CASE("a file that changes while it is read gives old or new bytes, never more than the limit") {
  Host host;
  host.file("/a", "start");
  std::atomic<bool> stop = false;
  std::thread writer([&] {
    const int fd = ::open(host.path("/a").c_str(), O_WRONLY | O_CLOEXEC);
    const std::string block(8192, 'y');
    while (!stop) {
      for (int i = 0; i < 4; ++i)
        if (::write(fd, block.data(), block.size()) < 0) break;
      if (::ftruncate(fd, 0) != 0 || ::lseek(fd, 0, SEEK_SET) != 0) break;
    }
    ::close(fd);
  });
  const HostFiles files(host.root());
  size_t read = 0, refused = 0;
  for (int i = 0; i < 2000; ++i) {
    const auto text = files.read("/a", 16384);
    if (!text) {
      ++refused;
      continue;
    }
    ++read;
    if (text->size() > 16384) FAIL("more than the limit");
  }
  stop = true;
  writer.join();
  CHECK(read + refused == 2000);
}

TEST_CASE("stamps tell one content from another") {
  Host host;
  host.file("/r/etc/passwd", "a");
  const HostFiles files(host.root());
  const std::string before = files.stamp("/r", "/etc/passwd");
  CHECK(!before.empty());
  CHECK(before == files.stamp("", "/r/etc/passwd"));
  host.file("/r/etc/new", "b");
  std::filesystem::rename(host.path("/r/etc/new"), host.path("/r/etc/passwd"));
  CHECK(before != files.stamp("/r", "/etc/passwd"));
  CHECK(files.stamp("/r", "/etc/none").empty());
}

TEST_CASE("names in a folder") {
  Host host;
  for (const char* name : {"/d/c", "/d/a", "/d/b"}) host.file(name, "");
  const HostFiles files(host.root());
  CHECK(files.list("/d", 10) == std::vector<std::string>{"a", "b", "c"});
  CHECK(files.list("/d", 2).size() == 2);
  CHECK(files.list("/none", 10).empty());
  CHECK(files.list("/d/a", 10).empty());
}

TEST_CASE("whose a file is") {
  Host host;
  host.file("/a", "x");
  const HostFiles files(host.root());
  CHECK(files.is_roots("/a") == is_root());
  CHECK(!files.is_roots("/none"));
  CHECK(files.read("/a", kMax, ::geteuid()).has_value());
  CHECK(!files.read("/a", kMax, ::geteuid() + 1).has_value());
  std::filesystem::permissions(host.path("/a"), std::filesystem::perms(0664));
  CHECK(!files.is_roots("/a"));
  std::filesystem::permissions(host.path("/a"), std::filesystem::perms(0646));
  CHECK(!files.is_roots("/a"));
}
