// Bundles, and the join of records and cgroups.
#include <doctest/doctest.h>

#include "agent/container/json_text.h"
#include "container_support.h"

using namespace tiercel::container;
using namespace container_test;

namespace {

Container read(const std::string& text, std::string* cgroups_path = nullptr) {
  Container c;
  std::string path;
  CHECK(read_oci_bundle(c, text, "/run/b", path));
  if (cgroups_path) *cgroups_path = path;
  return c;
}

const std::string kAllowAll = R"({"allow":true,"access":"rwm"})";

}  // namespace

TEST_CASE("what a bundle says") {
  std::string cgroups_path;
  const Container c = read(
      R"({"hostname":"h","root":{"path":"rootfs"},"process":{"user":{"uid":1000,"gid":7},"args":["a","b c"],)"
      R"("capabilities":{"bounding":["CAP_CHOWN","CAP_SYS_ADMIN","CAP_NOT_THERE","CAP_CHECKPOINT_RESTORE"]}},)"
      R"("mounts":[{"destination":"/proc","type":"proc","source":"proc","options":["nosuid","ro"]},)"
      R"({"destination":"/data","type":"bind","source":"/srv","options":["rbind","rslave"]}],)"
      R"("linux":{"cgroupsPath":"/x/y","namespaces":[{"type":"mount"},{"type":"pid"},{"type":"ipc","path":"/proc/1/ns/ipc"}],)"
      R"("uidMappings":[{"containerID":0,"hostID":100000,"size":65536}],"gidMappings":[{"containerID":0,"hostID":-1,"size":1}]}})",
      &cgroups_path);
  CHECK(cgroups_path == "/x/y");
  CHECK(c.hostname == "h");
  CHECK(c.rootfs == "/run/b/rootfs");
  CHECK(c.user == "1000:7");
  CHECK(c.entrypoint == std::vector<std::string>{"a", "b c"});
  CHECK(c.capabilities == (uint64_t{1} | uint64_t{1} << 21 | uint64_t{1} << 40));
  CHECK(c.host_pid == false);
  CHECK(c.host_network == true);
  CHECK(c.host_ipc == true);
  REQUIRE(c.mounts.size() == 2);
  CHECK(c.mounts[0].mode == "nosuid,ro");
  CHECK(!c.mounts[0].rdwr);
  CHECK(c.mounts[1].rdwr);
  CHECK(c.mounts[1].propagation == "rslave");
  REQUIRE(c.uid_map.size() == 1);
  CHECK(c.uid_map[0].host == 100000);
  CHECK(c.gid_map.empty());
  CHECK(!c.cut);
}

TEST_CASE("privileged by what the bundle allows") {
  const std::string all = R"("process":{"capabilities":{"bounding":["CAP_SYS_ADMIN"]}})";
  auto with = [&](const std::string& process, const std::string& linux_part) {
    return read("{" + process + ",\"linux\":{" + linux_part + "}}").privileged;
  };
  const std::string devices = R"("resources":{"devices":[)";
  const std::string deny = R"({"allow":false,"access":"rwm"})";
  const std::string one = R"({"allow":false,"type":"c","major":1,"minor":3,"access":"rwm"})";
  CHECK(with(all, devices + kAllowAll + "]}") == true);
  CHECK(with(all, devices + deny + "," + kAllowAll + "," + one + "]}") == true);
  CHECK(with(all, devices + kAllowAll + "," + deny + "]}") == false);
  CHECK(with(all, devices + R"({"allow":true,"type":"a","major":-1,"minor":-1,"access":"rwm"}]})") == true);
  CHECK(with(all, devices + R"({"allow":true,"access":"r"}]})") == false);
  CHECK(with(all, devices + R"({"allow":true,"type":"c","access":"rwm"}]})") == false);
  CHECK(with(all, devices + kAllowAll + R"(]},"maskedPaths":["/proc/kcore"])") == false);
  CHECK(with(all, devices + kAllowAll + R"(]},"readonlyPaths":["/proc/sys"])") == false);
  CHECK(with(R"("process":{"capabilities":{"bounding":["CAP_CHOWN"]}})", devices + kAllowAll + "]}") == false);
  CHECK(with(all, "\"x\":1") == false);
}

