#include "agent/alert/make.h"

#include <arpa/inet.h>
#include <fmt/core.h>
#include <sys/random.h>

#include "agent/alert/mitre.h"
#include "agent/alert/normalised.h"
#include "agent/base/time_text.h"
#include "agent/context/event.h"
#include "agent/rule/format.h"
#include "agent/rule/rule.h"
#include "decoders/address.h"
#include "decoders/flags.h"

namespace tiercel::alert {
namespace {

constexpr size_t kAncestorsMax = 12;

JsonValue json_value(const rule::OutputValue& value) {
  using Kind = rule::OutputValue::Kind;
  switch (value.kind) {
    case Kind::kNull:
      return {};
    case Kind::kText:
      return value.text;
    case Kind::kInt:
      return value.i;
    case Kind::kUint:
      return value.u;
    case Kind::kBool:
      return value.b;
    case Kind::kList: {
      JsonValue::List list;
      for (const rule::OutputValue& item : value.items) list.push_back(json_value(item));
      return list;
    }
  }
  return {};
}

std::string plain_text(const JsonValue& value) {
  if (const auto* text = std::get_if<std::string>(&value.value)) return *text;
  std::string out;
  append_json(out, value);
  return out;
}

// A leaf of the event is cut at its end; a command line's end matters as much as its beginning.
std::string head_and_tail(std::string text) {
  constexpr size_t kKeep = kEventLeafBytesMax / 2 - 32;
  if (text.size() <= kEventLeafBytesMax) return text;
  const size_t cut = text.size() - 2 * kKeep;
  return text.replace(kKeep, cut, fmt::format("[...{} bytes cut...]", cut));
}

void set_process(NormalisedEvent& out, const context::Event& event) {
  const context::Process& process = event.process();
  const context::Image& image = event.image();
  out.set("proc.name", image.comm);
  out.set("proc.pid", process.key.pid);
  out.set("proc.tid", event.tid());
  out.set("proc.vpid", process.vpid);
  out.set("proc.start_ns", process.key.start_ns);
  out.set("proc.exe", image.exe());
  out.set("proc.exepath", image.exepath);
  out.set("proc.cmdline", head_and_tail(image.cmdline()));
  if (image.argv_cut || image.args.size() > kEventLeafBytesMax) {
    out.set("proc.cmdline_bytes", image.argv_size);
    out.note_cut("proc.cmdline");
  }
  if (!image.interp.empty()) out.set("proc.script", event.absolute(image.filename, process.cwd));
  out.set("proc.cwd", process.cwd);
  out.set("proc.tty", process.tty);
  out.set("proc.sid", process.sid);
  std::vector<std::string> ancestors;
  for (size_t n = 1; n <= kAncestorsMax; ++n) {
    const context::Process* up = event.ancestor(n);
    if (!up) break;
    if (n == 1) {
      out.set("proc.ppid", up->key.pid);
      out.set("proc.pname", up->image->comm);
      out.set("proc.pcmdline", up->image->cmdline());
    }
    ancestors.push_back(up->image->comm);
  }
  out.set("proc.ancestors", ancestors);
  if (process.uncertain) out.set("proc.uncertain", true);
}

void set_user(NormalisedEvent& out, const context::Event& event) {
  const ev_head& head = event.head();
  out.set("user.uid", head.euid);  // Falco's user.uid is the effective one
  out.set("user.euid", head.euid);
  out.set("user.loginuid", static_cast<int32_t>(event.process().loginuid));
  out.set("group.gid", head.egid);
  if (const context::User* user = event.user(head.euid)) {
    out.set("user.name", user->name);
    out.set("srcuser", user->name);
  }
  if (const std::string* group = event.group(head.egid)) out.set("group.name", *group);
}

void set_container(NormalisedEvent& out, const context::Container& container) {
  out.set("container.id", container.id);
  out.set("container.full_id", container.full_id);
  if (!container.type.empty()) out.set("container.type", container.type);
  if (!container.pod_name.empty()) out.set("k8s.pod", container.pod_name);
  if (!container.pod_namespace.empty()) out.set("k8s.ns", container.pod_namespace);
  if (!container.pod_uid.empty()) out.set("k8s.pod_uid", container.pod_uid);
  if (!container.verified) out.set("container.verified", false);
  if (container.missing != 0) out.set("container.missing", container::missing_text(container.missing));
  if (!container.known) return;  // nothing is claimed that no record says
  out.set("container.name", container.name);
  out.set("container.image_repository", container.image_repository);
  out.set("container.image_tag", container.image_tag);
  if (!container.image_digest.empty()) out.set("container.image_digest", container.image_digest);
  if (container.privileged) out.set("container.privileged", *container.privileged);
}

// What makes a container's facts doubtful goes with every alert, whether its rule names it or not.
void add_doubts(FalcoLine& line, const context::Container& container) {
  auto add = [&line](const char* name, JsonValue value) {
    for (const auto& field : line.output_fields)
      if (field.key == name) return;
    line.output_fields.push_back({name, std::move(value)});
  };
  if (!container.verified) add("container.verified", JsonValue(false));
  if (container.missing != 0) add("container.missing", JsonValue(container::missing_text(container.missing)));
}

void set_file(NormalisedEvent& out, const context::Event& event, bool by_kernel_path) {
  if (auto path = event.path(context::PathView::kLexical)) out.set("fd.name", *path);
  if (auto raw = event.path_raw()) out.set("fd.nameraw", *raw);
  if (auto real = event.path(context::PathView::kKernel)) out.set("fd.realpath", *real);
  if (event.has_two_paths()) out.set("fd.matched", by_kernel_path ? "realpath" : "name");
  if (event.path_raw()) return;
  const auto& descriptor = event.descriptor();
  if (descriptor && descriptor->kind != context::FdKind::kNone) out.set("fd.name", event.descriptor_name(*descriptor));
}

void set_paths(NormalisedEvent& out, const context::Event& event, const context::Event::TwoPaths& paths) {
  out.set("fs.first", event.absolute(paths.first, paths.first_base));
  out.set("fs.second", event.absolute(paths.second, paths.second_base));
}

void set_descriptor(NormalisedEvent& out, const context::Event& event) {
  const auto& descriptor = event.descriptor();
  if (!descriptor) return;
  if (descriptor->num >= 0) out.set("fd.num", descriptor->num);
  if (const std::string_view type = context::fd_type_name(descriptor->kind); !type.empty()) out.set("fd.type", type);
  if (event.head().flags & EVF_PATH_UNCERTAIN && descriptor->num >= 0) out.set("fd.uncertain", true);
  if (event.head().flags & EVF_FD_DIRECT) out.set("fd.direct", true);
}

void set_socket(NormalisedEvent& out, const context::Event& event) {
  out.set("fd.name", event.socket_name());
  const auto ends = event.ends();
  if (!ends) return;
  const char* protocol = ends->l4proto == IPPROTO_TCP ? "tcp" : ends->l4proto == IPPROTO_UDP ? "udp" : nullptr;
  if (protocol) {
    out.set("fd.l4proto", protocol);
    out.set("protocol", protocol);
  }
  if (!ends->has_role) return;  // which end is which is not known: nothing is claimed
  auto end = [&out](const context::Event::End& what, const char* ip, const char* port, const char* flat_ip,
                    const char* flat_port) {
    if (what.family == 0) return;  // a socket that listens has no client
    const std::string address = decoders::address_text(what.family, what.address);
    out.set(ip, address);
    out.set(port, what.port);
    out.set(flat_ip, address);
    out.set(flat_port, std::to_string(what.port));
  };
  end(ends->client(), "fd.cip", "fd.cport", "srcip", "srcport");
  end(ends->server(), "fd.sip", "fd.sport", "dstip", "dstport");
}

void set_event(NormalisedEvent& out, const context::Event& event) {
  out.set("evt.type", event.type());
  out.set("evt.num", event.num());
  out.set("evt.cpu", event.head().cpu);
  if (auto result = event.result())
    out.set("evt.res", *result >= 0 ? "SUCCESS" : std::string(decoders::errno_name(*result)));
  if (event.head().flags & EVF_IO_URING) out.set("evt.io_uring", true);
  if (event.head().flags & EVF_RES_UNKNOWN) out.set("evt.res_unknown", true);
}

void set_alert(NormalisedEvent& out, const Alert& alert, const std::string& hostname) {
  out.set("id", alert.id);
  out.set("time", iso8601_z(alert.time_ns));
  out.set("rule", alert.rule);
  out.set("priority", display_name(alert.priority));
  out.set("source", alert.source);
  out.set("tags", alert.tags);
  out.set("output", alert.message);
  out.set("host.name", hostname);
  const Mitre mitre = mitre_of(alert.tags);
  out.set("mitre.technique", mitre.techniques);
  out.set("mitre.tactic", mitre.tactics);
  if (std::string category = category_of(alert.tags); !category.empty()) out.set("category", category);
}

std::string joined(const std::vector<std::string>& items) {
  std::string out;
  for (const std::string& item : items) out += (out.empty() ? "" : ",") + item;
  return out;
}

}  // namespace

AlertMaker::AlertMaker(MakeOptions options) : options_(std::move(options)) {
  if (options_.hostname.empty()) options_.hostname = falco_hostname();
  uint64_t random = 0;
  if (::getrandom(&random, sizeof random, 0) != sizeof random) std::abort();
  id_prefix_ = fmt::format("{:016x}", random);
}

std::string AlertMaker::next_id() {
  return fmt::format("{}-{}", id_prefix_, ++sequence_);
}

FalcoLine AlertMaker::line_of(uint64_t time_ns, Priority priority, const std::string& rule, const std::string& source,
                              const std::string& message) const {
  FalcoLine line;
  line.time_ns = time_ns;
  line.priority = priority;
  line.hostname = options_.hostname;
  line.rule = rule;
  line.source = source;
  line.message = message;
  line.json_include_output_property = options_.json_include_output_property;
  line.json_include_message_property = options_.json_include_message_property;
  line.json_include_output_fields_property = options_.json_include_output_fields_property;
  line.json_include_tags_property = options_.json_include_tags_property;
  line.time_format_iso_8601 = options_.time_format_iso_8601;
  return line;
}

AlertPtr AlertMaker::make(const context::Event& event, const rule::Rule& rule, rule::Rendered rendered,
                          bool by_kernel_path, std::vector<uint64_t> refused_by) {
  auto alert = std::make_shared<Alert>();
  alert->id = next_id();
  alert->time_ns = event.wall_ns();
  alert->priority = static_cast<Priority>(rule.priority);
  alert->rule = rule.name;
  alert->source = rule.source;
  alert->tags = rule.tags;
  alert->refused_by = std::move(refused_by);
  alert->message = std::move(rendered.message);
  alert->process = fmt::format("{}({})", event.image().comm, event.process().key.pid);
  const context::Container* container = event.container();
  if (container) alert->container = container->name.empty() ? container->id : container->name;
  alert->technique = joined(mitre_of(alert->tags).techniques);

  FalcoLine line = line_of(alert->time_ns, alert->priority, alert->rule, alert->source, alert->message);
  line.tags = alert->tags;
  NormalisedEvent normalised;
  set_alert(normalised, *alert, options_.hostname);
  set_event(normalised, event);
  set_process(normalised, event);
  set_user(normalised, event);
  if (container) set_container(normalised, *container);
  set_descriptor(normalised, event);
  const auto& descriptor = event.descriptor();
  if (descriptor && descriptor->sock)
    set_socket(normalised, event);
  else if (const auto paths = event.two_paths())
    set_paths(normalised, event, *paths);
  else
    set_file(normalised, event, by_kernel_path);
  for (const rule::OutputField& field : rendered.fields) {
    JsonValue value = json_value(field.value);
    if (!is_normalised_key(field.name) && !std::holds_alternative<std::monostate>(value.value))
      normalised.set_field(field.name, plain_text(value));
    line.output_fields.push_back({field.name, std::move(value)});
  }
  if (container) add_doubts(line, *container);
  alert->text_line = text_line(line);
  alert->falco_json = falco_json_line(line);
  alert->event_json = normalised.render();
  return alert;
}

AlertPtr AlertMaker::make_internal(const Report& report, std::vector<uint64_t> refused_by) {
  auto alert = std::make_shared<Alert>();
  alert->id = next_id();
  alert->time_ns = report.time_ns;
  alert->priority = report.priority;
  alert->rule = report.rule;
  alert->source = kInternalSource;
  alert->routine = report.routine;
  alert->tags = report.tags;
  alert->message = report.message;
  alert->refused_by = std::move(refused_by);
  FalcoLine line = line_of(report.time_ns, report.priority, report.rule, alert->source, report.message);
  line.tags = report.tags;
  NormalisedEvent normalised;
  set_alert(normalised, *alert, options_.hostname);
  for (const auto& [key, value] : report.fields) {
    line.output_fields.push_back({key, value});
    normalised.set_field(key, plain_text(value));
  }
  alert->text_line = text_line(line);
  alert->falco_json = falco_json_line(line);
  alert->event_json = normalised.render();
  return alert;
}

}  // namespace tiercel::alert
