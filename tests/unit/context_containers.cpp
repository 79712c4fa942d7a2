#include <doctest/doctest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "agent/context/containers.h"

using namespace tiercel;
using namespace tiercel::context;

namespace {

const std::string kId(64, 'a');

struct DockerDir {
  std::filesystem::path root =
      std::filesystem::temp_directory_path() / ("tiercel-docker-" + std::to_string(::getpid()));
  explicit DockerDir(const std::string& config) {
    std::filesystem::create_directories(root / "containers" / kId);
    std::ofstream(root / "containers" / kId / "config.v2.json") << config;
  }
  ~DockerDir() { std::filesystem::remove_all(root); }
};

std::shared_ptr<const Container> load(const std::string& config) {
  DockerDir dir(config);
  Metrics metrics;
  Containers containers({.docker = dir.root.string(), .host = ""}, metrics);
  containers.cgroup_seen(7, "/docker/" + kId);
  return containers.of_cgroup(7);
}

}  // namespace

TEST_CASE("the id in a cgroup path") {
  CHECK(container_id_of("/docker/" + kId) == kId);
  CHECK(container_id_of("/system.slice/docker-" + kId + ".scope") == kId);
  CHECK(container_id_of("/kubepods/burstable/pod1/" + kId + "/init.scope") == kId);
  CHECK(container_id_of("/docker/" + kId + "a").empty());
  CHECK(container_id_of("/user.slice/user-1000.slice").empty());
  CHECK(container_id_of("").empty());
  CHECK(container_id_of("/docker/" + kId.substr(1)).empty());
}

TEST_CASE("name and image from Docker's record") {
  auto c = load(R"({"Name":"/web","Image":"sha256:1","Config":{"Image":"registry:5000/team/app:1.2"}})");
  REQUIRE(c);
  CHECK(c->known);
  CHECK(c->id == kId.substr(0, 12));
  CHECK(c->name == "web");
  CHECK(c->image_repository == "registry:5000/team/app");
  CHECK(c->image_tag == "1.2");
}

TEST_CASE("a record that is broken, empty or of other types gives a container without a name") {
  for (const char* text : {"", "{", "[]", "null", R"({"Name":1,"Config":[]})", R"({"Config":{"Image":{}}})"}) {
    auto c = load(text);
    REQUIRE(c);
    CHECK(c->id == kId.substr(0, 12));
    CHECK(c->name.empty());
  }
}

TEST_CASE("a cgroup of the host is no container") {
  Metrics metrics;
  Containers containers({}, metrics);
  containers.cgroup_seen(1, "/system.slice/ssh.service");
  CHECK(containers.of_cgroup(1) == nullptr);
  CHECK(containers.of_cgroup(2) == nullptr);
}
