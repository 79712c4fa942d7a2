#include "agent/casefile/run.h"

#include <fmt/core.h>

#include <algorithm>
#include <deque>
#include <optional>

#include "agent/alert/json.h"
#include "agent/casefile/stage.h"
#include "agent/rule/names.h"

namespace tiercel::casefile {
namespace {

constexpr size_t kValueMax = 160;
constexpr size_t kTestMax = 60;  // of a list that is told on one line
constexpr size_t kTestsToldMax = 3;

std::string quoted(std::string_view text) {
  const bool cut = text.size() > kValueMax;
  return "\"" + visible(text.substr(0, kValueMax)) + (cut ? "\"..." : "\"");
}

std::string right_trimmed(std::string text) {
  while (!text.empty() && rule::is_blank(text.back())) text.pop_back();
  return text;
}

std::string times(uint64_t n) {
  return n == 1 ? "once" : n == 2 ? "twice" : fmt::format("{} times", n);
}

class Run {
 public:
  Run(const Case& what, const rule::Loaded& rules) : what_(what), rules_(rules), matcher_(rules.rules) {
    out_.what = &what;
  }

  CaseResult run() {
    if (auto played = play([&](const context::Event& event) { judge(event); }); !played)
      add(Problem::Kind::kRecording, {}, played.error().message);
    compare();
    explain();
    return std::move(out_);
  }

 private:
  Result<> play(const EventHandler& handler) {
    Stage stage(what_.recording.empty() ? Stage::For::kCase : Stage::For::kRecording);
    if (!what_.recording.empty()) return stage.play_recording(what_.recording, handler);
    stage.play(what_, handler);
    return {};
  }

  void judge(const context::Event& event) {
    ++out_.events;
    const auto matches = matcher_.match(event);
    for (const rule::Counted& counted : matcher_.counted()) {
      rule::Count& farthest = farthest_[rules_.rules->rule(counted.rule).name];
      if (farthest.need == 0 || counted.count.have > farthest.have) farthest = counted.count;
    }
    for (const rule::Match& match : matches) {
      const std::string& name = rules_.rules->rule(match.rule).name;
      ++out_.matched[name];
      if (what_.expect.size() == 1 && name == what_.expect.front().rule)
        outputs_.push_back(right_trimmed(matcher_.render(match, event).message));
    }
  }

  void add(Problem::Kind kind, const std::string& rule, std::string text) {
    out_.problems.push_back({kind, rule, std::move(text), {}});
  }

  void compare() {
    for (const ExpectSpec& expect : what_.expect) {
      auto it = out_.matched.find(expect.rule);
      const uint64_t count = it == out_.matched.end() ? 0 : it->second;
      if (count == 0 && expect.count.value_or(1) > 0)
        add(Problem::Kind::kSilent, expect.rule, "'" + expect.rule + "' did not match" + count_text(expect.rule));
      else if (expect.count && count != *expect.count)
        add(Problem::Kind::kCount, expect.rule,
            fmt::format("'{}' matched {}, expected {}", expect.rule, times(count), times(*expect.count)));
    }
    for (const auto& [name, count] : out_.matched) {
      auto named = [&n = name](const ExpectSpec& expect) { return expect.rule == n; };
      if (what_.others_allowed || std::any_of(what_.expect.begin(), what_.expect.end(), named)) continue;
      add(Problem::Kind::kUnexpected, name,
          "'" + name + "' matched, and is not expected" + (count > 1 ? " (" + times(count) + ")" : ""));
    }
    compare_output();
  }

  // ": it counted 3 of 5 events within 10s"; "" if its condition never held, or it does not count.
  [[nodiscard]] std::string count_text(const std::string& rule) const {
    const auto farthest = farthest_.find(rule);
    const auto id = rules_.rules->find(rule);
    if (farthest == farthest_.end() || !id || !rules_.rules->rule(*id).threshold) return {};
    const rule::Threshold& threshold = *rules_.rules->rule(*id).threshold;
    if (farthest->second.have == 0)
      return ": its condition held, but " + threshold.distinct + " had no value, so nothing counted";
    return fmt::format(": it counted {} of {}", farthest->second.have, to_string(threshold));
  }

  void compare_output() {
    if (outputs_.empty()) return;
    const std::string& rule = what_.expect.front().rule;
    const std::string& output = outputs_.front();
    if (what_.output.equals && output != *what_.output.equals)
      add(Problem::Kind::kOutput, rule,
          "the output is " + quoted(output) + ", expected " + quoted(*what_.output.equals));
    for (const std::string& part : what_.output.contains)
      if (output.find(part) == std::string::npos)
        add(Problem::Kind::kOutput, rule, "the output " + quoted(output) + " does not contain " + quoted(part));
  }

  // A second time over the events, now asking why; only where something went wrong.
  void explain() {
    struct Asked {
      Problem* problem;
      rule::WhyJudge* judge;
      std::optional<rule::Why> nearest;
    };
    std::deque<rule::WhyJudge> judges;
    std::vector<Asked> asked;
    for (Problem& problem : out_.problems) {
      if (problem.kind != Problem::Kind::kSilent && problem.kind != Problem::Kind::kUnexpected) continue;
      if (problem.kind == Problem::Kind::kSilent && farthest_.contains(problem.rule)) continue;  // the count tells
      const rule::RuleDescription* rule = rules_.description ? rules_.description->rule(problem.rule) : nullptr;
      if (rule) asked.push_back({&problem, &judges.emplace_back(*rule), std::nullopt});
    }
    if (asked.empty()) return;
    (void)play([&](const context::Event& event) {
      for (Asked& a : asked) {
        const bool wanted = a.problem->kind == Problem::Kind::kUnexpected;
        auto nearer = [&](const rule::Why& why) {
          return why.matches() == wanted && (!a.nearest || why.distance < a.nearest->distance);
        };
        const std::vector<rule::Why> verdicts = a.judge->judge(event, rule::WhyJudge::Tell::kVerdict);
        if (std::none_of(verdicts.begin(), verdicts.end(), nearer)) continue;
        for (rule::Why& why : a.judge->judge(event))
          if (nearer(why)) a.nearest = std::move(why);
      }
    });
    for (Asked& a : asked)
      if (a.nearest) tell(*a.problem, *a.nearest);
  }

