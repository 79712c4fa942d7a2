// Kubernetes: bundles as containerd's CRI plugin and CRI-O lay them out, and containerd's own clients.
#include <doctest/doctest.h>

#include "container_support.h"

using namespace tiercel::container;
using namespace container_test;

namespace {

const std::string kSlice = "kubepods-burstable-pod12345678_9abc_4def_8123_456789abcdef.slice";
const std::string kPodCgroup = "/kubepods.slice/kubepods-burstable.slice/" + kSlice + "/";
const std::string kPodUid = "12345678-9abc-4def-8123-456789abcdef";

// containerd 1.7 and later.
std::string cri_annotations(bool sandbox) {
  return std::string(R"(,"annotations":{"io.kubernetes.cri.container-type":")") + (sandbox ? "sandbox" : "container") +
         R"(","io.kubernetes.cri.sandbox-id":")" + kSandboxId +
         R"(","io.kubernetes.cri.sandbox-name":"web-0","io.kubernetes.cri.sandbox-namespace":"prod",)"
         R"("io.kubernetes.cri.sandbox-uid":")" +
         kPodUid + "\"" +
         (sandbox
              ? R"(,"io.kubernetes.cri.podsandbox.image-name":"registry.k8s.io/pause:3.9"})"
              : R"(,"io.kubernetes.cri.container-name":"app","io.kubernetes.cri.image-name":"quay.io/team/app:1.2"})");
}

const std::string kMounts =
    R"(,"mounts":[{"destination":"/proc","type":"proc","source":"proc"},)"
    R"({"destination":"/etc/hosts","type":"bind","source":"/var/lib/kubelet/hosts","options":["rbind","rprivate","ro"]}])";

void write_containerd(const Host& host) {
  host.file(kTasks + "k8s.io/" + kId + "/config.json",
            bundle(kSlice + ":cri-containerd:" + kId, cri_annotations(false) + kMounts));
  host.file(kTasks + "k8s.io/" + kSandboxId + "/config.json",
            bundle(kSlice + ":cri-containerd:" + kSandboxId, cri_annotations(true) + R"(,"hostname":"web-0")"));
}

// CRI-O: what it writes besides is in the storage's lists.
std::string crio_annotations(bool sandbox) {
  const std::string labels = sandbox
                                 ? R"({\"io.kubernetes.pod.name\":\"web-0\",\"io.kubernetes.pod.namespace\":\"prod\",)"
                                   R"(\"io.kubernetes.pod.uid\":\")" +
                                       kPodUid + R"(\",\"tier\":\"front\"})"
                                 : R"({\"io.kubernetes.container.name\":\"app\",\"io.kubernetes.pod.name\":\"web-0\",)"
                                   R"(\"io.kubernetes.pod.namespace\":\"prod\",\"io.kubernetes.pod.uid\":\")" +
                                       kPodUid + R"(\"})";
  return std::string(R"(,"annotations":{"io.container.manager":"cri-o","io.kubernetes.cri-o.ContainerType":")") +
         (sandbox ? "sandbox" : "container") + R"(","io.kubernetes.cri-o.SandboxID":")" + kSandboxId +
         R"(","io.kubernetes.cri-o.Name":"k8s_made_up","io.kubernetes.cri-o.Created":"2026-11-27T17:55:50.5Z",)"
         R"("io.kubernetes.cri-o.IP.0":"10.85.0.7","io.kubernetes.cri-o.Labels":")" +
         labels + "\"" +
         (sandbox
              ? R"(,"io.kubernetes.cri-o.KubeName":"web-0","io.kubernetes.cri-o.Namespace":"prod",)"
                R"("io.kubernetes.cri-o.CNIResult":"{\"cniVersion\":\"1.0.0\"}"})"
              : R"(,"io.kubernetes.cri-o.Image":"quay.io/team/app:1.2","io.kubernetes.cri-o.ImageName":"quay.io/team/app:1.2",)"
                R"("io.kubernetes.cri-o.ImageRef":")" +
                    kImageId +
                    R"(","io.kubernetes.cri-o.ImageRepoDigests":"other@sha256:1,quay.io/team/app@sha256:2"})");
}

