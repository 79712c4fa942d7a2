#include <doctest/doctest.h>

#include "container_support.h"

using namespace tiercel::container;
using namespace container_test;

namespace {

// What dockerd 20.10 and later write, less what nobody reads.
const std::string kConfig =
    R"({"State":{"Running":true,"Pid":7},"ID":")" + kId +
    R"(","Created":"2026-11-27T17:55:50.036294002Z","Path":"nginx","Args":["-g","daemon off;"],)"
    R"("Config":{"Hostname":"web1","User":"app","Image":"registry:5000/team/app:1.2",)"
    R"("Healthcheck":{"Test":["CMD-SHELL","curl -f localhost"]},)"
    R"("Labels":{"b":"2","a":"1"}},"Image":"sha256:)" +
    kImageId +
    R"(","NetworkSettings":{"Networks":{"none":{"IPAddress":""},"web":{"IPAddress":"172.18.0.2"}}},)"
    R"("Name":"/web","Driver":"overlay2","MountPoints":{"/data":{"Source":"/srv/data",)"
    R"("Destination":"/data","RW":true,"Relabel":"z","Propagation":"rprivate"},)"
    R"("/etc/app":{"Source":"/etc","Destination":"/etc/app","RW":false,"Relabel":"ro",)"
    R"("Propagation":"rslave"}}})";
const std::string kHostConfig =
    R"({"Privileged":true,"PidMode":"host","NetworkMode":"web","IpcMode":"private","CgroupParent":""})";
const std::string kRepositories =
    R"({"Repositories":{"registry:5000/team/app":{"registry:5000/team/app:1.2":"sha256:)" + kImageId +
    R"(","registry:5000/team/app@sha256:dd":"sha256:)" + kImageId +
    R"("},"other":{"other:9":"sha256:ff","other@sha256:ee":"sha256:)" + kImageId + R"("}}})";

void write_docker(const Host& host, const std::string& folder = kDocker, const std::string& hostconfig = kHostConfig) {
  host.file(folder + "/containers/" + kId + "/config.v2.json", kConfig);
  host.file(folder + "/containers/" + kId + "/hostconfig.json", hostconfig);
  host.file(folder + "/image/overlay2/repositories.json", kRepositories);
}

}  // namespace

TEST_CASE("all of a Docker container") {
  Host host;
  write_docker(host);
  host.file(kMoby + kId + "/config.json",
            bundle("/docker/" + kId,
                   R"(,"hostname":"h","mounts":[{"destination":"/etc/passwd","type":"bind","source":"/srv/passwd"}])"));
  const auto found = host.find("/docker/" + kId + "/sub/group");
  REQUIRE(found);
  CHECK(found->cgroup == "/docker/" + kId);
  const Container& c = found->container;
  CHECK(c.known);
  CHECK(c.verified == is_root());
  CHECK(!c.cut);
  CHECK(c.missing == 0);
  CHECK(c.type == "docker");
  CHECK(c.id == kId.substr(0, 12));
  CHECK(c.full_id == kId);
  CHECK(c.name == "web");
  CHECK(c.image == "registry:5000/team/app:1.2");
  CHECK(c.image_repository == "registry:5000/team/app");
  CHECK(c.image_tag == "1.2");
  CHECK(c.image_id == kImageId);
  CHECK(c.image_digest == "sha256:dd");
  CHECK(c.labels == Labels{{"a", "1"}, {"b", "2"}});
  CHECK(c.user == "app");
  CHECK(c.hostname == "web1");
  CHECK(c.entrypoint == std::vector<std::string>{"nginx", "-g", "daemon off;"});
  CHECK(c.healthcheck == std::vector<std::string>{"curl -f localhost"});
  CHECK(c.created_ns == 1795802150036294002);
  CHECK(c.ip == "172.18.0.2");
  CHECK(c.privileged == true);
  CHECK(c.host_pid == true);
  CHECK(c.host_network == false);
  CHECK(c.host_ipc == false);
  CHECK(c.rootfs == kMoby + kId + "/rootfs");
  CHECK(c.passwd == "/srv/passwd");
  REQUIRE(c.mounts.size() == 2);
  CHECK(c.mounts[0].source == "/srv/data");
  CHECK(c.mounts[0].dest == "/data");
  CHECK(c.mounts[0].mode == "z");
  CHECK(c.mounts[0].rdwr);
  CHECK(c.mounts[0].propagation == "rprivate");
  CHECK(!c.mounts[1].rdwr);
}