  static void tell(Problem& problem, const rule::Why& why) {
    problem.text += problem.kind == Problem::Kind::kSilent ? ": " : ", because ";
    std::vector<const rule::WhyNode*> tests = why.deciding();
    std::stable_partition(tests.begin(), tests.end(), [](const rule::WhyNode* test) { return !test->about_type; });
    for (size_t n = 0; n < tests.size(); ++n) {
      problem.tests.push_back(*tests[n]);
      if (n < kTestsToldMax) problem.text += (n > 0 ? "; " : "") + test_text(*tests[n]);
    }
    if (tests.size() > kTestsToldMax) problem.text += fmt::format("; and {} more", tests.size() - kTestsToldMax);
  }

  const Case& what_;
  const rule::Loaded& rules_;
  rule::Matcher matcher_;
  CaseResult out_;
  std::map<std::string, rule::Count> farthest_;  // of rules that count: the most that one group had
  std::vector<std::string> outputs_;
};

}  // namespace

std::string value_text(const rule::WhyNode& test) {
  std::string out = test.missing && test.value.empty() ? "has no value" : quoted(test.value);
  if (!test.right.empty())
    out += ", " + test.right + " " + (test.right_value.empty() ? "has no value" : quoted(test.right_value));
  return out;
}

std::string visible(std::string_view text) {
  std::string out;
  for (size_t at = 0; at < text.size();) {
    const alert::Utf8Step step = alert::utf8_step(text.substr(at));
    const std::string_view bytes = text.substr(at, step.size_bytes);
    const bool control = step.code_point < 0x20 || (step.code_point >= 0x7f && step.code_point < 0xa0);
    if (step.valid && !control)
      out += bytes;
    else
      for (char c : bytes) out += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    at += step.size_bytes;
  }
  return out;
}

std::string short_text(const rule::WhyNode& test) {
  std::string shown = visible(test.text);
  if (const size_t open = shown.find('(');
      shown.size() > kTestMax && open != std::string::npos && shown.back() == ')') {
    const auto values = std::count(shown.begin() + static_cast<ptrdiff_t>(open), shown.end(), ',') + 1;
    const size_t end = shown.rfind(',', kTestMax);
    if (end != std::string::npos && end > open) shown = shown.substr(0, end) + fmt::format(", ... {} values)", values);
  } else if (shown.size() > 2 * kTestMax) {
    shown = shown.substr(0, 2 * kTestMax) + "...";
  }
  return shown;
}

std::string test_text(const rule::WhyNode& test) {
  const std::string shown = (test.negated ? "not " : "") + short_text(test);
  if (test.missing && test.value.empty()) return shown + " (" + test.left + " has no value)";
  return shown + " (it is " + value_text(test) + ")";
}

const rule::Loaded& RuleShelf::load(const std::vector<std::string>& paths, const std::vector<ExpectSpec>& enable) {
  std::string key;
  for (const std::string& path : paths) key += path + '\0';
  rule::LoadOptions options;
  options.matching = rule::Matching::kAll;
  options.append_output.clear();
  options.lint = options.warn_unused = false;
  options.describe = true;
  for (const ExpectSpec& rule : enable) {
    options.selection.push_back({true, rule.rule, {}});
    key += '\1' + rule.rule;
  }
  auto it = loaded_.find(key);
  if (it == loaded_.end()) it = loaded_.emplace(key, rule::load_paths(paths, options)).first;
  return it->second;
}

void check_names(const CaseFile& file, const rule::Loaded& rules, Diagnostics& diagnostics) {
  if (!rules.rules) return;
  std::vector<std::string_view> names;
  for (rule::RuleId id = 0; id < rules.rules->size(); ++id) names.push_back(rules.rules->rule(id).name);
  auto check = [&](const ExpectSpec& named, bool must_be_on) {
    const auto id = rules.rules->find(named.rule);
    if (!id) {
      const std::string near = rule::nearest(named.rule, names);
      const bool skipped = std::find(rules.skipped.begin(), rules.skipped.end(), named.rule) != rules.skipped.end();
      diagnostics.error(named.position, "there is no rule '" + named.rule + "'",
                        skipped        ? "it has a mistake in its file; `tiercel rules check` tells"
                        : near.empty() ? "`tiercel rules list` shows the names"
                                       : "did you mean '" + near + "'?");
    } else if (must_be_on && !rules.rules->active(*id)) {
      diagnostics.error(named.position, "the rule '" + named.rule + "' is not enabled, so it never matches",
                        "`enable: [" + named.rule + "]` at the top of the file switches it on for these cases");
    }
  };
  for (const ExpectSpec& rule : file.enable) check(rule, false);
  for (const Case& what : file.cases)
    for (const ExpectSpec& expect : what.expect) check(expect, expect.count.value_or(1) > 0);
}

CaseResult run_case(const Case& what, const rule::Loaded& rules) {
  return Run(what, rules).run();
}

}  // namespace tiercel::casefile
