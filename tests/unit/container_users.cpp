#include <doctest/doctest.h>
#include <sys/stat.h>

#include "agent/container/id_map.h"
#include "agent/container/user_names.h"
#include "container_support.h"

using namespace tiercel::container;
using container_test::Host;

TEST_CASE("names of users and groups") {
  const UserNames names("root:x:0:0:root:/root:/bin/bash\napp:x:1000:1001::/srv/app:/bin/false\n",
                        "root:x:0:\nstaff:x:1001:app,other\n");
  REQUIRE(names.user(1000));
  CHECK(names.user(1000)->name == "app");
  CHECK(names.user(1000)->home == "/srv/app");
  CHECK(names.user(1000)->shell == "/bin/false");
  CHECK(names.user(1000)->gid == 1001);
  REQUIRE(names.group(1001));
  CHECK(*names.group(1001) == "staff");
  CHECK(names.user(1) == nullptr);
  CHECK(names.group(1) == nullptr);
  CHECK(names.users() == 2);
  CHECK(names.size_bytes() > 0);
}

TEST_CASE("lines that are none are passed over") {
  const std::string nul("nul\0x:x:7:7::/:/s\n", 18);
  const UserNames names(
      "\n#c\nroot:$6$hash:19000:0:99999:7:::\na:x:1:1::/\nb:x:1:1::/:/s:more\n:x:2:2::/:/s\nc:x:-1:1::/:/s\n"
      "d:x:4294967296:1::/:/s\ne:x: 1:1::/:/s\nf:x:0x1:1::/:/s\n+::::::\ng:x:5:::/:/s\n" +
          nul + "ok:x:3:3::/:/s",
      "root:*:adm:\nshadow:!::\nx:x:3\ny:x:3:a:b\nok:x:3:");
  CHECK(names.users() == 1);
  REQUIRE(names.user(3));
  CHECK(names.user(3)->name == "ok");
  REQUIRE(names.group(3));
  CHECK(*names.group(3) == "ok");
}

TEST_CASE("the first line of an id wins") {
  const UserNames names("a:x:1:1::/:/s\nb:x:1:2::/:/s\n", "a:x:1:\nb:x:1:\n");
  CHECK(names.user(1)->name == "a");
  CHECK(*names.group(1) == "a");
}

TEST_CASE("a container's users come from its own root") {
  Host host;
  host.file("/etc/passwd", "hostuser:x:1000:1000::/:/bin/sh\n");
  host.file("/etc/shadow", "root:$6$hash:19000:0:99999:7:::\n");
  host.file("/c/etc/passwd", "app:x:1000:1000::/:/bin/sh\n");
  host.file("/c/etc/group", "app:x:1000:\n");
  Container container;
  container.rootfs = "/c";
  auto names = host.reader().users_of(container);
  REQUIRE(names->user(1000));
  CHECK(names->user(1000)->name == "app");
  CHECK(*names->group(1000) == "app");
  const std::string before = host.reader().users_stamp(container);
  host.file("/c/etc/new", "late:x:1000:1000::/:/bin/sh\n");
  std::filesystem::rename(host.path("/c/etc/new"), host.path("/c/etc/passwd"));
  CHECK(host.reader().users_stamp(container) != before);

  SUBCASE("a link to the host's files") {
    for (const char* target : {"/etc/shadow", "../../etc/passwd", "../../../../etc/passwd"}) {
      std::filesystem::remove(host.path("/c/etc/passwd"));
      host.link("/c/etc/passwd", target);
      CHECK(host.reader().users_of(container)->users() == 0);
    }
  }
  SUBCASE("a FIFO") {
    std::filesystem::remove(host.path("/c/etc/passwd"));
    REQUIRE(::mkfifo(host.path("/c/etc/passwd").c_str(), 0644) == 0);
    CHECK(host.reader().users_of(container)->users() == 0);
  }
  SUBCASE("one of 1 GiB") {
    REQUIRE(::truncate(host.path("/c/etc/passwd").c_str(), off_t{1} << 30) == 0);
    CHECK(host.reader().users_of(container)->users() == 0);
    CHECK(*host.reader().users_of(container)->group(1000) == "app");
  }
  SUBCASE("one that is mounted over it") {
    host.file("/srv/users/passwd", "mounted:x:1000:1000::/:/bin/sh\n");
    container.passwd = "/srv/users/passwd";
    CHECK(host.reader().users_of(container)->user(1000)->name == "mounted");
    CHECK(*host.reader().users_of(container)->group(1000) == "app");
    std::filesystem::remove(host.path("/srv/users/passwd"));
    host.link("/srv/users/passwd", "/etc/passwd");
    CHECK(host.reader().users_of(container)->users() == 0);
  }
  SUBCASE("none at all") {
    container.rootfs.clear();
    CHECK(host.reader().users_of(container)->users() == 0);
    CHECK(host.reader().users_stamp(container) == "|");
  }
}

TEST_CASE("ids of a user's own namespace") {
  const auto map = rootless_map(1000, "app", "1000", "other:1:5\napp:100000:10\n\nbad\napp:x:1\n1000:200000:5\n");
  REQUIRE(map.size() == 3);
  CHECK(map[0].host == 1000);
  CHECK(map[0].size == 1);
  CHECK(map[1].container == 1);
  CHECK(map[1].host == 100000);
  CHECK(map[2].container == 11);
  CHECK(map[2].host == 200000);
  const auto inner = composed({{0, 1, 4}, {4, 0, 1}, {5, 9, 4}}, map);
  REQUIRE(inner.size() == 4);
  CHECK(inner[0].container == 0);
  CHECK(inner[0].host == 100000);
  CHECK(inner[0].size == 4);
  CHECK(inner[1].host == 1000);
  CHECK(inner[2].container == 5);
  CHECK(inner[2].host == 100008);
  CHECK(inner[2].size == 2);
  CHECK(inner[3].container == 7);
  CHECK(inner[3].host == 200000);
}
