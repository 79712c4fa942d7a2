// Podman's containers, and the lists of containers/storage.
#include <doctest/doctest.h>

#include "agent/container/json_text.h"
#include "container_support.h"

using namespace tiercel::container;
using namespace container_test;

namespace {

const std::string kRoot = "/var/lib/containers/storage";

// podman 4: libpod's own metadata is JSON in a text.
const std::string kContainers =
    R"([{"id":")" + kOtherId + R"(","names":["other"],"image":"x","layer":")" + kId + R"("},{"id":")" + kId +
    R"(","names":["web"],"image":")" + kImageId +
    R"(","layer":"l","metadata":"{\"image-name\":\"quay.io/team/app:1.2\",\"image-id\":\")" + kImageId +
    R"(\",\"name\":\"web\",\"created-at\":1795802150}","created":"2026-11-27T17:55:49Z","flags":{}}])";
const std::string kImages = R"([{"id":"f","names":["z:1"]},{"id":")" + kImageId +
                            R"(","digest":"sha256:dd","names":["quay.io/team/app:1.2","quay.io/team/app@sha256:ee"],)"
                            R"("layer":"l","created":"2026-01-01T00:00:00Z"}])";
const std::string kScope = "/machine.slice/libpod-" + kId + ".scope";

std::string podman_bundle(const std::string& cgroups_path) {
  return bundle(cgroups_path, R"(,"hostname":"h","annotations":{"io.container.manager":"libpod",)"
                              R"("io.podman.annotations.privileged":"TRUE"})");
}

void write_podman(const Host& host, const std::string& storage, const std::string& cgroups_path) {
  host.file(storage + "/overlay-containers/" + kId + "/userdata/config.json", podman_bundle(cgroups_path));
  host.file(storage + "/overlay-containers/containers.json", kContainers);
  host.file(storage + "/overlay-images/images.json", kImages);
}

}  // namespace

TEST_CASE("a container of Podman") {
  Host host;
  write_podman(host, kRoot, "machine.slice:libpod:" + kId);
  const auto found = host.find(kScope + "/container");
  REQUIRE(found);
  CHECK(found->cgroup == kScope);
  const Container& c = found->container;
  CHECK(c.known);
  CHECK(c.verified == is_root());
  CHECK(c.type == "podman");
  CHECK(c.name == "web");
  CHECK(c.image == "quay.io/team/app:1.2");
  CHECK(c.image_repository == "quay.io/team/app");
  CHECK(c.image_id == kImageId);
  CHECK(c.image_digest == "sha256:ee");
  CHECK(c.created_ns == 1795802150000000000);
  CHECK(c.hostname == "h");
  CHECK(c.privileged == true);
  CHECK(c.host_network == true);
  CHECK(c.missing == kMissingLabels);
}

TEST_CASE("other drivers, the cgroupfs manager, lists that come and go") {
  Host host;
  host.file(kRoot + "/vfs-containers/" + kId + "/userdata/config.json", podman_bundle("/libpod_parent/libpod-" + kId));
  host.file("/run/containers/storage/vfs-containers/volatile-containers.json", kContainers);
  const auto found = host.find("/libpod_parent/libpod-" + kId);
  REQUIRE(found);
  CHECK(found->container.name == "web");
  CHECK(found->container.image_digest.empty());
  CHECK((found->container.missing & kMissingDigest) != 0);
}

TEST_CASE("a bare id may be Podman's") {
  Host host;
  write_podman(host, kRoot, "/pods/" + kId);
  REQUIRE(host.find("/pods/" + kId));
  CHECK(host.find("/pods/" + kId)->container.type == "podman");
}

TEST_CASE("a user's own Podman, with the ids of its namespace") {
  if (!is_root()) return;  // nobody else may give files away
  Host host;
  const std::string storage = "/home/app/.local/share/containers/storage";
  const std::string cgroup = "/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-" + kId + ".scope";
  host.file("/etc/passwd", "app:x:1000:1001::/home/app:/bin/sh\n");
  host.file("/etc/subuid", "app:100000:65536\n");
  host.file("/etc/subgid", "1000:300000:65536\n");
  write_podman(host, storage, "user.slice:libpod:" + kId);
  for (const auto& entry : std::filesystem::recursive_directory_iterator(host.path("/home")))
    REQUIRE(::lchown(entry.path().c_str(), 1000, 1001) == 0);
  const auto found = host.find(cgroup + "/container");
  REQUIRE(found);
  const Container& c = found->container;
  CHECK(c.known);
  CHECK(!c.verified);
  CHECK(c.name == "web");
  REQUIRE(c.uid_map.size() == 2);
  CHECK(c.uid_map[0].host == 1000);
  CHECK(c.uid_map[1].container == 1);
  CHECK(c.uid_map[1].host == 100000);
  CHECK(c.gid_map[0].host == 1001);
  CHECK(c.gid_map[1].host == 300000);

  SUBCASE("what is within is not taken for more") {
    CHECK(host.find(cgroup + "/docker/" + kOtherId)->container.full_id == kId);
  }
  SUBCASE("root's record of that cgroup comes first") {
    write_podman(host, kRoot, cgroup);
    CHECK(host.find(cgroup)->container.verified);
  }
  SUBCASE("root's record of another cgroup does not help the user") {
    std::filesystem::remove_all(host.path("/home"));
    write_podman(host, kRoot, "user.slice:libpod:" + kId);
    CHECK(!host.find(cgroup)->container.known);
  }
}

TEST_CASE("lists of wrong form") {
  for (const std::string& text : std::vector<std::string>{
           "", "{", "{}", "null", "[", "[]", "[1,2]", "[" + std::string(100'000, '['), "[\"" + kId, "[{\"id\":\"" + kId,
           "[{\"id\":[\"" + kId + "\"]}]", "[\"" + kId + "\\", "[]]][" + kId}) {
    CAPTURE(text.substr(0, 50));
    Container c;
    c.full_id = kId;
    c.image_id = kId;
    CHECK(!read_storage_containers(c, text));
    CHECK(!read_storage_images(c, text));
    CHECK(c.name.empty());
  }
  Container c;
  CHECK(!read_storage_containers(c, kContainers));
  CHECK(!read_storage_images(c, kImages));
  c.full_id = kId;
  CHECK(read_storage_containers(
      c, "[{\"id\":\"" + kId + "\",\"names\":{},\"image\":4,\"metadata\":\"[\",\"created\":1}]"));
  CHECK(c.name.empty());
}

TEST_CASE("elements of an array are found whatever their texts hold") {
  std::vector<std::string> seen;
  any_element(R"( [ {"a":"]}\"x,"} , [1,{"b":2}] ,"x", 5x ] )", "x", [&](std::string_view element) {
    seen.emplace_back(element);
    return false;
  });
  CHECK(seen == std::vector<std::string>{R"({"a":"]}\"x,"} )", "\"x\"", "5x "});
}
