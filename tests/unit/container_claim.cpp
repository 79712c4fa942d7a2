#include <doctest/doctest.h>

#include "agent/container/claim.h"
#include "container_support.h"

using namespace tiercel::container;
using container_test::kId;
using container_test::kOtherId;

namespace {

struct Row {
  std::string path;
  std::string type, id, unit, parent, pod;
  bool sure = true;
  std::optional<uint32_t> owner = std::nullopt;
};

const std::string kPod = "12345678-9abc-4def-8123-456789abcdef";
const std::string kPodSlice =
    "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod12345678_9abc_4def_8123_456789abcdef.slice";
const std::string kSession = "/user.slice/user-1000.slice/user@1000.service";

// The first claim of each path.
const std::vector<Row> kRows = {
    {"/docker/" + kId, "docker", kId, "", "docker", ""},
    {"/system.slice/docker-" + kId + ".scope", "docker", kId, "docker-" + kId + ".scope", "system.slice", ""},
    {"/a.slice/a-b.slice/docker-" + kId + ".scope", "docker", kId, "docker-" + kId + ".scope", "a-b.slice", ""},
    {kSession + "/user.slice/docker-" + kId + ".scope", "docker", kId, "docker-" + kId + ".scope", "user.slice", "",
     true, 1000},
    {"/kubepods/burstable/pod" + kPod + "/" + kId, "", kId, "", "pod" + kPod, kPod},
    {"/kubepods/pod" + kPod + "/" + kId, "", kId, "", "pod" + kPod, kPod},
    {kPodSlice + "/cri-containerd-" + kId + ".scope", "containerd", kId, "cri-containerd-" + kId + ".scope",
     kPodSlice.substr(kPodSlice.rfind('/') + 1), kPod},
    {kPodSlice + "/crio-" + kId + ".scope", "cri-o", kId, "crio-" + kId + ".scope",
     kPodSlice.substr(kPodSlice.rfind('/') + 1), kPod},
    {kPodSlice + "/docker-" + kId + ".scope", "docker", kId, "docker-" + kId + ".scope",
     kPodSlice.substr(kPodSlice.rfind('/') + 1), kPod},
    {"/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-pod0123456789abcdef0123456789abcdef.slice/"
     "cri-containerd-" +
         kId + ".scope",
     "containerd", kId, "cri-containerd-" + kId + ".scope",
     "kubelet-kubepods-pod0123456789abcdef0123456789abcdef.slice", "0123456789abcdef0123456789abcdef"},
    {"/system.slice/containerd.service/kubepods-besteffort-podab_cd.slice:cri-containerd:" + kId, "containerd", kId, "",
     "containerd.service", "ab-cd"},
    {"/kubepods/besteffort/podab-cd/crio-" + kId, "cri-o", kId, "", "podab-cd", "ab-cd"},
    {"/machine.slice/libpod-" + kId + ".scope", "podman", kId, "libpod-" + kId + ".scope", "machine.slice", ""},
    {"/machine.slice/libpod-" + kId + ".scope/container", "podman", kId, "libpod-" + kId + ".scope", "machine.slice",
     ""},
    {"/machine.slice/machine-libpod_pod_" + kOtherId + ".slice/libpod-" + kId + ".scope", "podman", kId,
     "libpod-" + kId + ".scope", "machine-libpod_pod_" + kOtherId + ".slice", ""},
    {"/libpod_parent/libpod-" + kId, "podman", kId, "", "libpod_parent", ""},
    {"/libpod_parent/" + kOtherId + "/libpod-" + kId, "podman", kId, "", kOtherId, ""},
    {"/system.slice/web.service/libpod-payload-" + kId, "podman", kId, "", "web.service", ""},
    {kSession + "/user.slice/libpod-" + kId + ".scope/container", "podman", kId, "libpod-" + kId + ".scope",
     "user.slice", "", true, 1000},
    {"/system.slice/nerdctl-" + kId + ".scope", "containerd", kId, "nerdctl-" + kId + ".scope", "system.slice", ""},
    {"/default/" + kId, "", kId, "", "default", ""},
    {"/k8s.io/" + kId, "containerd", kId, "", "k8s.io", ""},
    {"/default/web_1.a", "containerd", "web_1.a", "", "default", "", false},
    {"/system.slice/other-" + kId + ".scope", "", kId, "other-" + kId + ".scope", "system.slice", ""},
    {"/lxc.payload.web", "lxc", "web", "", "", ""},
    {"/lxc.payload.web/system.slice/ssh.service", "lxc", "web", "", "", ""},
    {"/lxc/web", "lxc", "web", "", "lxc", ""},
    {"/lxc.payload/web", "lxc", "web", "", "lxc.payload", ""},
    {"/lxc.payload.project_web", "lxc", "project_web", "", "", ""},
    {"/lxc.payload.a/lxc.payload.b", "lxc", "b", "", "lxc.payload.a", ""},
    {kSession + "/app.slice/lxc.payload.web", "lxc", "web", "", "app.slice", "", true, 1000},
    {"/machine.slice/machine-web.scope", "systemd-nspawn", "web", "machine-web.scope", "machine.slice", ""},
    {"/machine.slice/machine-my\\x2dweb.scope/payload/init.scope", "systemd-nspawn", "my-web",
     "machine-my\\x2dweb.scope", "machine.slice", ""},
    {"/machine.slice/systemd-nspawn@my\\x2dweb.service/payload", "systemd-nspawn", "my-web",
     "systemd-nspawn@my\\x2dweb.service", "machine.slice", ""},
    {"/machine.slice/machine-lxc\\x2d1234\\x2dweb\\x2d1.scope", "libvirt-lxc", "web-1",
     "machine-lxc\\x2d1234\\x2dweb\\x2d1.scope", "machine.slice", ""},
    {"/machine/web.libvirt-lxc", "libvirt-lxc", "web", "", "machine", ""},
    {"/machine/lxc-12-web.libvirt-lxc", "libvirt-lxc", "web", "", "machine", ""},
    {"/libvirt/lxc/web", "libvirt-lxc", "web", "", "lxc", ""},
    {"docker/" + kId, "docker", kId, "", "docker", ""},
    {"//docker//" + kId + "/", "docker", kId, "", "docker", ""},
};

const std::vector<std::string> kHost = {
    "",
    "/",
    "/init.scope",
    "/system.slice/ssh.service",
    "/user.slice/user-1000.slice/session-1.scope",
    kSession + "/app.slice/app-gnome-1.scope",
    kPodSlice,
    "/kubepods/burstable/pod" + kPod,
    kPodSlice + "/crio-conmon-" + kId + ".scope",
    "/machine.slice/libpod-conmon-" + kId + ".scope",
    "/libpod_parent/libpod-conmon-" + kId,
    "/libpod_parent/" + kId,
    "/lxc.monitor.web",
    "/lxc.monitor/web",
    "/lxc",
    "/machine.slice/machine-qemu\\x2d1\\x2dweb.scope",
    "/machine.slice/machine-..\\x2f..\\x2fetc.scope",
    "/machine.slice/machine-a\\x00b.scope",
    "/machine.slice/machine-.scope",
    "/docker/" + kId + "a",
    "/docker/" + kId.substr(1),
    "/docker/" + std::string(64, 'A'),
    "/system.slice/docker-" + kId + ".service",
    "/system.slice/docker" + kId + ".scope",
    "/name",
    "/system.slice/name",
    "/default/init.scope",
    "/default/" + std::string(77, 'a'),
    "/kubepods/burstable",
};

}  // namespace

