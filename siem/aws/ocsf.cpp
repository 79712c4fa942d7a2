#include "siem/aws/ocsf.h"

#include <algorithm>

#include "siem/aws/asff.h"
#include "siem/aws/json_out.h"

namespace tiercel::aws {
namespace {

constexpr size_t kTextMax = 8192;
constexpr int kClass = 2004;
constexpr int kUnmappedMax = 100;

int64_t ms(uint64_t ns) {
  return static_cast<int64_t>(ns / 1'000'000);
}

struct Level {
  int id;
  const char* name;
};
Level level_of(alert::Priority priority) {
  switch (priority) {
    case alert::Priority::kEmergency:
      return {6, "Fatal"};
    case alert::Priority::kAlert:
    case alert::Priority::kCritical:
      return {5, "Critical"};
    case alert::Priority::kError:
      return {4, "High"};
    case alert::Priority::kWarning:
      return {3, "Medium"};
    case alert::Priority::kNotice:
      return {2, "Low"};
    case alert::Priority::kInformational:
    case alert::Priority::kDebug:
      break;
  }
  return {1, "Informational"};
}

// "T1059.004": a technique and its sub-technique.
void put_attacks(JsonOut& out, const Finding& finding) {
  if (finding.techniques.empty()) return;
  out.open_list("attacks");
  for (const std::string& id : finding.techniques) {
    const size_t dot = id.find('.');
    out.open();
    out.open("technique");
    out.text("uid", id.substr(0, dot), 32);
    out.close();
    if (dot != std::string::npos) {
      out.open("sub_technique");
      out.text("uid", id, 32);
      out.close();
    }
    out.close();
  }
  out.close_list();
}

void put_finding_info(JsonOut& out, const Finding& finding, uint64_t now_ns) {
  out.open("finding_info");
  out.text("uid", finding.id, 512);
  out.text("title", finding.rule, kTextMax);
  out.text("desc", finding.message, kTextMax);
  out.number("created_time", ms(finding.first_ns));
  out.number("modified_time", ms(std::max(now_ns, finding.last_ns)));
  out.number("first_seen_time", ms(finding.first_ns));
  out.number("last_seen_time", ms(finding.last_ns));
  out.open_list("types");
  for (const std::string& type : asff_types(finding)) out.element(type, kTextMax);
  out.close_list();
  out.open("analytic");
  out.text("name", finding.rule, kTextMax);
  out.text("uid", finding.rule, kTextMax);
  out.number("type_id", 1);
  out.text("type", "Rule", 16);
  out.close();
  put_attacks(out, finding);
  out.close();
}

void put_metadata(JsonOut& out, const Finding& finding) {
  out.open("metadata");
  out.text("version", "1.6.0", 16);
  out.text("uid", finding.alert_id, 128);
  out.open("product");
  out.text("name", "Tiercel", 64);
  out.text("vendor_name", "Tiercel", 64);
  out.close();
  out.open_list("profiles");
  out.element("cloud", 16);
  out.element("host", 16);
  out.close_list();
  out.close();
}

void put_cloud(JsonOut& out, const Place& place) {
  out.open("cloud");
  out.text("provider", "AWS", 16);
  out.text("region", place.region, 64);
  out.text("zone", place.zone, 64);
  out.text("cloud_partition", place.partition, 16);
  out.open("account");
  out.text("uid", place.account, 12);
  out.number("type_id", 10);
  out.text("type", "AWS Account", 16);
  out.close();
  out.close();
}

void put_device(JsonOut& out, const Finding& finding, const Place& place) {
  const std::string host = is_blank(finding.host) ? "host" : finding.host;
  out.open("device");
  out.number("type_id", 1);
  out.text("type", "Server", 16);
  out.text("hostname", host, 255);
  out.text("uid", place.instance_id.empty() ? host : place.instance_id, 255);
  out.text("instance_uid", place.instance_id, 64);
  out.text("region", place.region, 64);
  out.close();
}

void put_process(JsonOut& out, const Finding::Process& process) {
  if (is_blank(process.name) && is_blank(process.path) && is_blank(process.command_line) && !process.pid) return;
  out.open("process");
  out.text("name", process.name, kTextMax);
  out.text("path", process.path, kTextMax);
  out.text("cmd_line", process.command_line, kTextMax);
  out.text("working_directory", process.directory, kTextMax);
  out.number("pid", process.pid);
  if (!is_blank(process.user) || !is_blank(process.uid)) {
    out.open("user");
    out.text("name", process.user, kTextMax);
    out.text("uid", process.uid, 32);
    out.close();
  }
  if (process.parent_pid || !is_blank(process.parent_name)) {
    out.open("parent_process");
    out.text("name", process.parent_name, kTextMax);
    out.text("cmd_line", process.parent_command_line, kTextMax);
    out.number("pid", process.parent_pid);
    out.close();
  }
  out.close();
}

void put_container(JsonOut& out, const Finding::Container& container) {
  if (is_blank(container.id)) return;
  out.open("container");
  out.text("uid", container.id, 128);
  out.text("name", container.name, kTextMax);
  out.text("runtime", container.runtime, 64);
  out.text("tag", container.tag, kTextMax);
  out.text("pod_uuid", container.pod_uid, 128);
  if (!is_blank(container.image)) {
    out.open("image");
    out.text("uid", is_blank(container.digest) ? container.image : container.digest, kTextMax);
    out.text("name", container.image, kTextMax);
    out.text("tag", container.tag, kTextMax);
    out.close();
  }
  out.close();
}

void put_endpoint(JsonOut& out, std::string_view key, const std::string& ip, std::optional<uint16_t> port) {
  if (is_blank(ip)) return;
  out.open(key);
  out.text("ip", ip, 64);
  out.number("port", port);
  out.close();
}

void put_evidences(JsonOut& out, const Finding& finding, const Place& place) {
  const Finding::Network& network = finding.network;
  out.open_list("evidences");
  out.open();
  put_device(out, finding, place);
  put_process(out, finding.process);
  put_container(out, finding.container);
  if (!is_blank(network.source) || !is_blank(network.destination)) {
    const bool known = network.inbound != network.outbound;
    out.open("connection_info");
    out.number("direction_id", known ? (network.inbound ? 1 : 2) : 0);
    out.text("protocol_name", network.protocol, 16);
    out.close();
    put_endpoint(out, "src_endpoint", network.source, network.source_port);
    put_endpoint(out, "dst_endpoint", network.destination, network.destination_port);
  }
  out.close();
  out.close_list();
}

void put_resources(JsonOut& out, const Finding& finding, const Place& place) {
  out.open_list("resources");
  out.open();
  const std::string host = is_blank(finding.host) ? "host" : finding.host;
  out.text("type", place.instance_id.empty() ? "Host" : "AwsEc2Instance", 64);
  out.text("uid", place.instance_id.empty() ? host : place.instance_id, 255);
  out.text("name", host, 255);
  out.text("region", place.region, 64);
  out.text("cloud_partition", place.partition, 16);
  out.close();
  if (!is_blank(finding.container.id)) {
    out.open();
    out.text("type", "Container", 64);
    out.text("uid", finding.container.id, 255);
    out.text("name", finding.container.name, 255);
    out.text("namespace", finding.container.pod_namespace, 255);
    out.close();
  }
  out.close_list();
}

void put_unmapped(JsonOut& out, const Finding& finding) {
  if (finding.facts.empty()) return;
  out.open("unmapped");
  int left = kUnmappedMax;
  for (const auto& [key, value] : finding.facts) {
    if (left-- == 0) break;
    if (key != "output") out.text("tiercel." + key, value, 2048);
  }
  out.close();
}

}  // namespace

std::string ocsf(const Finding& finding, const Place& place, uint64_t now_ns, bool update) {
  const Level level = level_of(finding.priority);
  const int activity = update ? 2 : 1;
  JsonOut out;
  out.open();
  out.number("class_uid", kClass);
  out.text("class_name", "Detection Finding", 32);
  out.number("category_uid", 2);
  out.text("category_name", "Findings", 32);
  out.number("activity_id", activity);
  out.text("activity_name", update ? "Update" : "Create", 16);
  out.number("type_uid", kClass * 100 + activity);
  out.number("severity_id", level.id);
  out.text("severity", level.name, 16);
  out.number("time", ms(finding.last_ns));
  out.number("start_time", ms(finding.first_ns));
  out.number("end_time", ms(finding.last_ns));
  out.number("count", static_cast<int64_t>(std::min<uint64_t>(finding.count, INT32_MAX)));
  out.text("message", finding.message, kTextMax);
  out.number("status_id", 1);
  out.text("status", "New", 16);
  out.truth("is_alert", true);
  put_finding_info(out, finding, now_ns);
  put_metadata(out, finding);
  put_cloud(out, place);
  put_device(out, finding, place);
  put_evidences(out, finding, place);
  put_resources(out, finding, place);
  put_unmapped(out, finding);
  out.close();
  return out.take();
}

}  // namespace tiercel::aws
