// tiercel rules explain
#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <map>

#include "agent/cli/commands.h"
#include "agent/cli/json.h"
#include "agent/cli/rules_commands.h"
#include "agent/cli/rules_loaded.h"
#include "agent/cli/text.h"
#include "agent/rule/push_down.h"
#include "decoders/catalog.h"

namespace tiercel::cli {
namespace {

// A field, and what it waits for where nothing feeds it yet.
struct FieldUse {
  std::string name;
  std::string_view waits_for;
};

struct Cost {
  uint64_t least = 0, most = 0;  // over every way through the program
  size_t tests = 0;              // distinct ones
};

// What the kernel looks at before it makes a record, for event types with the same answer.
struct InKernel {
  std::vector<std::string> events;
  bool by_call = false;  // its hook is on the exit of these calls; false: of processes, cgroups, or the agent's own
  std::vector<std::string> clauses;  // empty: it sends every event
};

struct Explanation {
  const rule::Rule* rule = nullptr;
  const rule::RuleDescription* described = nullptr;
  bool active = false;
  std::string why_not;  // "" if it can match
  std::vector<std::string> events, unfed_events;
  std::vector<FieldUse> fields;  // of the condition
  std::vector<std::string> output_fields;
  Cost cost;
  std::string program;
  std::vector<InKernel> in_kernel;
};

// The program has no loops: each instruction's targets are settled before it is asked for a second time.
Cost cost_of(const rule::Program& program, uint32_t entry) {
  std::map<uint32_t, std::pair<uint64_t, uint64_t>> known{{rule::kHit, {0, 0}}, {rule::kMiss, {0, 0}}};
  std::map<uint32_t, bool> tests;
  std::vector<uint32_t> todo{entry};
  while (!todo.empty()) {
    const uint32_t pc = todo.back();
    if (known.contains(pc)) {
      todo.pop_back();
      continue;
    }
    const rule::Inst& inst = program.code[pc];
    const auto yes = known.find(inst.yes), no = known.find(inst.no);
    if (yes == known.end()) todo.push_back(inst.yes);
    if (no == known.end()) todo.push_back(inst.no);
    if (yes == known.end() || no == known.end()) continue;
    tests[inst.test] = true;
    const uint64_t own = program.tests[inst.test].cost;
    known[pc] = {own + std::min(yes->second.first, no->second.first),
                 own + std::max(yes->second.second, no->second.second)};
    todo.pop_back();
  }
  return {known[entry].first, known[entry].second, tests.size()};
}

std::string_view waits_for(const std::string& field) {
  const size_t open = field.find('[');
  const rule::FieldName name = rule::resolve_field(
      std::string_view(field).substr(0, open), open != std::string::npos,
      open == std::string::npos ? std::string_view()
                                : std::string_view(field).substr(open + 1, field.size() - open - 2));
  return name.info ? name.info->waits_for : std::string_view();
}

std::vector<InKernel> in_kernel_of(const rule::RuleSet& rules, rule::RuleId id,
                                   const std::vector<std::string>& events) {
  std::vector<InKernel> out;
  const std::vector<rule::PushedRule> pushed = rule::pushed_rule(rules, id);
  for (const std::string& event : events) {
    const decoders::EventInfo* info = decoders::event_by_name(event);
    const auto row =
        std::find_if(pushed.begin(), pushed.end(), [&](const auto& one) { return one.type == info->type; });
    const std::vector<std::string> clauses = row == pushed.end() ? std::vector<std::string>() : row->clauses;
    const bool by_call = HOOK_SHAPE(info->hook) != SHAPE_NONE;
    auto same = std::find_if(out.begin(), out.end(),
                             [&](const InKernel& one) { return one.by_call == by_call && one.clauses == clauses; });
    if (same == out.end()) same = out.insert(out.end(), {{}, by_call, clauses});
    same->events.push_back(event);
  }
  return out;
}

Explanation explanation_of(const rule::Loaded& loaded, rule::RuleId id) {
  Explanation out;
  const rule::RuleSet& rules = *loaded.rules;
  out.rule = &rules.rule(id);
  out.described = loaded.description->rule(out.rule->name);
  out.active = rules.active(id);
  for (const std::string& event : rule::event_names_of(*out.described->expanded))
    (decoders::event_by_name(event) ? out.events : out.unfed_events).push_back(event);
  for (const std::string& field : out.described->compiled.fields) out.fields.push_back({field, waits_for(field)});
  for (const rule::FormatField& field : rules.format(id).fields) out.output_fields.push_back(field.name);
  out.cost = cost_of(rules.parts().program, rules.parts().entries[id]);
  out.program = rules.explain(id);
  out.in_kernel = in_kernel_of(rules, id, out.events);
  if (!out.rule->enabled)
    out.why_not = "its file says `enabled: false`";
  else if (!out.active)
    out.why_not = "it is not selected";
  else if (out.events.empty())
    out.why_not = "no kernel event feeds what it waits for yet";
  else if (rules.parts().entries[id] == rule::kMiss)
    out.why_not = "its condition can never be true";
  return out;
}

void print_json(const Explanation& e) {
  Json out;
  out.open_object().put("name", e.rule->name).put("description", e.rule->description);
  out.put("priority", rule::display_name(e.rule->priority)).put_all("tags", e.rule->tags);
  out.put_bool("active", e.active).put("why_not", e.why_not);
  put_threshold(out, *e.rule);
  out.put("condition", e.rule->condition).put("condition_compiled", rule::to_string(*e.described->expanded));
  out.put_all("macros", e.described->written.macros).put_all("lists", e.described->written.lists);
  out.put("program", e.program).put_all("events", e.events).put_all("events_not_fed", e.unfed_events);
  out.key("in_kernel").open_array();
  for (const InKernel& row : e.in_kernel)
    out.open_object()
        .put_all("events", row.events)
        .put_bool("hook_on_call", row.by_call)
        .put_all("needs", row.clauses)
        .close_object();
  out.close_array();
  out.key("fields").open_array();
  for (const FieldUse& field : e.fields)
    out.open_object().put("name", field.name).put("waits_for", field.waits_for).close_object();
  out.close_array().put_all("output_fields", e.output_fields);
  out.key("cost").open_object().put_number("least", e.cost.least).put_number("most", e.cost.most);
  out.put_number("tests", e.cost.tests).put("unit", "relative").close_object();
  out.put_position(e.rule->position).close_object().print();
}

std::string joined(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& word : words) out += (out.empty() ? "" : " ") + word;
  return out;
}

class Printer {
 public:
  Printer() : width_(terminal_width() > 0 ? terminal_width() : 100), tints_(colour_wanted(STDOUT_FILENO)) {}