TEST_CASE("what a cgroup's path says") {
  for (const Row& row : kRows) {
    CAPTURE(row.path);
    const auto claims = claims_of(row.path);
    REQUIRE(!claims.empty());
    const Claim& claim = claims.front();
    CHECK(claim.type == row.type);
    CHECK(claim.full_id == row.id);
    CHECK(claim.unit == row.unit);
    CHECK(claim.parent == row.parent);
    CHECK(claim.pod_uid == row.pod);
    CHECK(claim.sure == row.sure);
    CHECK(claim.owner == row.owner);
  }
}

TEST_CASE("the host's cgroups claim nothing") {
  for (const std::string& path : kHost) {
    CAPTURE(path);
    CHECK(claims_of(path).empty());
  }
}

TEST_CASE("claims go from the inside out, each with its own path") {
  const std::string outer = "/docker/" + kId;
  const std::string inner = outer + "/system.slice/docker-" + kOtherId + ".scope";
  const auto claims = claims_of(inner + "/init.scope");
  REQUIRE(claims.size() == 2);
  CHECK(claims[0].path == inner);
  CHECK(claims[1].path == outer);
}

TEST_CASE("nesting without end leaves a bounded number of claims, the outermost among them") {
  std::string path = "/docker/" + kId;
  for (int i = 0; i < 2000; ++i) path += "/lxc.payload.x";
  const auto claims = claims_of(path);
  CHECK(claims.size() <= 16);
  CHECK(claims.back().full_id == kId);
  CHECK(claims.front().path == path);
}

