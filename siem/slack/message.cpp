#include "siem/slack/message.h"

#include <fmt/core.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string_view>

#include "agent/alert/json.h"
#include "agent/base/time_text.h"
#include "siem/slack/blocks.h"
#include "siem/slack/describe.h"
#include "siem/slack/text.h"

namespace tiercel::slack {
namespace {

constexpr size_t kRuleUnits = 120;
constexpr size_t kPlacesShown = 8;
constexpr size_t kWholeMax = 4;   // rules that are shown whole: more is a wall of text
constexpr size_t kBriefMax = 16;  // rules that have a line
constexpr size_t kTailUnits = 2'800;
constexpr size_t kPlainUnits = 3'000;
constexpr size_t kNoticeRules = 5;  // that a notification names
constexpr std::string_view kGrey = "#8a8f98";

struct Group {
  const alert::Alert* alert = nullptr;
  std::vector<const Told*> told;
  const Told* fresh = nullptr;  // the first that was not told before
  uint64_t count = 0;
  uint64_t first_ns = UINT64_MAX, last_ns = 0;
};

std::vector<Group> groups_of(const std::vector<Told>& told, Grouping grouping) {
  std::vector<Group> groups;
  std::map<std::string_view, size_t> by_rule;
  for (const Told& each : told) {
    const auto [at, added] = by_rule.try_emplace(each.alert->rule, groups.size());
    if (added || grouping == Grouping::kNone) {
      at->second = groups.size();
      groups.emplace_back().alert = each.alert.get();
    }
    Group& group = groups[at->second];
    group.told.push_back(&each);
    if (!each.repeats && group.fresh == nullptr) group.fresh = &each;
    if (each.alert->priority < group.alert->priority) group.alert = each.alert.get();
    group.count += each.count;
    group.first_ns = std::min(group.first_ns, each.first_ns);
    group.last_ns = std::max(group.last_ns, each.last_ns);
  }
  for (Group& group : groups)
    std::stable_sort(group.told.begin(), group.told.end(),
                     [](const Told* a, const Told* b) { return a->count > b->count; });
  std::stable_sort(groups.begin(), groups.end(), [](const Group& a, const Group& b) {
    if (a.alert->priority != b.alert->priority) return a.alert->priority < b.alert->priority;
    if ((a.fresh == nullptr) != (b.fresh == nullptr)) return a.fresh != nullptr;
    return a.count > b.count;
  });
  return groups;
}

size_t rules_of(const std::vector<Group>& groups) {
  std::set<std::string_view> rules;
  for (const Group& group : groups) rules.insert(group.alert->rule);
  return rules.size();
}

uint64_t sum_of(const std::vector<Told>& told) {
  uint64_t sum = 0;
  for (const Told& each : told) sum += each.count;
  return sum;
}

std::string counted(uint64_t count, std::string_view one, std::string_view many) {
  return grouped(count) + " " + std::string(count == 1 ? one : many);
}

std::string times_of(const Group& group) {
  const uint64_t first_s = group.first_ns / 1'000'000'000, last_s = group.last_ns / 1'000'000'000;
  if (first_s == last_s) return time_of(group.first_ns);
  return time_of(group.first_ns) + " to " + time_of(group.last_ns);
}

std::string count_sentence(const Group& group) {
  if (group.fresh == nullptr) return fmt::format("*{} more* since the last message", grouped(group.count));
  if (group.count == 1) return {};
  return "*" + counted(group.count, "alert", "alerts") + "*";
}

std::string place_line(const Told& told) {
  std::string line = "• ";
  if (told.many_places)
    line += "further places together";
  else if (told.program.empty() && told.where.empty())
    line += told.alert->source == "internal" ? "the agent" : "the host";
  else
    line += told.program.empty() ? "a process" : code(told.program, 66);
  if (!told.where.empty() && !told.many_places) line += " in " + code(told.where, 66);
  line += fmt::format(" *×{}*", grouped(told.count));
  if (told.repeats) line += " more";
  return line;
}

// Where it hit, the most first, with a few of the commands.
std::string places_of(const Group& group) {
  std::string out = "*Where*";
  size_t shown = 0;
  uint64_t shown_count = 0;
  for (const Told* told : group.told) {
    if (shown == kPlacesShown) break;
    std::string line = "\n" + place_line(*told);
    const size_t commands_max = group.told.size() > 2 ? 1 : 3;
    for (size_t i = 0; i < std::min(told->commands.size(), commands_max); ++i)
      line += "\n      " + code(told->commands[i], 160);
    if (told->more_commands || told->commands.size() > commands_max) line += "\n      and other commands";
    if (units(out) + units(line) > kSectionMax - 100) break;
    out += line;
    ++shown;
    shown_count += told->count;
  }
  if (shown < group.told.size())
    out += fmt::format("\n… and {} ({})", counted(group.told.size() - shown, "other place", "other places"),
                       counted(group.count - shown_count, "alert", "alerts"));
  return out;
}

std::string title_of(const Group& group) {
  return fmt::format("*{}* · {}", literal(group.alert->rule, kRuleUnits), display_name(group.alert->priority));
}

Blocks whole(const Group& group, bool alone) {
  const Facts facts = facts_of(group.fresh != nullptr ? *group.fresh->alert : *group.told.front()->alert);
  Blocks blocks;
  std::string title = alone ? "" : title_of(group);
  if (const std::string sentence = count_sentence(group); !sentence.empty())
    title += (title.empty() ? "" : "\n") + sentence;
  if (!title.empty()) blocks.section(title);
  if (group.fresh != nullptr) {
    blocks.section(group.count > 1 ? "The first:\n" + output_block(facts) : output_block(facts));
    if (const std::string tree = process_tree(facts); !tree.empty()) blocks.section(tree);
    blocks.fields(fields_of(facts));
  } else {
    blocks.section("For example:\n" + output_block(facts));
  }
  if (group.count > 1) blocks.section(places_of(group));
  std::string foot = fmt::format("{} · {}", display_name(group.alert->priority), times_of(group));
  if (!facts.host.empty() && group.fresh == nullptr) foot += " · host " + code(facts.host, 80);
  if (!facts.category.empty()) foot += " · " + literal(facts.category, 60);
  blocks.context(foot);
  return blocks;
}

Blocks brief(const Group& group) {
  Blocks blocks;
  std::string line = fmt::format("{} · *×{}*{} · {}", title_of(group), grouped(group.count),
                                 group.fresh == nullptr ? " more" : "", times_of(group));
  const Told& most = *group.told.front();
  line += "\n" + place_line(most);
  if (!most.commands.empty()) line += ": " + code(most.commands.front(), 120);
  if (group.told.size() > 1)
    line += fmt::format("\n… and {}", counted(group.told.size() - 1, "other place", "other places"));
  blocks.section(line);
  return blocks;
}

// The rules from `begin` on, that had no room: named as far as they fit, counted all.
std::string tail_of(const std::vector<Group>& groups, size_t begin) {
  uint64_t count = 0;
  for (size_t i = begin; i < groups.size(); ++i) count += groups[i].count;
  std::string out = fmt::format("*and {} ({}):*", counted(groups.size() - begin, "other rule", "other rules"),
                                counted(count, "alert", "alerts"));
  for (size_t i = begin; i < groups.size(); ++i) {
    const std::string word = fmt::format("{} {} ×{}", i > begin ? "," : "", literal(groups[i].alert->rule, kRuleUnits),
                                         grouped(groups[i].count));
    if (units(out) + units(word) > kTailUnits) return out + ", …";
    out += word;
  }
  return out;
}

std::string host_words(const std::vector<Group>& groups) {
  return facts_of(*groups.front().alert).host;
}

// What a notification shows.
std::string notice_of(const std::vector<Group>& groups, uint64_t count) {
  const std::string host = host_words(groups);
  const std::string on = host.empty() ? "" : " on " + literal(host, 80);
  const Group& first = groups.front();
  if (groups.size() == 1)
    return fmt::format("{}: {}{}{}: {}", display_name(first.alert->priority), literal(first.alert->rule, kRuleUnits),
                       first.count > 1 ? " ×" + grouped(first.count) : "", on,
                       head_of(facts_of(*first.told.front()->alert).output, 200));
  std::string out =
      fmt::format("{} of {}{}:", counted(count, "alert", "alerts"), counted(rules_of(groups), "rule", "rules"), on);
  for (size_t i = 0; i < std::min(groups.size(), kNoticeRules); ++i)
    out += fmt::format("{} {} ×{}", i > 0 ? "," : "", literal(groups[i].alert->rule, 60), grouped(groups[i].count));
  if (groups.size() > kNoticeRules) out += ", …";
  return out;
}

std::string header_of(const std::vector<Group>& groups, uint64_t count) {
  const Group& first = groups.front();
  if (groups.size() == 1) {
    const std::string times = first.count > 1 ? " ×" + grouped(first.count) : "";
    return plain(fmt::format("{}: {}", display_name(first.alert->priority), first.alert->rule),
                 kHeaderMax - units(times)) +
           times;
  }
  const std::string host = host_words(groups);
  return fmt::format("{} of {}{}", counted(count, "alert", "alerts"), counted(rules_of(groups), "rule", "rules"),
                     host.empty() ? "" : " on " + plain(host, 80));
}

std::string attachment(std::string_view colour, const Blocks& blocks) {
  return fmt::format(R"({{"color":"{}","blocks":{}}})", colour, blocks.json());
}

// Counts what is put in, so that the limits hold for the message as a whole.
struct Room {
  size_t blocks = 0, text = 0;
  [[nodiscard]] bool take(const Blocks& some) {
    if (blocks + some.count() >= kBlocksMax || text + some.text_units() + kTailUnits > kTextMax) return false;
    blocks += some.count();
    text += some.text_units();
    return true;
  }
};

}  // namespace

std::string message_of(const std::vector<Told>& told, Grouping grouping) {
  const std::vector<Group> groups = groups_of(told, grouping);
  const uint64_t count = sum_of(told);
  Blocks top;
  top.header(header_of(groups, count));
  Room room{top.count(), top.text_units()};
  std::string attachments;
  size_t wholes = 0, briefs = 0, at = 0;
  for (; at < groups.size(); ++at) {
    std::optional<Blocks> fit;
    if (wholes < kWholeMax || grouping == Grouping::kNone)
      if (Blocks blocks = whole(groups[at], groups.size() == 1); room.take(blocks)) {
        fit = std::move(blocks);
        ++wholes;
      }
    if (!fit && briefs < kBriefMax)
      if (Blocks blocks = brief(groups[at]); room.take(blocks)) {
        fit = std::move(blocks);
        ++briefs;
      }
    if (!fit) break;
    attachments += (at > 0 ? "," : "") + attachment(colour_of(groups[at].alert->priority), *fit);
  }
  if (at < groups.size()) {
    Blocks tail;
    tail.section(tail_of(groups, at));
    attachments += (at > 0 ? "," : "") + attachment(kGrey, tail);
  }
  return fmt::format(R"({{"text":{},"blocks":{},"attachments":[{}],"unfurl_links":false,"unfurl_media":false}})",
                     alert::json_string(notice_of(groups, count)), top.json(), attachments);
}

std::string plain_message_of(const std::vector<Told>& told) {
  const std::vector<Group> groups = groups_of(told, Grouping::kByRule);
  std::string text = notice_of(groups, sum_of(told));
  if (groups.size() > 1) {
    for (size_t i = 0; i < groups.size(); ++i) {
      const Group& group = groups[i];
      const std::string line = fmt::format(
          "\n• {}: {} ×{}, {}: {}", display_name(group.alert->priority), literal(group.alert->rule, kRuleUnits),
          grouped(group.count), iso8601_z(group.first_ns), code(facts_of(*group.told.front()->alert).output, 200));
      if (units(text) + units(line) > kPlainUnits - 100) {
        uint64_t rest = 0;
        for (size_t j = i; j < groups.size(); ++j) rest += groups[j].count;
        text += fmt::format("\nand {} ({})", counted(groups.size() - i, "other rule", "other rules"),
                            counted(rest, "alert", "alerts"));
        break;
      }
      text += line;
    }
  }
  return fmt::format(R"({{"text":{},"mrkdwn":false,"unfurl_links":false,"unfurl_media":false}})",
                     alert::json_string(text));
}

}  // namespace tiercel::slack