  void print(const Explanation& e) const {
    fmt::print("{}{}{}  {}:{}\n", tints_.bold(), e.rule->name, tints_.off(), e.rule->position.file,
               e.rule->position.line);
    body(e.rule->description);
    head("State");
    const std::string state = e.why_not.empty() ? "active"
                              : e.active        ? "active, but it cannot match: " + e.why_not
                                                : "not active: " + e.why_not;
    body(fmt::format("{}, {}", rule::display_name(e.rule->priority), state));
    head("Condition, as written");
    body(e.rule->condition);
    head("Condition, with macros, lists and exceptions written out");
    fmt::print("{}\n", pretty(*e.described->expanded, 2, width_));
    if (e.rule->threshold) {
      head("Threshold");
      body("it fires at " + to_string(*e.rule->threshold) + ", and then counts anew");
    }
    head("Events that it is tried on");
    body(e.events.size() > kManyEvents ? fmt::format("{} types: the condition does not say which", e.events.size())
         : e.events.empty()            ? "none"
                                       : joined(e.events));
    if (!e.unfed_events.empty() && e.unfed_events.size() <= kManyEvents)
      body("no kernel event feeds these yet: " + joined(e.unfed_events));
    head("In the kernel, before a record is made");
    for (const InKernel& row : e.in_kernel) print(row);
    if (e.in_kernel.empty()) body("nothing");
    head("Fields that the condition reads");
    std::vector<std::string> fields;
    for (const FieldUse& field : e.fields)
      fields.push_back(field.waits_for.empty() ? field.name
                                               : fmt::format("{} (waits for {})", field.name, field.waits_for));
    body(joined(fields));
    head("Fields that the output shows");
    body(e.output_fields.empty() ? "none" : joined(e.output_fields));
    head("Estimated cost for one event");
    body(
        fmt::format("{} to {} relative units, over {} tests. A unit is about a field that lies ready, compared once; "
                    "it is no time. What another rule has asked about the same event already costs this one nothing.",
                    e.cost.least, e.cost.most, e.cost.tests));
    head("Program");
    for (size_t at = 0; at < e.program.size();) {
      const size_t end = std::min(e.program.find('\n', at), e.program.size());
      const size_t text = std::min(e.program.find_first_not_of(' ', at), end);
      fmt::print("{}{}\n", std::string(text - at, ' '),
                 wrapped(std::string_view(e.program).substr(text, end - text), text - at + 2, width_));
      at = end + 1;
    }
  }

 private:
  void print(const InKernel& row) const {
    const std::string events =
        row.events.size() > kManyEvents ? fmt::format("{} types", row.events.size()) : joined(row.events);
    const std::string hook = row.by_call ? "a hook on the exit of each call" : "hooks that the agent has anyway";
    body(events + ": " + hook +
         (row.clauses.empty() ? "; every event is sent, and judged in user space"
                              : "; sent, and judged in full in user space, only where all of these may hold:"));
    for (const std::string& clause : row.clauses) fmt::print("    - {}\n", wrapped(clause, 6, width_));
  }
  static constexpr size_t kManyEvents = 40;
  void head(const char* text) const { fmt::print("\n{}{}{}\n", tints_.bold(), text, tints_.off()); }
  void body(const std::string& text) const { fmt::print("  {}\n", wrapped(text, 2, width_)); }
  size_t width_;
  Tints tints_;
};

int explain_response(const rule::Loaded& loaded, const rule::Response& response, bool json) {
  const auto index = static_cast<size_t>(&response - loaded.rules->responses().data());
  if (json) {
    Json out;
    put_response(out, response);
    out.print();
    return 0;
  }
  fmt::print("{}  {}:{}\n  {}\n\n", response.name, response.position.file, response.position.line,
             response.description);
  fmt::print("What it does\n  {}{}, {} times a minute at most\n\n", to_string(response.action),
             !response.enabled  ? " (not enabled: it is never asked)"
             : response.dry_run ? " (dry run: it only tells)"
                                : "",
             response.budget_per_min);
  fmt::print("Condition over alerts, as written\n  {}\n\nProgram\n{}", response.condition,
             loaded.rules->verdicts().explain(index));
  return 0;
}

}  // namespace

int rules_explain(const RulesArgs& args) {
  const rule::Loaded loaded = load_described(args.files);
  if (const rule::Response* response = response_named(loaded, args.rule))
    return explain_response(loaded, *response, args.json);
  const auto id = loaded.rules ? loaded.rules->find(args.rule) : std::nullopt;
  if (!id || !loaded.description->rule(args.rule)) return report(no_such_rule(loaded, args.rule));
  const Explanation explanation = explanation_of(loaded, *id);
  if (args.json)
    print_json(explanation);
  else
    Printer().print(explanation);
  return 0;
}

}  // namespace tiercel::cli