TEST_CASE("without a bundle, dockerd's own settings say where its cgroups are") {
  struct Row {
    std::string parent, cgroup;
    bool known;
  };
  const std::vector<Row> rows = {{"", "/docker/" + kId, true},
                                 {"", "/system.slice/docker-" + kId + ".scope", true},
                                 {"/team", "/team/" + kId, true},
                                 {"a-b.slice", "/a.slice/a-b.slice/docker-" + kId + ".scope", true},
                                 {"", "/evil/" + kId, false},
                                 {"/team", "/docker/" + kId, false},
                                 {"a-b.slice", "/system.slice/docker-" + kId + ".scope", false}};
  for (const Row& row : rows) {
    CAPTURE(row.parent);
    CAPTURE(row.cgroup);
    Host host;
    write_docker(host, kDocker, R"({"CgroupParent":")" + row.parent + "\"}");
    const auto found = host.find(row.cgroup);
    REQUIRE(found);
    CHECK(found->container.known == row.known);
    CHECK(found->container.name == (row.known ? "web" : ""));
  }
}

TEST_CASE("a data folder elsewhere is found by the bundle, and one of userns-remap by its name") {
  Host host;
  write_docker(host, "/mnt/big/docker");
  host.file(kMoby + kId + "/config.json",
            bundle("/docker/" + kId,
                   R"(,"mounts":[{"destination":"/etc/hosts","type":"bind","source":"/mnt/big/docker/containers/)" +
                       kId + R"(/hosts"}])"));
  REQUIRE(host.find("/docker/" + kId));
  CHECK(host.find("/docker/" + kId)->container.name == "web");

  Host remapped;
  write_docker(remapped, kDocker + "/100000.100000");
  REQUIRE(remapped.find("/docker/" + kId));
  CHECK(remapped.find("/docker/" + kId)->container.name == "web");
}

TEST_CASE("a bundle alone: the rest is missing") {
  Host host;
  host.file(kMoby + kId + "/config.json", bundle("/docker/" + kId));
  const auto found = host.find("/docker/" + kId);
  REQUIRE(found);
  CHECK(found->container.known);
  CHECK(found->container.type == "docker");
  CHECK((found->container.missing & (kMissingName | kMissingImage | kMissingDigest | kMissingLabels)) ==
        (kMissingName | kMissingImage | kMissingDigest | kMissingLabels));
}

TEST_CASE("an address is missing only where there is a network") {
  for (const std::string& mode : std::vector<std::string>{"bridge", "host", "none", "container:x"}) {
    CAPTURE(mode);
    Host host;
    host.file(kDocker + "/containers/" + kId + "/config.v2.json", R"({"Name":"/a","Config":{"Image":"a"}})");
    host.file(kDocker + "/containers/" + kId + "/hostconfig.json", R"({"NetworkMode":")" + mode + "\"}");
    const auto found = host.find("/docker/" + kId);
    REQUIRE(found);
    CHECK(((found->container.missing & kMissingIp) != 0) == (mode == "bridge"));
    CHECK((found->container.missing & kMissingDigest) != 0);
  }
}

TEST_CASE("an image by its id has the name that the repositories give it") {
  for (const std::string& asked : {"sha256:" + kImageId, kImageId, kImageId.substr(0, 12)}) {
    CAPTURE(asked);
    Container c;
    REQUIRE(read_docker_config(
        c, R"({"Name":"/a","Image":"sha256:)" + kImageId + R"(","Config":{"Image":")" + asked + "\"}}"));
    CHECK(c.image == asked);
    CHECK(c.image_id == kImageId);
    CHECK(c.image_repository.empty());
    REQUIRE(read_docker_repositories(c, kRepositories));
    CHECK(c.image == "registry:5000/team/app:1.2");
    CHECK(c.image_tag == "1.2");
    CHECK(c.image_digest == "sha256:dd");
  }
}

TEST_CASE("names of Docker's own registry are short among the repositories") {
  Container c;
  c.image_id = kImageId;
  set_image(c, "docker.io/library/nginx:1");
  REQUIRE(read_docker_repositories(c, R"({"Repositories":{"a":{"a@sha256:1":"sha256:)" + kImageId +
                                          R"("},"nginx":{"nginx@sha256:2":"sha256:)" + kImageId + R"("}}})"));
  CHECK(c.image_digest == "sha256:2");
}

