// Every container.* and k8s.* field: what it shows of a container that everything is known of, of one that nothing is
// known of, and on the host.
#include <doctest/doctest.h>

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "rule_support.h"

using namespace tiercel;
using namespace tiercel::rule;
using namespace tiercel::rule::test;

namespace {

constexpr uint64_t kSecond = 1'000'000'000;

context::Container whole() {
  context::Container c;
  c.id = "0123456789ab";
  c.full_id = c.id + std::string(52, 'c');
  c.type = "containerd";
  c.name = "app";
  container::set_image(c, "reg:5000/team/app:1.2@sha256:" + std::string(64, 'd'));
  c.image_id = std::string(64, 'e');
  c.labels = {{"a", "1"}, {"b.c/d", "x y"}, {"io.kubernetes.pod.name", "pod-1"}};
  c.mounts = {{"/var/run/docker.sock", "/sock", "ro", false, "rprivate"},
              {"/proc", "/host/proc", "rbind", true, "rslave"}};
  c.privileged = true;
  c.host_pid = false;
  c.host_network = true;
  c.host_ipc = false;
  c.capabilities = 1u << 21 | 1u;
  c.user = "1000:1000";
  c.entrypoint = {"/bin/app", "-v"};
  c.healthcheck = {"curl", "localhost"};
  c.hostname = "pod-1";
  c.ip = "10.1.2.3";
  c.cni_json = R"({"x":1})";
  c.created_ns = 1'700'000'000 * kSecond;
  c.pod_name = "pod-1";
  c.pod_namespace = "prod";
  c.pod_uid = "6f0e";
  c.sandbox_id = std::string(64, 'f');
  c.pod_labels = {{"tier", "front"}};
  c.pod_ip = "10.1.2.4";
  c.pod_cni_json = R"({"y":2})";
  c.known = c.verified = true;
  return c;
}

void put(World& world, context::Container container) {
  world.process->container = std::make_shared<context::KnownContainer>(std::make_shared<size_t>(0));
  world.process->container->facts = std::make_shared<const context::Container>(std::move(container));
}

struct Row {
  const char* field;
  std::string whole;
};

std::vector<Row> rows() {
  return {{"container.id", "0123456789ab"},
          {"container.full_id", "0123456789ab" + std::string(52, 'c')},
          {"container.name", "app"},
          {"container.image", "reg:5000/team/app:1.2@sha256:" + std::string(64, 'd')},
          {"container.image.id", std::string(64, 'e')},
          {"container.image.repository", "reg:5000/team/app"},
          {"container.image.tag", "1.2"},
          {"container.image.digest", "sha256:" + std::string(64, 'd')},
          {"container.type", "containerd"},
          {"container.privileged", "true"},
          {"container.host_pid", "false"},
          {"container.host_network", "true"},
          {"container.host_ipc", "false"},
          {"container.mounts", "/var/run/docker.sock:/sock:ro:false:rprivate,/proc:/host/proc:rbind:true:rslave"},
          {"container.mount[0]", "/var/run/docker.sock:/sock:ro:false:rprivate"},
          {"container.mount[/pro*]", "/proc:/host/proc:rbind:true:rslave"},
          {"container.mount[2]", "N/A"},
          {"container.mount.source[/sock]", "/var/run/docker.sock"},
          {"container.mount.source[/proc]", "N/A"},
          {"container.mount.dest[/proc*]", "/host/proc"},
          {"container.mount.dest[/sock]", "N/A"},
          {"container.mount.dest[0]", "/sock"},
          {"container.mount.mode[/proc]", "rbind"},
          {"container.mount.rdwr[/var/run/docker.sock]", "false"},
          {"container.mount.rdwr[1]", "true"},
          {"container.mount.propagation[/proc]", "rslave"},
          {"container.start_ts", "1700000000000000000"},
          {"container.ip", "10.1.2.3"},
          {"container.cni.json", R"({"x":1})"},
          {"container.label[a]", "1"},
          {"container.label[b.c/d]", "x y"},
          {"container.label[io.kubernetes.pod.name]", "pod-1"},
          {"container.label[none]", "<NA>"},
          {"container.labels", "a:1, b.c/d:x y"},
          {"container.user", "1000:1000"},
          {"container.hostname", "pod-1"},
          {"container.entrypoint", "/bin/app -v"},
          {"container.health_test", "curl localhost"},
          {"container.capabilities", "CAP_CHOWN CAP_SYS_ADMIN"},
          {"container.created_ts", "1700000000000000000"},
          {"container.verified", "true"},
          {"container.missing", "<NA>"},
          {"k8s.pod.name", "pod-1"},
          {"k8s.pod.uid", "6f0e"},
          {"k8s.pod.id", "6f0e"},
          {"k8s.pod.sandbox_id", std::string(12, 'f')},
          {"k8s.pod.full_sandbox_id", std::string(64, 'f')},
          {"k8s.pod.ip", "10.1.2.4"},
          {"k8s.pod.cni.json", R"({"y":2})"},
          {"k8s.pod.label[tier]", "front"},
          {"k8s.pod.labels", "tier:front"},
          {"k8s.ns.name", "prod"}};
}

std::string shown(World& world, const std::string& field) {
  return rendered("%" + field, *exec_event(world)).message;
}

}  // namespace