const std::string kStorage = "/var/lib/containers/storage/overlay-containers/";

}  // namespace

TEST_CASE("a container of containerd's CRI") {
  Host host;
  write_containerd(host);
  const auto found = host.find(kPodCgroup + "cri-containerd-" + kId + ".scope");
  REQUIRE(found);
  const Container& c = found->container;
  CHECK(c.known);
  CHECK(c.verified == is_root());
  CHECK(c.type == "containerd");
  CHECK(c.name == "app");
  CHECK(c.image == "quay.io/team/app:1.2");
  CHECK(c.image_repository == "quay.io/team/app");
  CHECK(c.image_tag == "1.2");
  CHECK(!c.sandbox);
  CHECK(c.sandbox_id == kSandboxId);
  CHECK(c.pod_name == "web-0");
  CHECK(c.pod_namespace == "prod");
  CHECK(c.pod_uid == kPodUid);
  CHECK(c.hostname == "web-0");
  CHECK(c.socket_namespace == "k8s.io");
  CHECK(c.missing == (kMissingDigest | kMissingLabels | kMissingPodLabels | kMissingPodIp));
  REQUIRE(c.mounts.size() == 1);
  CHECK(c.mounts[0].dest == "/etc/hosts");
}

TEST_CASE("its sandbox, with the pod's name") {
  Host host;
  write_containerd(host);
  const auto found = host.find(kPodCgroup + "cri-containerd-" + kSandboxId + ".scope");
  REQUIRE(found);
  CHECK(found->container.sandbox);
  CHECK(found->container.name == "web-0");
  CHECK(found->container.image_tag == "3.9");
}

TEST_CASE("the cgroupfs driver, and a kubelet of another mind") {
  Host host;
  host.file(kTasks + "k8s.io/" + kId + "/config.json", bundle("/kubepods/pod12-34/" + kId, cri_annotations(false)));
  REQUIRE(host.find("/kubepods/pod12-34/" + kId));
  CHECK(host.find("/kubepods/pod12-34/" + kId)->container.name == "app");
  CHECK(host.find("/kubepods/pod12-34/" + kId)->container.type == "containerd");
  write_containerd(host);
  const auto mixed = host.find("/system.slice/containerd.service/" + kSlice + ":cri-containerd:" + kId);
  REQUIRE(mixed);
  CHECK(mixed->container.known);
}

TEST_CASE("older containerds say less: it is missing") {
  Host host;
  host.file(kTasks + "k8s.io/" + kId + "/config.json",
            bundle("/kubepods/pod12-34/" + kId, R"(,"annotations":{"io.kubernetes.cri.container-type":"container",)"
                                                R"("io.kubernetes.cri.sandbox-id":")" +
                                                    kSandboxId + R"("})"));
  const auto found = host.find("/kubepods/pod12-34/" + kId);
  REQUIRE(found);
  CHECK(found->container.pod_uid == "12-34");
  CHECK((found->container.missing & kMissingName) != 0);
  CHECK((found->container.missing & kMissingImage) != 0);
}

TEST_CASE("ctr: the name is the id, and the rest is the socket's") {
  Host host;
  host.file(kTasks + "default/web/config.json", bundle("/default/web"));
  const auto found = host.find("/default/web/below");
  REQUIRE(found);
  const Container& c = found->container;
  CHECK(found->cgroup == "/default/web");
  CHECK(c.known);
  CHECK(c.type == "containerd");
  CHECK(c.id == "web");
  CHECK(c.full_id == "web");
  CHECK(c.name == "web");
  CHECK(c.socket_namespace == "default");
  CHECK(c.entrypoint == std::vector<std::string>{"sleep", "9"});
  CHECK(c.rootfs == kTasks + "default/web/rootfs");
  CHECK(c.missing == (kMissingImage | kMissingDigest | kMissingLabels));
  // Of another namespace or with another cgroup it is the host's.
  CHECK(!host.find("/other/web"));
  host.file(kTasks + "default/job/config.json", bundle("/elsewhere/job"));
  CHECK(!host.find("/default/job"));
}