TEST_CASE("slices of systemd") {
  CHECK(expanded_slice("a-b-c.slice") == "/a.slice/a-b.slice/a-b-c.slice");
  CHECK(expanded_slice("system.slice") == "/system.slice");
  CHECK(expanded_slice("-.slice") == "");
  for (const char* bad : {"", ".slice", "a", "a--b.slice", "-a.slice", "a-.slice", "a/b.slice"})
    CHECK(!expanded_slice(bad).has_value());
}

TEST_CASE("escapes of units") {
  CHECK(unescaped_unit("my\\x2dweb") == "my-web");
  CHECK(unescaped_unit("a\\x2") == "a\\x2");
  CHECK(unescaped_unit("a\\xzz\\") == "a\\xzz\\");
}

TEST_CASE("which cgroup a bundle names") {
  struct Named {
    std::string bundle, cgroup;
    bool same;
    std::optional<uint32_t> owner = std::nullopt;
  };
  const std::string pod = "kubepods-burstable-pod12345678_9abc_4def_8123_456789abcdef.slice";
  const std::vector<Named> rows = {
      {"/docker/" + kId, "/docker/" + kId, true},
      {"/docker//" + kId + "/", "/docker/" + kId, true},
      {"/docker/" + kId, "/evil/docker/" + kId, false},
      {"/docker/" + kId, "/docker/" + kId + "/x", false},
      {"docker/" + kId, "/docker/" + kId, true},
      {"docker/" + kId, "/system.slice/x.service/docker/" + kId, false},
      {"system.slice:docker:" + kId, "/system.slice/docker-" + kId + ".scope", true},
      {":docker:" + kId, "/system.slice/docker-" + kId + ".scope", true},
      {"a-b.slice:docker:" + kId, "/a.slice/a-b.slice/docker-" + kId + ".scope", true},
      {"a-b.slice:docker:" + kId, "/a-b.slice/docker-" + kId + ".scope", false},
      {pod + ":cri-containerd:" + kId, kPodSlice + "/cri-containerd-" + kId + ".scope", true},
      {pod + ":cri-containerd:" + kId, kPodSlice + "/crio-" + kId + ".scope", false},
      {pod + ":cri-containerd:" + kId, "/system.slice/containerd.service/" + pod + ":cri-containerd:" + kId, true},
      {pod + ":cri-containerd:" + kId, "/system.slice/other.service/" + pod + ":cri-containerd:" + kId, false},
      {pod + ":cri-containerd:" + kId, "/docker/" + kOtherId + "/" + pod + ":cri-containerd:" + kId, false},
      {"machine.slice:libpod:" + kId, "/machine.slice/libpod-" + kId + ".scope", true},
      {"system.slice::web", "/system.slice/web.scope", true},
      {"system.slice:docker:" + kId, kSession + "/system.slice/docker-" + kId + ".scope", false},
      {"user.slice:libpod:" + kId, kSession + "/user.slice/libpod-" + kId + ".scope", true, 1000},
      {"user.slice:libpod:" + kId, kSession + "/user.slice/libpod-" + kId + ".scope", false, 1001},
      {":libpod:" + kId, kSession + "/user.slice/libpod-" + kId + ".scope", true, 1000},
      {kSession + "/user.slice/libpod-" + kId, kSession + "/user.slice/libpod-" + kId, true, 1000},
      {"", "/" + kId, true},
      {"", "/system.slice/runc-" + kId + ".scope", true},
      {"", "/evil/" + kId, false},
      {"/", "/", false},
      {":::", "/:::", true},
      {"x:y", "/x:y", true},
      {"bad--slice.slice:a:b", "/bad--slice.slice/a-b.scope", false},
  };
  for (const Named& row : rows) {
    CAPTURE(row.bundle);
    CAPTURE(row.cgroup);
    CHECK(names_cgroup(row.bundle, row.cgroup, kId, row.owner) == row.same);
  }
}
