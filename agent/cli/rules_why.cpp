// tiercel rules why: which comparison decided about one event
#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <functional>
#include <optional>

#include "agent/casefile/run.h"
#include "agent/casefile/stage.h"
#include "agent/cli/commands.h"
#include "agent/cli/json.h"
#include "agent/cli/rules_commands.h"
#include "agent/cli/rules_loaded.h"
#include "agent/cli/text.h"
#include "agent/rule/event_text.h"

namespace tiercel::cli {
namespace {

using casefile::Stage;
using rule::Why;
using rule::WhyNode;

constexpr size_t kWidthWithoutTerminal = 100;
constexpr size_t kShortTree = 12;  // so many comparisons are shown without being asked

// What is told of one event.
struct Told {
  uint64_t num = 0;
  std::string type, process, container, args;
  uint32_t pid = 0;
  std::vector<Why> views;
  std::vector<std::string> paths;    // fd.name of each view; "" where the event has one path
  std::optional<rule::Count> count;  // of a rule that counts, where the condition holds
  [[nodiscard]] bool matches() const {
    return std::any_of(views.begin(), views.end(), [](const Why& why) { return why.matches(); });
  }
  [[nodiscard]] bool fires() const { return matches() && (!count || count->fires); }
  // Is this more to the point than the other one? One that fires, else the one that got farthest.
  [[nodiscard]] bool better_than(const Told& other) const {
    if (fires() != other.fires()) return fires();
    if (matches() != other.matches()) return matches();
    if (matches()) return count && other.count && count->have > other.count->have;
    return distance() < other.distance();
  }
  [[nodiscard]] size_t distance() const {
    size_t out = SIZE_MAX;
    for (const Why& why : views) out = std::min(out, why.distance);
    return out;
  }
};

// FILE:NUMBER, FILE, or FILE#CASE.
struct Target {
  std::string file, case_name;
  std::optional<uint64_t> number;
  bool is_case = false;
};

Target target_of(const std::string& text) {
  Target out;
  if (const size_t hash = text.find('#'); hash != std::string::npos) {
    out.file = text.substr(0, hash);
    out.case_name = text.substr(hash + 1);
    out.is_case = true;
    return out;
  }
  out.file = text;
  const size_t colon = text.rfind(':');
  if (colon == std::string::npos) return out;
  uint64_t number = 0;
  const auto [end, code] = std::from_chars(text.data() + colon + 1, text.data() + text.size(), number);
  if (code != std::errc() || end != text.data() + text.size()) return out;
  out.file = text.substr(0, colon);
  out.number = number;
  return out;
}

bool is_yaml(const std::string& path) {
  return path.ends_with(".yaml") || path.ends_with(".yml");
}

// The events that the question is about, each with its verdict.
class Inquiry {
 public:
  Inquiry(const rule::Loaded& loaded, const rule::RuleDescription& rule) : judge_(rule), matcher_(loaded.rules) {
    id_ = loaded.rules->find(rule.item.name).value_or(0);
    active_ = loaded.rules->active(id_);
    types_ = loaded.rules->types(id_);
    counts_ = loaded.rules->rule(id_).threshold.has_value();
  }

  Result<> ask_recording(const Target& target) {
    Stage stage(Stage::For::kRecording);
    uint64_t seen = 0;
    auto played = stage.play_recording(target.file, [&](const context::Event& event) {
      ++seen;
      if (target.number ? event.num() == *target.number : types_[event.info().type])
        take(event, !target.number);
      else if (counts_ && active_)
        matcher_.match(event);  // what comes before an event belongs to its count
    });
    if (!played) return played;
    if (target.number && told_.empty())
      return fail(fmt::format("{} has no event {}: it has {} of them", target.file, *target.number, seen),
                  Fault::kUser);
    if (told_.empty())
      return fail(fmt::format("{}: none of its {} events is of a type that the rule is tried on", target.file, seen),
                  Fault::kUser);
    return {};
  }
  void ask_case(const casefile::Case& what) {
    Stage(Stage::For::kCase).play(what, [&](const context::Event& event) { take(event, false); });
  }

