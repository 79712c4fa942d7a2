#include "agent/attach_watch.h"

#include <fmt/core.h>

#include <algorithm>
#include <map>
#include <vector>

#include "agent/base/siphash.h"
#include "decoders/catalog.h"

namespace tiercel {
namespace {

constexpr SipKey kDigestKey{0x7469657263656c20, 0x6174746163686564};  // no secret: equal hooks give equal digests
constexpr size_t kNamesMax = 8;

bool is_there(const sensor::AttachedHook& hook) {
  return hook.link_id != 0 && hook.program_id != 0;
}

}  // namespace

std::string digest_of(std::span<const sensor::AttachedHook> hooks) {
  std::vector<std::string> lines;
  for (const sensor::AttachedHook& hook : hooks)
    if (is_there(hook)) lines.push_back(fmt::format("{} {} {:016x} {}\n", hook.program, hook.type, hook.tag, hook.how));
  if (lines.empty()) return {};
  std::sort(lines.begin(), lines.end());
  std::string all;
  for (const std::string& line : lines) all += line;
  return fmt::format("{:016x}", siphash(kDigestKey, all));
}

// Two hooks with one link: what stood there was put in another's place.
std::optional<alert::Report> AttachWatch::look(std::span<const sensor::AttachedHook> hooks) {
  std::map<uint32_t, int> links;
  for (const sensor::AttachedHook& hook : hooks) ++links[hook.link_id];
  std::set<Place> gone;
  std::vector<std::string> names;
  for (const sensor::AttachedHook& hook : hooks) {
    if (is_there(hook) && links[hook.link_id] == 1) continue;
    const Place place{hook.program, hook.type};
    gone.insert(place);
    if (told_.contains(place)) continue;
    const decoders::EventInfo* event = hook.type == 0 ? nullptr : decoders::event_info(hook.type);
    names.push_back(event == nullptr ? hook.program : fmt::format("{} ({})", hook.program, event->name));
  }
  told_ = gone;
  State state{digest_of(hooks), hooks.size() - gone.size(), gone.size()};
  {
    const std::lock_guard lock(mutex_);
    state_ = state;
  }
  if (names.empty()) return std::nullopt;
  std::sort(names.begin(), names.end());
  const size_t shown = std::min(names.size(), kNamesMax);
  std::string which;
  for (size_t i = 0; i < shown; ++i) which += (i == 0 ? "" : ", ") + names[i];
  if (names.size() > shown) which += fmt::format(" and {} more", names.size() - shown);
  return alert::Report{
      Priority::kCritical,
      kTamperedRule,
      fmt::format("{} of the sensor's hooks were taken from the kernel, and not by the agent: {}. What they see is not "
                  "seen any more: restart the agent",
                  names.size(), which),
      {{"what", "hook"},
       {"hooks", which},
       {"gone", state.gone},
       {"attached", state.hooks},
       {"attached_digest", state.digest}}};
}

std::optional<alert::Report> maps_report(std::span<const sensor::MapGuard::Finding> findings) {
  if (findings.empty()) return std::nullopt;
  std::string names;
  bool restored = true;
  for (const sensor::MapGuard::Finding& finding : findings) {
    names += (names.empty() ? "" : ", ") + finding.name;
    restored = restored && finding.restored;
  }
  return alert::Report{
      Priority::kCritical,
      kTamperedRule,
      fmt::format("somebody wrote to the sensor's maps ({}): {}", names,
                  restored ? "what the agent wrote is there again. What was not told until then is lost"
                           : "they could not be put right: restart the agent"),
      {{"what", "map"}, {"maps", names}, {"restored", restored}}};
}

AttachWatch::State AttachWatch::state() const {
  const std::lock_guard lock(mutex_);
  return state_;
}

}  // namespace tiercel
