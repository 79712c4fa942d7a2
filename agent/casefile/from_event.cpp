#include "agent/casefile/from_event.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <deque>
#include <memory>
#include <set>

#include "agent/casefile/case.h"
#include "agent/casefile/draft.h"
#include "agent/casefile/map_reader.h"
#include "agent/casefile/run.h"
#include "agent/casefile/shrink.h"
#include "agent/casefile/stage.h"
#include "agent/casefile/verdict.h"
#include "agent/rule/describe.h"

namespace tiercel::casefile {
namespace {

using rule::Why;

struct Deed {
  uint32_t pid = 0, parent = 0;
  Draft who, what;
};

// The event that the case is about, as it was live, and what a case can say of it.
struct Chosen {
  uint64_t number = 0;
  uint32_t pid = 0;
  std::string type, process;
  bool child_side = false;
  bool fires = false, matches = false;
  uint32_t have = 0;
  size_t distance = SIZE_MAX, held = 0;
  Verdict live;
  std::vector<std::string> names;
  Draft who, what, bystanders;
  std::vector<Deed> before;  // of a rule that counts: the events that it counted before this one, the oldest first

  [[nodiscard]] bool better_than(const Chosen& other) const {
    if (fires != other.fires) return fires;
    if (matches != other.matches) return matches;
    if (have != other.have) return have > other.have;
    return distance != other.distance ? distance < other.distance : held > other.held;
  }
};

class Chooser {
 public:
  Chooser(const rule::Loaded& rules, const CaseWish& wish) : rules_(rules), wish_(wish), matcher_(rules.rules) {
    if (wish.rule.empty()) return;
    id_ = rules.rules->find(wish.rule);
    panel_ = std::make_unique<Panel>(rules, std::vector<std::string>{wish.rule});
    judge_ = std::make_unique<rule::WhyJudge>(*rules.description->rule(wish.rule));
  }

  Result<Chosen> choose() {
    Stage stage(Stage::For::kRecording);
    uint64_t seen = 0;
    auto played = stage.play_recording(wish_.recording, [&](const context::Event& event) {
      ++seen;
      take(event);
    });
    if (!played) return tl::unexpected(played.error());
    if (!best_) return none(seen);
    if (!wish_.number && !best_->fires && !wish_.nearest)
      return fail(fmt::format("{}: '{}' fires for none of its {} events", wish_.recording, wish_.rule, seen) +
                      "; --nearest takes the one for which it comes nearest",
                  Fault::kUser);
    return std::move(*best_);
  }

 private:
  [[nodiscard]] tl::unexpected<Error> none(uint64_t seen) const {
    if (wish_.number && wish_.rule.empty() && *wish_.number <= seen)
      return fail(fmt::format("{}: no rule matches event {}; --rule NAME says which one the case is about",
                              wish_.recording, *wish_.number),
                  Fault::kUser);
    if (wish_.number)
      return fail(fmt::format("{} has no event {}: it has {} of them", wish_.recording, *wish_.number, seen),
                  Fault::kUser);
    return fail(fmt::format("{}: none of its {} events is of a type that the rule is tried on{}", wish_.recording, seen,
                            wish_.where ? ", and of those that --where names" : ""),
                Fault::kUser);
  }

