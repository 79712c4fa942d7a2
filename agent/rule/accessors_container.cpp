// container.*, k8s.*: on the host only id, name and type have a value, and it is "host". What is not known is missing.
#include "agent/rule/accessors.h"

namespace tiercel::rule::accessors {
namespace {

constexpr std::string_view kHost = "host";

Value part(const Access& a, std::string context::Container::*member) {
  const context::Container* container = a.event.container();
  return container ? text_or_missing(container->*member) : Value();
}

Value part_or_host(const Access& a, std::string context::Container::*member) {
  return a.event.container() ? part(a, member) : Value::of_text(kHost);
}

}  // namespace

Value container_id(const Access& a) {
  return part_or_host(a, &context::Container::id);
}
Value container_full_id(const Access& a) {
  return part_or_host(a, &context::Container::full_id);
}
Value container_name(const Access& a) {
  return part_or_host(a, &context::Container::name);
}
Value container_type(const Access& a) {
  return part_or_host(a, &context::Container::type);
}
Value container_image(const Access& a) {
  return part(a, &context::Container::image);
}
Value container_image_id(const Access& a) {
  return part(a, &context::Container::image_id);
}
Value container_image_repository(const Access& a) {
  return part(a, &context::Container::image_repository);
}
Value container_image_tag(const Access& a) {
  return part(a, &context::Container::image_tag);
}
Value container_privileged(const Access& a) {
  const context::Container* container = a.event.container();
  return container && container->known ? Value::of_bool(container->privileged) : Value();
}

// A missing value here would make `not container.mount.dest[/x] in ("<NA>","N/A")` true for every container.
Value no_mount(const Access&) {
  return Value::of_text("N/A");
}

Value k8s_pod_name(const Access& a) {
  return part(a, &context::Container::pod_name);
}
Value k8s_pod_uid(const Access& a) {
  return part(a, &context::Container::pod_uid);
}
Value k8s_ns_name(const Access& a) {
  return part(a, &context::Container::pod_namespace);
}

}  // namespace tiercel::rule::accessors