  [[nodiscard]] const std::vector<Told>& told() const { return told_; }
  [[nodiscard]] bool active() const { return active_; }
  [[nodiscard]] const rule::Rule& rule() const { return matcher_.rules()->rule(id_); }
  // The tree and the engine have to agree; if they do not, neither is to be believed.
  [[nodiscard]] bool agrees() const { return agrees_; }

 private:
  // best_only: of all events, the first that matches, or the one that is nearest to it; of a rule that counts, the
  // first that it fires for, or the one that brought it nearest.
  void take(const context::Event& event, bool best_only) {
    Told out;
    out.views = judge_.judge(event, best_only ? rule::WhyJudge::Tell::kVerdict : rule::WhyJudge::Tell::kAll);
    if (active_) {
      auto about = [&](const auto& m) { return m.rule == id_; };
      const auto matches = matcher_.match(event);
      const auto counted = std::find_if(matcher_.counted().begin(), matcher_.counted().end(), about);
      if (counted != matcher_.counted().end()) out.count = counted->count;
      const bool engine = out.count || std::any_of(matches.begin(), matches.end(), about);
      agrees_ = agrees_ && engine == out.matches();
    }
    if (best_only) {
      if (!told_.empty() && !out.better_than(told_.front())) return;
      told_.clear();
      out.views = judge_.judge(event);
    }
    out.num = event.num();
    out.type = event.type();
    out.pid = event.process().key.pid;
    out.process = event.image().comm;
    if (const context::Container* container = event.container())
      out.container = container->name.empty() ? container->id : container->name;
    const rule::EventText names(event, context::PathView::kLexical);
    out.args = decoders::params_text(event.record(), event.info(), names);
    for (const Why& why : out.views) {
      const auto path = out.views.size() > 1 ? event.path(why.view) : std::nullopt;
      out.paths.emplace_back(path.value_or(""));
    }
    told_.push_back(std::move(out));
  }

  rule::WhyJudge judge_;
  rule::Matcher matcher_;
  rule::RuleId id_ = 0;
  rule::EventTypes types_;
  bool active_ = true;
  bool counts_ = false;
  bool agrees_ = true;
  std::vector<Told> told_;
};

// ---- for people ----------------------------------------------------------------------------------------------------

size_t tests_in(const WhyNode& node) {
  size_t out = node.kind == WhyNode::Kind::kTest ? 1 : 0;
  for (const WhyNode& child : node.children) out += tests_in(child);
  return out;
}

bool decides(const WhyNode& node) {
  return node.deciding || std::any_of(node.children.begin(), node.children.end(), decides);
}

class TreePrinter {
 public:
  TreePrinter(bool all, Tints tints)
      : width_(terminal_width() > 0 ? terminal_width() : kWidthWithoutTerminal), all_(all), tints_(tints) {}

  void print(const WhyNode& tree) {
    open_all_ = all_ || tests_in(tree) <= kShortTree;
    node(tree, 0);
  }

 private:
  static constexpr size_t kMargin = 10;  // "-> false  "

  // A `not` shares its line with what it is about; the verdict is that of the line.
  void node(const WhyNode& top, size_t depth) {
    const WhyNode* node = &top;
    std::string lead;
    for (;; node = &node->children.front()) {
      if (!node->macro.empty()) lead += (node->macro.starts_with("exception ") ? "" : "macro ") + node->macro + ": ";
      if (node->kind != WhyNode::Kind::kNot) break;
      lead += "not ";
    }
    if (node->kind == WhyNode::Kind::kTest) {
      const std::string text = lead + (all_ ? casefile::visible(node->text) : casefile::short_text(*node));
      const bool missing = node->missing && node->value.empty();
      const std::string value = (missing ? node->left + " " : std::string("it is ")) + casefile::value_text(*node);
      return line(top.result, node->deciding, text, value, depth);
    }
    const size_t tests = tests_in(*node);
    const bool folded = !open_all_ && !decides(*node) && tests > 1;
    line(top.result, false, lead + (node->kind == WhyNode::Kind::kAnd ? "all of" : "any of"),
         folded ? fmt::format("{} tests, --all shows them", tests) : "", depth);
    if (folded) return;
    for (const WhyNode& child : node->children) this->node(child, depth + 1);
  }