TEST_CASE("nerdctl's labels are its annotations") {
  Host host;
  host.file(kTasks + "default/" + kId + "/config.json",
            bundle("/default/" + kId, R"(,"annotations":{"nerdctl/name":"web","nerdctl/hostname":"w","mine":"1"})"));
  const auto found = host.find("/default/" + kId);
  REQUIRE(found);
  CHECK(found->container.type == "containerd");
  CHECK(found->container.name == "web");
  CHECK(found->container.hostname == "w");
  CHECK(found->container.labels.size() == 3);
  CHECK(found->container.missing == (kMissingImage | kMissingDigest));
}

TEST_CASE("an image that has an id for a name is missing") {
  Host host;
  host.file(kTasks + "k8s.io/" + kId + "/config.json",
            bundle("/k8s.io/" + kId, R"(,"annotations":{"io.kubernetes.cri.container-type":"container",)"
                                     R"("io.kubernetes.cri.image-name":"sha256:)" +
                                         kImageId + R"("})"));
  const auto found = host.find("/k8s.io/" + kId);
  REQUIRE(found);
  CHECK(found->container.image_id == kImageId);
  CHECK((found->container.missing & kMissingImage) != 0);
}

TEST_CASE("a container of CRI-O") {
  Host host;
  host.file(kStorage + kId + "/userdata/config.json",
            bundle(kSlice + ":crio:" + kId, crio_annotations(false) + kMounts));
  host.file(kStorage + kSandboxId + "/userdata/config.json",
            bundle(kSlice + ":crio:" + kSandboxId, crio_annotations(true) + R"(,"hostname":"web-0")"));
  const auto found = host.find(kPodCgroup + "crio-" + kId + ".scope");
  REQUIRE(found);
  const Container& c = found->container;
  CHECK(c.known);
  CHECK(c.verified == is_root());
  CHECK(c.type == "cri-o");
  CHECK(c.name == "app");
  CHECK(c.image == "quay.io/team/app:1.2");
  CHECK(c.image_tag == "1.2");
  CHECK(c.image_id == kImageId);
  CHECK(c.image_digest == "sha256:2");
  CHECK(c.pod_name == "web-0");
  CHECK(c.pod_namespace == "prod");
  CHECK(c.pod_uid == kPodUid);
  CHECK(c.sandbox_id == kSandboxId);
  CHECK(c.pod_ip == "10.85.0.7");
  CHECK(c.ip == "10.85.0.7");
  CHECK(c.pod_cni_json == R"({"cniVersion":"1.0.0"})");
  CHECK(c.hostname == "web-0");
  CHECK(c.created_ns == 1795802150500000000);
  CHECK(c.missing == 0);
  REQUIRE(c.pod_labels.size() == 4);
  CHECK(c.pod_labels.back() == std::pair<std::string, std::string>("tier", "front"));
  CHECK(c.mounts.size() == 1);

  const auto sandbox = host.find(kPodCgroup + "crio-" + kSandboxId + ".scope");
  REQUIRE(sandbox);
  CHECK(sandbox->container.sandbox);
  CHECK(sandbox->container.name == "web-0");
}

TEST_CASE("CRI-O with the cgroupfs driver, its bundle in the run folder, the pod's gone") {
  Host host;
  host.file("/run/containers/storage/overlay-containers/" + kId + "/userdata/config.json",
            bundle("/kubepods/besteffort/pod12-34/crio-" + kId, crio_annotations(false)));
  const auto found = host.find("/kubepods/besteffort/pod12-34/crio-" + kId);
  REQUIRE(found);
  CHECK(found->container.known);
  CHECK(found->container.missing == kMissingPodLabels);
}

TEST_CASE("annotations of wrong types") {
  for (const char* text :
       {"{}", "[]", "{\"io.kubernetes.cri-o.Labels\":\"[\"}", "{\"io.kubernetes.cri-o.Labels\":\"{\\\"a\\\":1}\"}",
        "{\"io.kubernetes.cri.container-type\":7}"}) {
    CAPTURE(text);
    for (const char* type : {"", "cri-o", "containerd"}) {
      Container c;
      c.type = type;
      std::string path;
      CHECK(read_oci_bundle(c, bundle("/x", std::string(",\"annotations\":") + text), "/b", path));
      CHECK(c.labels.empty());
      CHECK(c.pod_name.empty());
    }
  }
}