  void take(const context::Event& event) {
    if (best_ && (best_->fires || wish_.number)) return;
    const auto matches = matcher_.match(event);
    auto named = [&](const char* name) {
      return std::any_of(matches.begin(), matches.end(),
                         [&](const rule::Match& match) { return rules_.rules->rule(match.rule).name == name; });
    };
    if (wish_.number ? event.num() != *wish_.number : id_ && !rules_.rules->types(*id_)[event.info().type]) return;
    if (wish_.where && !wish_.number && !named(kWhereRule)) return;
    Chosen next;
    next.fires = !wish_.rule.empty() ? named(wish_.rule.c_str()) : !matches.empty();
    if (wish_.rule.empty()) {
      for (const rule::Match& match : matches)
        if (rules_.rules->rule(match.rule).name != kWhereRule)
          next.names.push_back(rules_.rules->rule(match.rule).name);
      if (next.names.empty()) return;
      panel_ = std::make_unique<Panel>(rules_, next.names);
    } else {
      next.names = {wish_.rule};
      for (const Why& why : judge_->judge(event, rule::WhyJudge::Tell::kVerdict)) {
        next.matches |= why.matches();
        next.distance = std::min(next.distance, why.distance);
        next.held = std::max(next.held, held_in(why.tree));
      }
      for (const rule::Counted& counted : matcher_.counted())
        if (counted.rule == *id_) next.have = counted.count.have;
      if (!matcher_.counted().empty()) remember(event, next);
    }
    if (best_ && !next.better_than(*best_)) return;
    next.number = event.num();
    next.pid = event.process().key.pid;
    next.type = event.type();
    next.process = event.image().comm;
    next.child_side = event.child_side();
    next.live = panel_->verdict(event, matcher_, matches);
    next.who = draft_process(event, panel_->needs());
    next.what = draft_event(event);
    next.bystanders = draft_bystanders(event);
    steady_ids(next.who, event);
    steady_ids(next.what, event);
    best_ = std::move(next);
  }

  // Few counted events are told one by one; of many, one is repeated.
  void remember(const context::Event& event, Chosen& next) {
    const auto& threshold = rules_.rules->rule(*id_).threshold;
    if (!threshold || threshold->count > kToldMax || (next.have == 0 && !next.fires)) return;
    const context::Process* parent = event.ancestor(1);
    Deed deed{event.process().key.pid, parent ? parent->key.pid : 0, draft_process(event, panel_->needs()),
              draft_event(event)};
    steady_ids(deed.who, event);
    steady_ids(deed.what, event);
    for (const Deed& past : past_)
      if (past.parent == deed.parent) next.before.push_back(past);
    if (past_.size() >= kPastMax) past_.pop_front();
    past_.push_back(std::move(deed));
    if (next.before.size() >= threshold->count)
      next.before.erase(next.before.begin(), next.before.end() - static_cast<ptrdiff_t>(threshold->count) + 1);
  }

  static constexpr size_t kToldMax = 5, kPastMax = 64;
  const rule::Loaded& rules_;
  const CaseWish& wish_;
  rule::Matcher matcher_;
  std::deque<Deed> past_;
  std::optional<rule::RuleId> id_;
  std::unique_ptr<Panel> panel_;
  std::unique_ptr<rule::WhyJudge> judge_;
  std::optional<Chosen> best_;
};

class Maker {
 public:
  Maker(const rule::Loaded& rules, Chosen chosen, std::string name)
      : rules_(rules), chosen_(std::move(chosen)), panel_(rules, chosen_.names) {
    draft_ = Draft::map();
    draft_.add("name", name.empty() ? chosen_.type + " by " + chosen_.process : std::move(name)).wanted = true;
    draft_.add("process", chosen_.who).wanted = true;
    if (!chosen_.bystanders.items.empty()) draft_.add("bystanders", chosen_.bystanders);
    draft_.add("event", chosen_.what).wanted = true;
    draft_.add("expect", Draft::list()).wanted = true;
  }

  MadeCase make() {
    MadeCase out;
    out.number = chosen_.number;
    out.fires = chosen_.fires;
    if (!chosen_.matches && chosen_.distance != SIZE_MAX) out.distance = chosen_.distance;
    out.held = chosen_.held;
    Verdict whole = play();
    if (panel_.counts() && !agrees(whole)) whole = repeated();
    if (panel_.counts() && !chosen_.fires && chosen_.have > 1) {  // as far as it got
      draft_.find("event")->add("repeat", std::to_string(chosen_.have)).wanted = true;
      if (const Verdict more = play(); agrees(more))
        whole = more;
      else
        draft_.find("event")->entries.pop_back();
    }
    out.same = agrees(whole);
    tell_differences(whole, out.differences);
    if (out.same) {
      auto same = [&] {
        const Verdict now = play();
        return now.same_as(whole) && agrees(now) &&
               std::includes(whole_rules(whole).begin(), whole_rules(whole).end(), now.matched.begin(),
                             now.matched.end());
      };
      shorten_parents(same);
      shrink(draft_, same);
    }
    expect(play());
    out.text = case_text(draft_);
    return out;
  }