  void line(bool result, bool deciding, const std::string& what, const std::string& note, size_t depth) const {
    const size_t indent = std::min(kMargin + 2 * depth, width_ / 2);
    const size_t room = width_ - indent;
    const std::string text = all_ ? what : cut(what, room);
    fmt::print("{}{}{} {}{:<5}{}  {}{}", tints_.bold(), deciding ? "->" : "  ", tints_.off(),
               result ? tints_.green() : tints_.red(), result ? "true" : "false", tints_.off(),
               std::string(indent - kMargin, ' '), text);
    if (note.empty()) {
      fmt::print("\n");
      return;
    }
    if (columns_of(text) + 2 + columns_of(note) <= room)
      fmt::print("  {}{}{}\n", tints_.dim(), note, tints_.off());
    else
      fmt::print("\n{}{}{}{}\n", std::string(indent + 4, ' '), tints_.dim(), all_ ? note : cut(note, room - 4),
                 tints_.off());
  }

  size_t width_;
  bool all_;
  bool open_all_ = false;
  Tints tints_;
};

std::string count_text(const rule::Count& count, const rule::Threshold& threshold) {
  if (count.no_value) return threshold.distinct + " has no value here, so this event does not count";
  if (count.fires) return "this event is the last one that it took: it fires, and begins to count anew";
  return fmt::format("with this event it has {} of {}: it does not fire yet", count.have, count.need);
}

void print_people(const Told& told, const rule::Rule& asked, bool active, bool all) {
  const std::string& rule = asked.name;
  const Tints tints(colour_wanted(STDOUT_FILENO));
  const size_t width = terminal_width() > 0 ? terminal_width() : kWidthWithoutTerminal;
  fmt::print("{}'{}' {}{} event {}: {} by {} (pid {}){}\n", tints.bold(), rule,
             !told.matches() ? "does not match"
             : told.fires()  ? "matches"
                             : "counts",
             tints.off(), told.num, told.type, casefile::visible(told.process), told.pid,
             told.container.empty() ? "" : " in container " + casefile::visible(told.container));
  fmt::print("{}{}{}\n", tints.dim(), all ? casefile::visible(told.args) : cut(casefile::visible(told.args), width),
             tints.off());
  if (!active) fmt::print("The rule is not enabled: the agent does not try it.\n");
  if (asked.threshold)
    fmt::print("The rule counts: {}{}{}\n", to_string(*asked.threshold), told.count ? "; " : "",
               told.count ? count_text(*told.count, *asked.threshold) : "");
  for (size_t n = 0; n < told.views.size(); ++n) {
    const Why& why = told.views[n];
    if (told.views.size() > 1)
      fmt::print("\n{}With fd.name {}, {}: {}{}\n", tints.bold(), casefile::visible(told.paths[n]),
                 why.view == context::PathView::kLexical ? "as the program gave it" : "what the kernel opened",
                 why.matches() ? "it matches" : "no match", tints.off());
    fmt::print("\n");
    TreePrinter(all, tints).print(why.tree);
  }
  fmt::print("\n-> {}\n", !told.matches() ? "what stood in the way: had this gone the other way, it would match"
                          : told.fires()  ? "what made it match"
                                          : "what made it count");
}

// ---- for machines --------------------------------------------------------------------------------------------------

void put_node(Json& out, const WhyNode& node) {
  out.open_object();
  const char* kinds[] = {"and", "or", "not", "test"};
  out.put("kind", kinds[static_cast<size_t>(node.kind)]).put_bool("result", node.result);
  if (!node.macro.empty()) out.put("macro", node.macro);
  if (node.kind == WhyNode::Kind::kTest) {
    out.put_bool("deciding", node.deciding).put("test", node.text).put("field", node.left);
    out.put_bool("missing", node.missing).put("value", node.value);
    if (!node.right.empty()) out.put("right_field", node.right).put("right_value", node.right_value);
    out.put_position(node.position);
  } else {
    out.key("children").open_array();
    for (const WhyNode& child : node.children) put_node(out, child);
    out.close_array();
  }
  out.close_object();
}

void print_json(const std::vector<Told>& all, const std::string& rule, bool active) {
  Json out;
  out.open_object().put("rule", rule).put_bool("active", active).key("events").open_array();
  for (const Told& told : all) {
    out.open_object().put_number("num", told.num).put("type", told.type).put("process", told.process);
    out.put_number("pid", told.pid).put("container", told.container).put("args", told.args);
    out.put_bool("matches", told.matches());
    if (told.count)
      out.key("count")
          .open_object()
          .put_number("have", told.count->have)
          .put_number("need", told.count->need)
          .put_bool("fires", told.count->fires)
          .close_object();
    out.key("views").open_array();
    for (size_t n = 0; n < told.views.size(); ++n) {
      const Why& why = told.views[n];
      out.open_object().put("path", why.view == context::PathView::kLexical ? "lexical" : "kernel");
      out.put("fd.name", told.paths[n]).put_bool("matches", why.matches()).key("condition");
      put_node(out, why.tree);
      out.close_object();
    }
    out.close_array().close_object();
  }
  out.close_array().close_object().print();
}

// ---- the question --------------------------------------------------------------------------------------------------

Result<const casefile::Case*> find_case(const casefile::CaseFile& file, const std::string& name) {
  for (const casefile::Case& what : file.cases)
    if (what.name == name) return &what;
  std::string names;
  for (const casefile::Case& what : file.cases) names += "\n  " + file.path + "#" + what.name;
  return fail(file.path + " has no case '" + name + "'; it has " + (names.empty() ? "none" : "these:" + names),
              Fault::kUser);
}

int answer(const RulesWhyArgs& args, const rule::Loaded& loaded, const std::function<Result<>(Inquiry&)>& ask) {
  if (!loaded.rules || !loaded.description) return 1;
  const rule::RuleDescription* rule = loaded.description->rule(args.rules.rule);
  if (!rule) return report(no_such_rule(loaded, args.rules.rule));
  Inquiry inquiry(loaded, *rule);
  if (auto asked = ask(inquiry); !asked) return report(asked.error());
  if (args.rules.json) {
    print_json(inquiry.told(), args.rules.rule, inquiry.active());
  } else {
    for (size_t n = 0; n < inquiry.told().size(); ++n) {
      if (n > 0) fmt::print("\n");
      print_people(inquiry.told()[n], inquiry.rule(), inquiry.active(), args.all);
    }
  }
  if (inquiry.agrees()) return 0;
  return report(
      {"the engine decided otherwise about this event: this is a bug of tiercel, please report it", Fault::kBug});
}

}  // namespace

int rules_why(const RulesWhyArgs& args) {
  const Target target = target_of(args.event);
  if (!target.is_case && is_yaml(target.file))
    return report(
        {target.file + " is a case file: say which case, as in '" + target.file + "#name of the case'", Fault::kUser});
  if (!target.is_case)
    return answer(args, load_described(args.rules.files, rule::Matching::kAll),
                  [&](Inquiry& inquiry) { return inquiry.ask_recording(target); });
  Diagnostics diagnostics;
  const casefile::CaseFile file = casefile::read_cases(target.file, diagnostics);
  std::fputs(diagnostics.render_all(colour_wanted(STDERR_FILENO)).c_str(), stderr);
  const auto what = find_case(file, target.case_name);
  if (!what) return report(what.error());
  if (!(*what)->recording.empty())
    return report(
        {"the case is about a recording: ask about one of its events, as in " + (*what)->recording + ":NUMBER",
         Fault::kUser});
  const std::vector<std::string>& rules = args.rules.files.empty() ? file.rules : args.rules.files;
  return answer(args, load_described(rules, rule::Matching::kAll), [&](Inquiry& inquiry) -> Result<> {
    inquiry.ask_case(**what);
    return {};
  });
}

}  // namespace tiercel::cli