TEST_CASE("pods by way of cri-dockerd") {
  Host host;
  host.file(
      kDocker + "/containers/" + kId + "/config.v2.json",
      R"({"Name":"/k8s_app_web-0_prod_uid_0","Config":{"Image":"a","Labels":{"io.kubernetes.docker.type":"container",)"
      R"("io.kubernetes.pod.name":"web-0","io.kubernetes.pod.namespace":"prod","io.kubernetes.pod.uid":"12-34",)"
      R"("io.kubernetes.container.name":"app","io.kubernetes.sandbox.id":")" +
          kSandboxId + R"("}}})");
  host.file(kDocker + "/containers/" + kSandboxId + "/config.v2.json",
            R"({"Name":"/k8s_POD_web-0_prod_uid_0","Config":{"Image":"pause","Labels":{)"
            R"("io.kubernetes.docker.type":"podsandbox","io.kubernetes.pod.name":"web-0","tier":"front",)"
            R"("annotation.secret":"x"}},"NetworkSettings":{"Networks":{"none":{"IPAddress":"10.1.2.3"}}}})");
  host.file(kDocker + "/containers/" + kId + "/hostconfig.json", R"({"CgroupParent":"/kubepods/pod12-34"})");
  const auto found = host.find("/kubepods/pod12-34/" + kId);
  REQUIRE(found);
  const Container& c = found->container;
  CHECK(c.known);
  CHECK(c.name == "app");
  CHECK(c.pod_name == "web-0");
  CHECK(c.pod_namespace == "prod");
  CHECK(c.pod_uid == "12-34");
  CHECK(c.sandbox_id == kSandboxId);
  CHECK(!c.sandbox);
  CHECK(c.pod_ip == "10.1.2.3");
  CHECK(c.pod_labels ==
        Labels{{"io.kubernetes.docker.type", "podsandbox"}, {"io.kubernetes.pod.name", "web-0"}, {"tier", "front"}});

  Container sandbox;
  sandbox.full_id = kSandboxId;
  REQUIRE(read_docker_config(sandbox,
                             R"({"Name":"/k8s_POD","Config":{"Labels":{"io.kubernetes.docker.type":"podsandbox",)"
                             R"("io.kubernetes.pod.name":"web-0"}}})"));
  CHECK(sandbox.sandbox);
  CHECK(sandbox.sandbox_id == kSandboxId);
  CHECK(sandbox.name == "web-0");
}

TEST_CASE("a sandbox id is no path") {
  Host host;
  host.file(kDocker + "/containers/x/config.v2.json",
            R"({"Name":"/x","Config":{"Labels":{"io.kubernetes.docker.type":"podsandbox","k":"v"}}})");
  host.file(
      kDocker + "/containers/" + kId + "/config.v2.json",
      R"({"Name":"/a","Config":{"Labels":{"io.kubernetes.docker.type":"container","io.kubernetes.sandbox.id":"../containers/x"}}})");
  REQUIRE(host.find("/docker/" + kId));
  CHECK(host.find("/docker/" + kId)->container.pod_labels.empty());
}

TEST_CASE("a user's own Docker") {
  if (!is_root()) return;  // nobody else may give files away
  Host host;
  auto cgroup = [](const std::string& uid) {
    return "/user.slice/user-" + uid + ".slice/user@" + uid + ".service/user.slice/docker-" + kId + ".scope";
  };
  write_docker(host, "/home/app/.local/share/docker");
  host.file("/etc/subuid", "app:100000:65536\n");
  host.file("/etc/passwd", "root:x:0:0::/home/app:/bin/sh\napp:x:1000:1000::/home/app:/bin/sh\n");
  // Root has no runtime of that kind; and root's files are not uid 1000's, whatever its folder links to.
  for (const char* uid : {"0", "1000"}) {
    REQUIRE(host.find(cgroup(uid)));
    CHECK(!host.find(cgroup(uid))->container.known);
  }
  for (const auto& entry : std::filesystem::recursive_directory_iterator(host.path("/home")))
    REQUIRE(::lchown(entry.path().c_str(), 1000, 1000) == 0);
  const auto own = host.find(cgroup("1000"));
  REQUIRE(own);
  CHECK(own->container.known);
  CHECK(!own->container.verified);
  CHECK(own->container.name == "web");
  REQUIRE(own->container.uid_map.size() == 2);
  CHECK(own->container.uid_map[0].host == 1000);
  CHECK(own->container.uid_map[1].host == 100000);
  CHECK(own->container.gid_map.size() == 1);
  // Another user's session does not get it.
  REQUIRE(host.find(cgroup("1001")));
  CHECK(!host.find(cgroup("1001"))->container.known);
}