 private:
  // Arguments of parents that no rule looks at.
  void shorten_parents(const std::function<bool()>& same) {
    Draft* parents = draft_.find("process")->find("parents");
    if (!parents) return;
    for (Draft& parent : parents->items) {
      Draft* line = parent.find("cmdline");
      if (!line) continue;
      const std::string whole = line->text;
      const std::vector<std::string> words = split_words(whole);
      if (words.size() < 2 || words.front().find_first_of(" '\"\\") != std::string::npos) continue;
      line->text = words.front();
      if (!same()) line->text = whole;
    }
  }

  static const std::set<std::string, std::less<>>& whole_rules(const Verdict& whole) { return whole.matched; }

  // Of the rules that the case is about.
  [[nodiscard]] bool agrees(const Verdict& verdict) const {
    return verdict.valid && std::all_of(chosen_.names.begin(), chosen_.names.end(), [&](const std::string& name) {
             return verdict.matched.contains(name) == chosen_.live.matched.contains(name);
           });
  }

  // The draft as a case, through the reader and the stage.
  Verdict play() {
    Diagnostics diagnostics;
    const CaseFile file = read_cases_text("", "cases:\n" + case_text(draft_), diagnostics);
    Verdict out;
    for (const Diagnostic& d : diagnostics.all())
      if (d.severity == Diagnostic::Severity::kError) out.mistake = d.message;
    if (diagnostics.errors() > 0 || file.cases.size() != 1) return out;
    const Case& what = file.cases.front();
    rule::Matcher matcher(rules_.rules);
    size_t played = 0;
    Stage stage(Stage::For::kCase);
    stage.play(what, [&](const context::Event& event) {
      const auto matches = matcher.match(event);
      if (event.child_side() != chosen_.child_side) return;
      ++played;
      const bool fired = std::any_of(matches.begin(), matches.end(), [&](const rule::Match& match) {
        return rules_.rules->rule(match.rule).name == chosen_.names.front();
      });
      const bool had = out.valid && out.matched.contains(chosen_.names.front());
      if (had || (!fired && played != what.events.size())) return;
      out = panel_.verdict(event, matcher, matches);
    });
    return out;
  }

  // A rule that counts needs the event more than once; of one that counts different values, one text has to differ.
  Verdict repeated() {
    const auto id = rules_.rules->find(chosen_.names.front());
    const uint32_t need = rules_.rules->rule(*id).threshold ? rules_.rules->rule(*id).threshold->count : 2;
    const uint32_t times = chosen_.fires ? need : std::max(1u, chosen_.have);
    Draft& event = *draft_.find("event");
    event.add("repeat", std::to_string(times)).wanted = true;
    Verdict verdict = play();
    if (agrees(verdict)) return verdict;
    if (event.entries.front().second.find("tuple") != nullptr)  // which alone says it then
      std::erase_if(event.entries.front().second.entries, [](const auto& entry) {
        static constexpr std::array<std::string_view, 10> kEnds = {"addr",  "local", "laddr", "lport",   "raddr",
                                                                   "rport", "aaddr", "aport", "afamily", "remote"};
        return std::find(kEnds.begin(), kEnds.end(), entry.first) != kEnds.end();
      });
    for (size_t n = 0; n < event.entries.front().second.entries.size(); ++n) {
      const std::string before = event.entries.front().second.entries[n].second.text;
      for (const std::string& text : numbered(before)) {
        event.entries.front().second.entries[n].second.text = text;
        verdict = play();
        if (agrees(verdict)) return verdict;
      }
      event.entries.front().second.entries[n].second.text = before;
    }
    event.entries.pop_back();
    if (!chosen_.before.empty()) return several();
    return play();
  }