TEST_CASE("what is mounted over the users' files") {
  auto mount = [](const std::string& dest, const std::string& source, const std::string& type = "bind") {
    return R"({"destination":")" + dest + R"(","type":")" + type + R"(","source":")" + source + "\"}";
  };
  auto with = [&](const std::string& mounts) { return read(bundle("/x", ",\"mounts\":[" + mounts + "]")); };
  CHECK(with(mount("/etc/passwd", "/a/p")).passwd == "/a/p");
  CHECK(with(mount("/etc/passwd", "/a/p")).group.empty());
  CHECK(with(mount("/etc", "/a")).passwd == "/a/passwd");
  CHECK(with(mount("/etc/", "/a")).group == "/a/group");
  CHECK(with(mount("/etc", "/a") + "," + mount("/etc/group", "/b/g")).group == "/b/g");
  CHECK(with(mount("/etc/group", "/b/g") + "," + mount("/etc", "/a")).group == "/b/g");
  CHECK(with(mount("/etc/pass", "/a")).passwd.empty());
  CHECK(with(mount("/et", "/a")).passwd.empty());
  CHECK(with(mount("/etc/passwd", "relative")).passwd.empty());
  CHECK(with(mount("/etc/passwd", "tmpfs", "tmpfs")).passwd.empty());
  CHECK(with(R"({"destination":"/etc/passwd","source":"/a","options":["rbind"]})").passwd == "/a");
}

TEST_CASE("bundles of wrong types") {
  for (const char* text : {"", "{", "[]", "null", "{}", R"({"process":[],"linux":3})"}) {
    CAPTURE(text);
    Container c;
    std::string path;
    CHECK(!read_oci_bundle(c, text, "/run/b", path));
  }
  const Container c = read(
      R"({"process":{"user":7,"args":"x","capabilities":[]},"root":[],"hostname":{},"mounts":[1,null,[],{"destination":5,"options":[3,""]}],)"
      R"("annotations":[],"linux":{"namespaces":[0,{"type":1}],"uidMappings":[[],{"containerID":"0"}],"resources":{"devices":[1,{}]},"cgroupsPath":4}})");
  CHECK(c.user.empty());
  CHECK(c.rootfs.empty());
  CHECK(c.mounts.size() == 4);
}

TEST_CASE("of what a user writes into annotations, nothing is taken for another runtime's") {
  for (const char* type : {"docker", "podman"}) {
    Container c;
    c.type = type;
    std::string path;
    REQUIRE(read_oci_bundle(
        c,
        bundle("/x", R"(,"annotations":{"io.kubernetes.cri.container-type":"container",)"
                     R"("io.kubernetes.cri.sandbox-name":"kube-proxy","io.kubernetes.cri-o.KubeName":"p",)"
                     R"("io.container.manager":"cri-o","nerdctl/name":"n"})"),
        "/b", path));
    CHECK(c.type == type);
    CHECK(c.pod_name.empty());
    CHECK(c.name.empty());
  }
}

TEST_CASE("a container that names a cgroup of its own like another's stays what it is") {
  Host host;
  host.file(kMoby + kId + "/config.json", bundle("/docker/" + kId));
  host.file(kMoby + kOtherId + "/config.json", bundle("/docker/" + kOtherId));
  for (const std::string& inner : std::vector<std::string>{
           "/docker/" + kOtherId, "/" + kOtherId, "/system.slice/docker-" + kOtherId + ".scope", "/lxc.payload.web",
           "/machine.slice/machine-x.scope", "/docker/" + std::string(64, 'd')}) {
    CAPTURE(inner);
    const auto found = host.find("/docker/" + kId + inner);
    REQUIRE(found);
    CHECK(found->container.full_id == kId);
    CHECK(found->container.known);
    CHECK(found->container.verified == is_root());
    CHECK(found->cgroup == "/docker/" + kId);
  }
}

