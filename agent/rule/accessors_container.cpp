// container.*, k8s.*: on the host only id, full_id, name and type have a value, and it is "host". What is not known is
// missing. Mounts are the exception, see mount_part().
#include <fmt/core.h>
#include <fnmatch.h>

#include "agent/rule/accessors.h"
#include "decoders/flags.h"

namespace tiercel::rule::accessors {
namespace {

using container::Labels;
using container::Mount;
using context::Container;

constexpr std::string_view kHost = "host";
constexpr size_t kShortIdLength = 12;

Value part(const Access& a, std::string Container::*member) {
  const Container* container = a.event.container();
  return container ? text_or_missing(container->*member) : Value();
}

Value part_or_host(const Access& a, std::string Container::*member) {
  return a.event.container() ? part(a, member) : Value::of_text(kHost);
}

Value flag(const Access& a, std::optional<bool> Container::*member) {
  const Container* container = a.event.container();
  return container && container->*member ? Value::of_bool(*(container->*member)) : Value();
}

std::string text_of(const Mount& mount) {
  return fmt::format("{}:{}:{}:{}:{}", mount.source, mount.dest, mount.mode, mount.rdwr, mount.propagation);
}

// By its number, or the first one whose source (or destination) fits the pattern.
const Mount* find_mount(const Access& a, std::string Mount::*key) {
  const Container* container = a.event.container();
  if (!container) return nullptr;
  if (a.arg.index >= 0) {
    const auto n = static_cast<size_t>(a.arg.index);
    return n < container->mounts.size() ? &container->mounts[n] : nullptr;
  }
  for (const Mount& mount : container->mounts)
    if (::fnmatch(a.arg.text.c_str(), (mount.*key).c_str(), 0) == 0) return &mount;
  return nullptr;
}

// No such mount is "N/A", not missing: stock rules say `not container.mount.dest[/x] in ("<NA>", "N/A")`, which would
// else be true for every container.
Value mount_part(const Access& a, std::string Mount::*member) {
  const Mount* mount = find_mount(a, member == &Mount::source ? &Mount::dest : &Mount::source);
  return Value::of_text(mount ? std::string_view(mount->*member) : std::string_view("N/A"));
}

Value label_of(const Labels& labels, const std::string& key) {
  for (const auto& [name, value] : labels)
    if (name == key) return Value::of_text(value);
  return {};
}

// Without those that Kubernetes adds for itself.
Value text_of(const Access& a, const Labels& labels) {
  std::string out;
  for (const auto& [key, value] : labels) {
    if (key.starts_with("io.kubernetes.") || key.starts_with("annotation.")) continue;
    if (!out.empty()) out += ", ";
    out.append(key).append(":").append(value);
  }
  return out.empty() ? Value() : made_text(a, std::move(out));
}

Value list_text(const Access& a, const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& word : words) out.append(out.empty() ? "" : " ").append(word);
  return out.empty() ? Value() : made_text(a, std::move(out));
}

}  // namespace

Value container_id(const Access& a) {
  return part_or_host(a, &Container::id);
}
Value container_full_id(const Access& a) {
  return part_or_host(a, &Container::full_id);
}
Value container_name(const Access& a) {
  return part_or_host(a, &Container::name);
}
Value container_type(const Access& a) {
  return part_or_host(a, &Container::type);
}
Value container_image(const Access& a) {
  return part(a, &Container::image);
}
Value container_image_id(const Access& a) {
  return part(a, &Container::image_id);
}
Value container_image_repository(const Access& a) {
  return part(a, &Container::image_repository);
}
Value container_image_tag(const Access& a) {
  return part(a, &Container::image_tag);
}
Value container_image_digest(const Access& a) {
  return part(a, &Container::image_digest);
}
Value container_privileged(const Access& a) {
  return flag(a, &Container::privileged);
}
Value container_host_pid(const Access& a) {
  return flag(a, &Container::host_pid);
}
Value container_host_network(const Access& a) {
  return flag(a, &Container::host_network);
}
Value container_host_ipc(const Access& a) {
  return flag(a, &Container::host_ipc);
}