TEST_CASE("texts that are no record, or of other types") {
  for (const char* text : {"", "{", "[]", "null", "1", "\"x\"", "{}", R"({"Name":1})", R"({"Name":"","Config":[]})"}) {
    CAPTURE(text);
    Container c;
    c.image_id = kImageId;
    CHECK(!read_docker_config(c, text));
  }
  for (const char* text : {"", "{", "[]", "null", "[1]", "\"x\"", "7"}) {
    CAPTURE(text);
    Container c;
    c.image_id = kImageId;
    CHECK(!read_docker_hostconfig(c, text));
    CHECK(!read_docker_repositories(c, text));
    CHECK(c.image_digest.empty());
  }
  Container c;
  CHECK(read_docker_config(
      c, R"({"Name":"/a","Image":[],"Args":{"a":1},"Path":4,"Created":"x","Config":{"Image":{},"Labels":[1],)"
         R"("Healthcheck":{"Test":"no"}},"NetworkSettings":{"Networks":{"a":[],"b":null}},"MountPoints":{"/a":1}})"));
  CHECK(c.name == "a");
  CHECK(c.entrypoint.empty());
  CHECK(c.mounts.empty());
  std::string deep(100'000, '[');
  CHECK(!read_docker_config(c, deep));
  CHECK(!read_docker_repositories(c, deep));
  CHECK(!read_docker_config(c, R"({"Name":"/a","Config":)" + deep));
  c.image_id = kImageId;
  CHECK(!read_docker_repositories(c, R"({"Repositories":)" + deep));
}

TEST_CASE("what is too much is cut, and said so") {
  std::string labels, mounts, args;
  for (int i = 0; i < 400; ++i) {
    const std::string n = std::to_string(i);
    labels += (i ? ",\"" : "\"") + n + "\":\"v\"";
    mounts += (i ? ",\"/" : "\"/") + n + "\":{\"Source\":\"/s\"}";
  }
  for (int i = 0; i < 3000; ++i) args += i ? ",\"a\"" : "\"a\"";
  Container c;
  REQUIRE(read_docker_config(c, R"({"Name":"/)" + std::string(9000, 'n') + R"(","Path":"p","Args":[)" + args +
                                    R"(],"Config":{"Image":"a","Labels":{)" + labels + R"(}},"MountPoints":{)" +
                                    mounts + "}}"));
  CHECK(c.cut);
  CHECK(c.labels.size() == kLabelsMax);
  CHECK(c.mounts.size() == kMountsMax);
  CHECK(c.entrypoint.size() == kWordsMax);
  CHECK(c.name.size() <= kTextSizeMax);

  Container twice;
  REQUIRE(read_docker_config(twice, R"({"Name":"/a","Name":"/b","Config":{"Labels":{"k":"1","k":"2"}}})"));
  CHECK(twice.labels.size() == 1);
  Container nul;
  REQUIRE(read_docker_config(nul, R"({"Name":"/a\u0000b","Config":{}})"));
  CHECK(nul.name == "a");
  CHECK(nul.cut);
}

TEST_CASE("no health check") {
  Container c;
  REQUIRE(read_docker_config(c, R"({"Name":"/a","Config":{"Healthcheck":{"Test":["NONE"]}}})"));
  CHECK(c.healthcheck.empty());
  REQUIRE(read_docker_config(c, R"({"Name":"/a","Config":{"Healthcheck":{"Test":["CMD","a","b"]}}})"));
  CHECK(c.healthcheck == std::vector<std::string>{"a", "b"});
}

TEST_CASE("an image's name in parts") {
  struct Row {
    std::string image, repository, tag, digest, id;
  };
  const std::vector<Row> rows = {{"nginx", "nginx", "latest", "", ""},
                                 {"nginx:1.2", "nginx", "1.2", "", ""},
                                 {"registry:5000/app", "registry:5000/app", "latest", "", ""},
                                 {"registry:5000/app:1@sha256:ab", "registry:5000/app", "1", "sha256:ab", ""},
                                 {"app@sha256:ab", "app", "", "sha256:ab", ""},
                                 {"sha256:" + kImageId, "", "", "", kImageId},
                                 {kImageId, "", "", "", kImageId},
                                 {"", "", "", "", ""}};
  for (const Row& row : rows) {
    CAPTURE(row.image);
    Container c;
    set_image(c, row.image);
    CHECK(c.image == row.image);
    CHECK(c.image_repository == row.repository);
    CHECK(c.image_tag == row.tag);
    CHECK(c.image_digest == row.digest);
    CHECK(c.image_id == row.id);
  }
  Container c;
  set_image(c, "app:1");
  set_image(c, "app@sha256:ab");
  CHECK(c.image_tag == "1");
}
