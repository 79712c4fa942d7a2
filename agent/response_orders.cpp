#include "agent/response_orders.h"

#include <arpa/inet.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <array>
#include <utility>

#include "agent/rule/exact.h"
#include "agent/sensor/kernel_responses.h"
#include "agent/sensor/start_time.h"

namespace tiercel {
namespace {

constexpr response::Act kActs[] = {response::Act::kKill,    response::Act::kSignal, response::Act::kSuspend,
                                   response::Act::kIsolate, response::Act::kBlock,  response::Act::kQuarantine,
                                   response::Act::kExec};
constexpr response::Reach kReaches[] = {response::Reach::kProcess, response::Reach::kTree, response::Reach::kContainer};

std::string address_text(const rule::ResponseAddress& address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  ::inet_ntop(address.v6 ? AF_INET6 : AF_INET, address.bytes.data(), text.data(), text.size());
  return text.data();
}

response::Order::File file_of(const rule::Action& action, const context::Event& event) {
  if (action.file == rule::ActionFile::kExe) return {event.image().exepath, event.image().exe_ino, true};
  const auto& descriptor = event.descriptor();
  if (descriptor && descriptor->kind != context::FdKind::kFile) return {};
  const auto path = event.path(context::PathView::kKernel);
  return {path ? std::string(*path) : std::string(), descriptor && descriptor->file ? descriptor->file->ino : 0, false};
}

response::StartTimeOf own_start_times() {
  auto times = std::make_shared<std::shared_ptr<sensor::StartTimes>>();
  auto open = [times]() -> Result<> {
    auto opened = sensor::StartTimes::open();
    if (!opened) return tl::unexpected(opened.error());
    *times = std::move(*opened);
    return {};
  };
  (void)open();  // now, and not when the first kill waits for it
  return [times, open](int32_t pid) -> Result<uint64_t> {
    if (!*times)
      if (auto opened = open(); !opened) return tl::unexpected(opened.error());
    return (*times)->of(pid);
  };
}

response::EnginePolicy policy_of(const config::Config& config) {
  return {config.response.dry_run, config.response.protect, config.response.budget_per_min};
}

response::EngineOptions engine_options(const config::Config& config) {
  response::EngineOptions options;
  options.state_dir = config.state_dir;
  options.log = config.active_response.log;
  for (const config::WazuhManager& manager : config.wazuh.managers) options.managers.push_back(manager.host);
  options.docker_root = config.containers.docker_root;
  options.storage_root = config.containers.storage_root;
  options.start_times = own_start_times;
  options.policy = policy_of(config);
  return options;
}

std::set<std::string> group_files_of(const config::Config& config) {
  std::set<std::string> names;
  if (config.group_rules)
    for (const config::GroupRules& file : *config.group_rules) names.insert(file.name);
  return names;
}

}  // namespace

response::Order make_order(const rule::Response& response, const context::Event& event, const alert::AlertPtr& alert) {
  const rule::Action& action = response.action;
  response::Order order;
  order.response = response.name;
  order.act = kActs[static_cast<size_t>(action.type)];
  order.reach = kReaches[static_cast<size_t>(action.target)];
  order.signal = action.signal;
  order.timeout_ms = action.timeout_ms;
  order.program = action.program;
  order.dry_run = response.dry_run;
  order.budget_per_min = response.budget_per_min;
  const context::Process& process = event.process();
  order.pid = static_cast<int32_t>(process.key.pid);
  order.start_ns = process.key.start_ns;
  order.process = event.image().comm;
  if (const context::Container* container = event.container()) {
    order.container_id = container->full_id;
    order.container_name = container->name;
  }
  if (order.act == response::Act::kBlock)
    if (const auto address = rule::address_of(action, event)) order.address = address_text(*address);
  if (order.act == response::Act::kQuarantine) order.file = file_of(action, event);
  order.event_ns = event.head().time_ns;
  order.alert = alert;
  return order;
}

LocalResponses::LocalResponses(const config::Config& config, alert::Reports& reports, Metrics& metrics,
                               const Clock& clock)
    : group_files_(group_files_of(config)), engine_(engine_options(config), reports, metrics, clock) {}

Result<> LocalResponses::start(Pipeline& pipeline, const sensor::Source& source, bool enabled) {
  rules_ = pipeline.rules();
  source_ = &source;
  if (!enabled) return {};
  if (auto started = engine_.start(); !started) return started;
  started_ = true;
  pipeline.on_response([this](const rule::Response& response, const context::Event& event,
                              const alert::AlertPtr& alert) { ask(response, event, alert); });
  return {};
}

// How what the kernel did when that program started is found out. Empty: it has no part in this response.
std::function<std::optional<response::KernelDeed>()> LocalResponses::kernel_asker(const rule::Response& response,
                                                                                  const context::Event& event) const {
  const uint64_t id = sensor::kernel_response_id(response.name);
  const ev_head& head = event.head();
  if ((head.type != EVT_execve && head.type != EVT_execveat) || !source_->in_force(id)) return {};
  return [source = source_, id, pid = head.pid, start_ns = head.start_ns,
          exec_id = head.exec_id]() -> std::optional<response::KernelDeed> {
    using What = response::KernelDeed::What;
    const auto deed = source->kernel_deed(id, pid, start_ns, exec_id);
    if (!deed) return std::nullopt;
    if (deed->deed == CD_SENT) return response::KernelDeed{What::kSent, deed->time_ns};
    if (deed->deed == CD_WOULD) return response::KernelDeed{What::kWould, deed->time_ns};
    if (deed->deed == CD_BUDGET) return response::KernelDeed{What::kBudget, deed->time_ns};
    return std::nullopt;  // it did not: here it is looked at again
  };
}

void LocalResponses::ask(const rule::Response& response, const context::Event& event, const alert::AlertPtr& alert) {
  response::Order order = make_order(response, event, alert);
  order.dry_run = order.dry_run || group_files_.contains(response.position.file);
  order.ask_kernel = kernel_asker(response, event);
  if (order.ask_kernel) order.kernel = order.ask_kernel();
  engine_.offer(std::move(order));
}

void LocalResponses::apply(const config::Config& config, std::shared_ptr<const rule::RuleSet> rules) {
  group_files_ = group_files_of(config);
  engine_.set_policy(policy_of(config));
  const std::lock_guard lock(mutex_);
  rules_.swap(rules);
}

void LocalResponses::serve(control::ControlServer& control) {
  auto while_on = [this](auto answer) {
    return [this, answer](const control::Request& request) {
      return started_ ? answer(request)
                      : control::error_reply("local responses are off: response.enabled in tiercel.yaml");
    };
  };
  control.on("respond_list", while_on([this](const control::Request&) { return engine_.list(); }));
  control.on("respond_rules", [this](const control::Request&) { return rules_json(); });
  control.on("respond_undo", while_on([this](const control::Request& request) -> std::string {
               auto asked = engine_.undo(request.argument("id"));
               return asked ? R"({"result":"waiting"})" : control::error_reply(asked.error().message);
             }));
  control.on("respond_outcome",
             while_on([this](const control::Request& request) { return engine_.outcome(request.argument("id")); }));
}

std::string LocalResponses::rules_json() const {
  std::shared_ptr<const rule::RuleSet> rules;
  {
    const std::lock_guard lock(mutex_);
    rules = rules_;
  }
  rapidjson::StringBuffer buffer;
  rapidjson::Writer<rapidjson::StringBuffer> writer(buffer);
  auto text = [&writer](const char* key, const std::string& value) {
    writer.Key(key);
    writer.String(value.data(), static_cast<rapidjson::SizeType>(value.size()));
  };
  auto boolean = [&writer](const char* key, bool value) {
    writer.Key(key);
    writer.Bool(value);
  };
  writer.StartObject();
  boolean("on", started_);
  writer.Key("responses");
  writer.StartArray();
  for (size_t i = 0; rules && i < rules->responses().size(); ++i) {
    const rule::Response& response = rules->responses()[i];
    writer.StartObject();
    text("rule", response.name);
    text("action", rule::to_string(response.action));
    text("condition", response.condition);
    const rule::KernelCondition kernel = rule::kernel_condition(*rules, i);
    const bool possible = kernel.grade != rule::KernelCondition::Grade::kNone;
    const bool in_force = possible && source_ && source_->in_force(sensor::kernel_response_id(response.name));
    text("kernel", std::string(rule::grade_text(in_force ? kernel.grade : rule::KernelCondition::Grade::kNone)));
    text("why", in_force || !possible ? kernel.reason
                : started_            ? "there is no room for it in the kernel"
                                      : "responses are off");
    text("file", response.position.file);
    boolean("enabled", response.enabled);
    boolean("dry_run", response.dry_run);
    writer.Key("budget_per_min");
    writer.Uint(response.budget_per_min);
    writer.EndObject();
  }
  writer.EndArray();
  writer.EndObject();
  return {buffer.GetString(), buffer.GetSize()};
}

}  // namespace tiercel