TEST_CASE("what a container that is wholly known shows") {
  World world;
  put(world, whole());
  for (const Row& row : rows()) {
    CAPTURE(row.field);
    CHECK(shown(world, row.field) == row.whole);
  }
}

TEST_CASE("the table has every container field that is fed") {
  std::set<std::string> named;
  for (const Row& row : rows()) named.insert(std::string(row.field).substr(0, std::string(row.field).find('[')));
  named.insert("container.duration");  // of its own, below
  for (const FieldInfo& field : all_fields())
    if (field.fed() && (field.name.starts_with("container.") || field.name.starts_with("k8s."))) {
      CAPTURE(std::string(field.name));
      CHECK(named.contains(std::string(field.name)));
    }
}

TEST_CASE("of a container that nobody knows nothing is claimed; mounts are N/A, as stock rules ask") {
  World world;
  context::Container unknown;
  unknown.missing = container::kMissingRecord;
  put(world, unknown);
  for (const Row& row : rows()) {
    const std::string field = row.field;
    CAPTURE(field);
    const std::string wanted = field.starts_with("container.mount[") || field.starts_with("container.mount.") ? "N/A"
                               : field == "container.verified"                                                ? "false"
                               : field == "container.missing"                                                 ? "record"
                                                                                                              : "<NA>";
    CHECK(shown(world, field) == wanted);
  }
}

TEST_CASE("on the host") {
  World world;
  const std::set<std::string> host = {"container.id", "container.full_id", "container.name", "container.type"};
  for (const Row& row : rows()) {
    const std::string field = row.field;
    CAPTURE(field);
    const std::string wanted = host.contains(field) ? "host"
                               : field.starts_with("container.mount[") || field.starts_with("container.mount.")
                                   ? "N/A"
                                   : "<NA>";
    CHECK(shown(world, field) == wanted);
  }
}

TEST_CASE("a container began when its pid namespace did, unless that is another's") {
  World world;
  context::Container container = whole();
  put(world, container);
  world.process->usage.pidns_init_ns = kNow - 5 * kSecond;
  CHECK(rendered("%container.duration", *open_event(world)).message == std::to_string(5 * kSecond));
  container.host_pid = true;
  put(world, container);
  CHECK(shown(world, "container.start_ts") == "1700000000000000000");
}

TEST_CASE("an unknown flag is missing, so that neither it nor its opposite holds") {
  World world;
  context::Container container = whole();
  container.privileged.reset();
  put(world, container);
  CHECK(shown(world, "container.privileged") == "<NA>");
}