TEST_CASE("on the host, a borrowed id is not that container") {
  Host host;
  host.file(kMoby + kId + "/config.json", bundle("/docker/" + kId));
  for (const std::string& path :
       {"/evil/" + kId, "/user.slice/user-1000.slice/user@1000.service/docker-" + kId + ".scope",
        "/user.slice/user-1000.slice/user@1000.service/docker/" + kId, "/system.slice/docker-" + kId + ".scope"}) {
    CAPTURE(path);
    const auto found = host.find(path);
    REQUIRE(found);
    CHECK(!found->container.known);
    CHECK(!found->container.verified);
    CHECK(found->container.full_id == kId);
    CHECK(found->container.name.empty());
    CHECK(found->container.missing == kMissingRecord);
    CHECK(found->cgroup == path);
  }
}

TEST_CASE("no record at all") {
  const Host host;
  const auto found = host.find("/kubepods/burstable/pod12-34/" + kId);
  REQUIRE(found);
  CHECK(!found->container.known);
  CHECK(found->container.pod_uid == "12-34");
  CHECK((found->container.missing & (kMissingRecord | kMissingName | kMissingPodLabels)) ==
        (kMissingRecord | kMissingName | kMissingPodLabels));
  CHECK(!host.find("/default/web"));
  CHECK(!host.find("/system.slice/ssh.service"));
  CHECK(!host.reader().find({}));
}

TEST_CASE("a record that others may write to is not verified") {
  Host host;
  host.file(kMoby + kId + "/config.json", bundle("/docker/" + kId));
  std::filesystem::permissions(host.path(kMoby + kId + "/config.json"), std::filesystem::perms(0666));
  const auto found = host.find("/docker/" + kId);
  REQUIRE(found);
  CHECK(found->container.known);
  CHECK(!found->container.verified);
}

TEST_CASE("a bundle that is no bundle, or too large, is none") {
  for (const std::string& text : {std::string("{"), "{\"linux\":{}, \"x\":\"" + std::string(1u << 20, 'x') + "\"}"}) {
    Host host;
    host.file(kMoby + kId + "/config.json", text);
    const auto found = host.find("/docker/" + kId);
    REQUIRE(found);
    CHECK(!found->container.known);
  }
}

TEST_CASE("times of records") {
  CHECK(time_ns_of("2026-11-27T17:55:50.036294002Z") == 1795802150036294002);
  CHECK(time_ns_of("1970-01-01T00:00:01Z") == 1'000'000'000);
  CHECK(time_ns_of("1970-01-01T01:00:01.5+01:00") == 1'500'000'000);
  CHECK(time_ns_of("1969-12-31T23:00:01-01:30") == 1'801'000'000'000);
  for (const char* bad : {"", "0001-01-01T00:00:00Z", "2026-11-27", "2026-11-27T17:55:50", "2026-11-27T17:55:50X",
                          "-026-11-27T17:55:50Z", "9999-11-27T17:55:50Z", "2026-11-27T17:55:50+1:00"})
    CHECK(time_ns_of(bad) == 0);
}

TEST_CASE("texts end at their limit, never within a character") {
  bool cut = false;
  CHECK(bounded_text("abc", cut, 3) == "abc");
  CHECK(!cut);
  CHECK(bounded_text("ab\xc3\xa4", cut, 3) == "ab");
  CHECK(cut);
  CHECK(bounded_text("a\xe2\x82\xac", cut, 3) == "a");
  CHECK(bounded_text("\x80\x80\x80\x80\x80\x80\x80", cut, 5).size() >= 2);
}