Value container_mounts(const Access& a) {
  const Container* container = a.event.container();
  if (!container || container->mounts.empty()) return {};
  std::string out;
  for (const Mount& mount : container->mounts) out.append(out.empty() ? "" : ",").append(text_of(mount));
  return made_text(a, std::move(out));
}
Value container_mount(const Access& a) {
  const Mount* mount = find_mount(a, &Mount::source);
  return mount ? made_text(a, text_of(*mount)) : Value::of_text("N/A");
}
Value container_mount_source(const Access& a) {
  return mount_part(a, &Mount::source);
}
Value container_mount_dest(const Access& a) {
  return mount_part(a, &Mount::dest);
}
Value container_mount_mode(const Access& a) {
  return mount_part(a, &Mount::mode);
}
Value container_mount_rdwr(const Access& a) {
  const Mount* mount = find_mount(a, &Mount::source);
  return Value::of_text(!mount ? "N/A" : mount->rdwr ? "true" : "false");
}
Value container_mount_propagation(const Access& a) {
  return mount_part(a, &Mount::propagation);
}

// From the start of the container's pid namespace, which the kernel tells; one that shares another's has the time when
// its runtime made it.
Value container_start_ts(const Access& a) {
  const Container* container = a.event.container();
  if (!container) return {};
  const Value init = proc_pidns_init_start_ts(a);
  const bool own = container->host_pid && !*container->host_pid;
  if (own && !init.missing()) return init;
  return container->created_ns != 0 ? Value::of_uint(container->created_ns) : init;
}
Value container_duration(const Access& a) {
  const Value start = container_start_ts(a);
  if (start.missing() || start.u > a.event.wall_ns()) return {};
  return Value::of_uint(a.event.wall_ns() - start.u);
}

Value container_ip(const Access& a) {
  return part(a, &Container::ip);
}
Value container_cni_json(const Access& a) {
  return part(a, &Container::cni_json);
}
Value container_label(const Access& a) {
  const Container* container = a.event.container();
  return container ? label_of(container->labels, a.arg.text) : Value();
}
Value container_labels(const Access& a) {
  const Container* container = a.event.container();
  return container ? text_of(a, container->labels) : Value();
}

Value container_user(const Access& a) {
  return part(a, &Container::user);
}
Value container_hostname(const Access& a) {
  return part(a, &Container::hostname);
}
Value container_entrypoint(const Access& a) {
  const Container* container = a.event.container();
  return container ? list_text(a, container->entrypoint) : Value();
}
Value container_health_test(const Access& a) {
  const Container* container = a.event.container();
  return container ? list_text(a, container->healthcheck) : Value();
}
Value container_capabilities(const Access& a) {
  const Container* container = a.event.container();
  if (!container || !container->capabilities) return {};
  return made_text(a, decoders::capabilities_text(*container->capabilities));
}
Value container_created_ts(const Access& a) {
  const Container* container = a.event.container();
  return container && container->created_ns != 0 ? Value::of_uint(container->created_ns) : Value();
}
Value container_verified(const Access& a) {
  const Container* container = a.event.container();
  return container ? Value::of_bool(container->verified) : Value();
}
Value container_missing(const Access& a) {
  const Container* container = a.event.container();
  return container && container->missing != 0 ? made_text(a, container::missing_text(container->missing)) : Value();
}

Value k8s_pod_name(const Access& a) {
  return part(a, &Container::pod_name);
}
Value k8s_pod_uid(const Access& a) {
  return part(a, &Container::pod_uid);
}
Value k8s_pod_full_sandbox_id(const Access& a) {
  return part(a, &Container::sandbox_id);
}
Value k8s_pod_sandbox_id(const Access& a) {
  const Value whole = part(a, &Container::sandbox_id);
  return whole.missing() ? whole : Value::of_text(whole.view().substr(0, kShortIdLength));
}
Value k8s_pod_ip(const Access& a) {
  return part(a, &Container::pod_ip);
}
Value k8s_pod_cni_json(const Access& a) {
  return part(a, &Container::pod_cni_json);
}
Value k8s_pod_label(const Access& a) {
  const Container* container = a.event.container();
  return container ? label_of(container->pod_labels, a.arg.text) : Value();
}
Value k8s_pod_labels(const Access& a) {
  const Container* container = a.event.container();
  return container ? text_of(a, container->pod_labels) : Value();
}
Value k8s_ns_name(const Access& a) {
  return part(a, &Container::pod_namespace);
}

}  // namespace tiercel::rule::accessors