  // The events that were counted, one by one; those of other processes are of siblings of the first one.
  Verdict several() {
    Draft events = Draft::list();
    chosen_.before.push_back({chosen_.pid, 0, chosen_.who, chosen_.what});
    const Deed& first = chosen_.before.front();
    for (Deed& deed : chosen_.before) {
      Draft event = deed.what;
      if (deed.pid != first.pid) {
        std::erase_if(deed.who.entries, [](const auto& entry) { return entry.first == "parents"; });
        event.add("process", deed.who).wanted = true;
      }
      event.wanted = true;
      events.items.push_back(std::move(event));
    }
    *draft_.find("process") = first.who;
    draft_.find("process")->wanted = true;
    for (auto& [key, value] : draft_.entries)
      if (key == "event") {
        key = "events";
        value = std::move(events);
        value.wanted = true;
        break;
      }
    return play();
  }

  // "/srv/a1.txt" -> "/srv/{n}.txt"; "10.0.0.5:40000->10.0.0.9:22" -> the last port, the last address.
  static std::vector<std::string> numbered(const std::string& text) {
    std::vector<std::string> out;
    if (const size_t slash = text.rfind('/'); slash != std::string::npos) {
      const size_t dot = text.find('.', slash);
      out.push_back(text.substr(0, slash + 1) + "{n}" + (dot == std::string::npos ? "" : text.substr(dot)));
    }
    const size_t colon = text.rfind(':');
    if (text.find("->") == std::string::npos || colon == std::string::npos) return out;
    out.push_back(text.substr(0, colon + 1) + "{n}");
    if (const size_t dot = text.rfind('.', colon); dot != std::string::npos)
      out.push_back(text.substr(0, dot + 1) + "{n}" + text.substr(colon));
    return out;
  }

  void tell_differences(const Verdict& now, std::vector<std::string>& out) const {
    if (!now.valid) {
      out.emplace_back("the case cannot be read back: " + now.mistake);
      return;
    }
    if (now.tests.size() != chosen_.live.tests.size())
      out.emplace_back("fd.name: the event has another number of paths");
    for (size_t n = 0; n < std::min(now.tests.size(), chosen_.live.tests.size()); ++n) {
      const Verdict::Seen& live = chosen_.live.tests[n];
      if (live.result != now.tests[n].result)
        out.push_back(fmt::format("{}: it was \"{}\", in the case it is \"{}\"", live.text, visible(live.value),
                                  visible(now.tests[n].value)));
    }
  }

  void expect(const Verdict& verdict) {
    std::set<std::string, std::less<>> others = verdict.matched;
    Draft& expect = *draft_.find("expect");
    bool silent = true;
    for (const std::string& name : chosen_.names) {
      others.erase(name);
      if (!chosen_.live.matched.contains(name)) continue;
      expect.items.emplace_back(name);
      silent = false;
    }
    if (!silent || others.empty()) {
      if (!others.empty()) draft_.add("others", "allowed");
      return;
    }
    expect = Draft::map();
    for (const std::string& name : chosen_.names) expect.add(name, "0");
    draft_.add("others", "allowed");
  }

  const rule::Loaded& rules_;
  Chosen chosen_;
  Panel panel_;
  Draft draft_;
};

}  // namespace

Result<MadeCase> make_case(const rule::Loaded& rules, const CaseWish& wish) {
  auto chosen = Chooser(rules, wish).choose();
  if (!chosen) return tl::unexpected(chosen.error());
  return Maker(rules, std::move(*chosen), wish.name).make();
}

}  // namespace tiercel::casefile
