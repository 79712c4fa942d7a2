#include "agent/casefile/verdict.h"

#include <algorithm>
#include <array>

#include "agent/casefile/from_event.h"
#include "agent/rule/describe.h"

namespace tiercel::casefile {
namespace {

using rule::Why;
using rule::WhyNode;

// Fields whose values are others at each run (numbers of processes, times, inodes) or that no case has (all ancestors
// together): of these, only what comparisons make of them counts.
bool steady(std::string_view field) {
  static constexpr std::array<std::string_view, 37> kUnsteady = {"evt.num",
                                                                 "evt.time",
                                                                 "evt.datetime",
                                                                 "evt.rawtime",
                                                                 "evt.reltime",
                                                                 "evt.deltatime",
                                                                 "evt.cpu",
                                                                 "evt.hostname",
                                                                 "evt.args",
                                                                 "evt.info",
                                                                 "evt.rawres",
                                                                 "evt.arg.pid",
                                                                 "evt.arg[pid]",
                                                                 "evt.arg.res",
                                                                 "evt.rawarg.res",
                                                                 "proc.pid",
                                                                 "proc.ppid",
                                                                 "proc.apid",
                                                                 "proc.vpid",
                                                                 "proc.pvpid",
                                                                 "proc.sid",
                                                                 "proc.pgid",
                                                                 "proc.vpgid",
                                                                 "proc.loginshellid",
                                                                 "proc.duration",
                                                                 "proc.exe_ino",
                                                                 "proc.pidns",
                                                                 "thread.tid",
                                                                 "thread.vtid",
                                                                 "thread.cpu",
                                                                 "thread.totexectime",
                                                                 "fd.ino",
                                                                 "fd.dev",
                                                                 "fd.num",
                                                                 "fd.uid",
                                                                 "container.duration",
                                                                 "container.created_ts"};
  static constexpr std::array<std::string_view, 5> kLeaders = {"proc.sid.exe", "proc.pgid.name", "proc.pgid.exe",
                                                               "proc.vpgid.name", "proc.vpgid.exe"};
  auto begins = [&](std::string_view with) { return field.starts_with(with); };
  if (std::any_of(kLeaders.begin(), kLeaders.end(), begins)) return true;
  if (field == "container.id" || field == "container.full_id" || field == "container.start_ts") return false;
  if (field.find("[") == std::string_view::npos && begins("proc.a") && !begins("proc.args")) return false;
  if (begins("thread.cap_")) return false;  // a long list, of which a rule wants one
  if (field.ends_with(".ino") || field.starts_with("proc.vm") || field.starts_with("proc.pf")) return false;
  if (begins("proc.env") || begins("proc.aenv")) return field.find('[') != std::string_view::npos;
  return std::none_of(kUnsteady.begin(), kUnsteady.end(), begins);
}

void flatten(const WhyNode& node, std::vector<Verdict::Seen>& out) {
  if (node.kind == WhyNode::Kind::kTest)
    out.push_back({node.result, node.text, steady(node.left) && node.right.empty() ? node.value : ""});
  for (const WhyNode& child : node.children) flatten(child, out);
}

std::string output_text(const rule::OutputValue& value) {
  using Kind = rule::OutputValue::Kind;
  switch (value.kind) {
    case Kind::kText:
      return value.text;
    case Kind::kInt:
      return std::to_string(value.i);
    case Kind::kUint:
      return std::to_string(value.u);
    case Kind::kBool:
      return value.b ? "true" : "false";
    case Kind::kList: {
      std::string out;
      for (const rule::OutputValue& item : value.items) out += output_text(item) + ",";
      return out;
    }
    case Kind::kNull:
      break;
  }
  return "<NA>";
}

}  // namespace

size_t held_in(const WhyNode& node) {
  size_t out = node.kind == WhyNode::Kind::kTest && node.result && !node.negated ? 1 : 0;
  for (const WhyNode& child : node.children) out += held_in(child);
  return out;
}

Panel::Panel(const rule::Loaded& rules, const std::vector<std::string>& names) : rules_(rules) {
  for (const std::string& name : names)
    if (const rule::RuleDescription* rule = rules.description->rule(name)) {
      names_.push_back(name);
      judges_.push_back(std::make_unique<rule::WhyJudge>(*rule));
      needs_.fields.insert(rule->compiled.fields.begin(), rule->compiled.fields.end());
      counts_ |= rules.rules->rule(*rules.rules->find(name)).threshold.has_value();
    }
}

Verdict Panel::verdict(const context::Event& event, rule::Matcher& matcher, std::span<const rule::Match> matches) {
  Verdict out;
  out.valid = true;
  for (const rule::Match& match : matches) {
    const std::string& name = rules_.rules->rule(match.rule).name;
    if (name == kWhereRule) continue;
    out.matched.insert(name);
    if (std::find(names_.begin(), names_.end(), name) == names_.end()) continue;
    for (const rule::OutputField& field : matcher.render(match, event).fields)
      if (steady(field.name)) out.outputs.push_back(field.name + "=" + output_text(field.value));
  }
  for (const auto& judge : judges_)
    for (const Why& why : judge->judge(event)) flatten(why.tree, out.tests);
  return out;
}

}  // namespace tiercel::casefile
