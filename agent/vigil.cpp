#include "agent/vigil.h"

#include <fmt/core.h>
#include <sys/wait.h>

#include <algorithm>
#include <charconv>
#include <string_view>
#include <type_traits>
#include <variant>

#include "agent/base/time_text.h"

namespace tiercel {
namespace {

constexpr uint64_t kSecondNs = 1'000'000'000;
constexpr std::string_view kKeptHead = "tiercel witness 1";

std::string_view name_of(Vigil::How how) {
  switch (how) {
    case Vigil::How::kStopped:
      return "stopped";
    case Vigil::How::kTraced:
      return "traced";
    case Vigil::How::kSilent:
      return "silent";
    case Vigil::How::kGone:
      break;
  }
  return "gone";
}

std::string text_of(const Departure& departure, std::string& how) {
  how = name_of(departure.how);
  switch (departure.how) {
    case Vigil::How::kStopped:
      return "was stopped by a signal, and does not run";
    case Vigil::How::kTraced:
      return "is held by a tracer, and does not run";
    case Vigil::How::kSilent:
      return "gives no sign of life: it hangs, or its cgroup is frozen";
    case Vigil::How::kGone:
      break;
  }
  if (!departure.status) return "is gone";
  if (WIFSIGNALED(*departure.status)) {
    how = "killed";
    return fmt::format("was killed by signal {}", WTERMSIG(*departure.status));
  }
  how = "exited";
  return fmt::format("ended with status {}, and not as an agent ends", WEXITSTATUS(*departure.status));
}

}  // namespace

std::optional<Vigil::How> Vigil::look(const Sign& sign) {
  const uint64_t slept_ns = looked_ns_ == 0 ? 0 : sign.now_ns - looked_ns_;
  looked_ns_ = sign.now_ns;
  if (sign.ticks == 0) return std::nullopt;
  if (sign.ticks != ticks_) {
    ticks_ = sign.ticks;
    ticked_ns_ = sign.now_ns;
    told_ = false;
  }
  // Who did not run itself cannot blame others for that time.
  if (slept_ns > 3 * kSecondNs) ticked_ns_ = std::min(sign.now_ns, ticked_ns_ + slept_ns - kSecondNs);
  if (sign.gone) return How::kGone;
  if (told_) return std::nullopt;
  const uint64_t silent = silent_ns(sign.now_ns);
  std::optional<How> how;
  if (silent >= kStoppedNs && sign.state == 'T') how = How::kStopped;
  if (silent >= kStoppedNs && sign.state == 't') how = How::kTraced;
  if (!how && silent >= kSilentNs) how = How::kSilent;
  told_ = how.has_value();
  return how;
}

alert::Report departure_report(const Departure& departure) {
  std::string how;
  const std::string what = text_of(departure, how);
  const std::string since = iso8601_z(departure.last_tick_ns);
  alert::Report report;
  report.priority = Priority::kCritical;
  report.rule = kAgentGoneRule;
  report.message = fmt::format(
      "the agent (pid {}) {}; its last sign of life was at {}. What happens on this host since then is not seen",
      departure.pid, what, since);
  report.fields = {{"how", how}, {"pid", departure.pid}, {"since", since}};
  if (departure.status && WIFSIGNALED(*departure.status))
    report.fields.emplace_back("signal", WTERMSIG(*departure.status));
  if (departure.status && WIFEXITED(*departure.status))
    report.fields.emplace_back("status", WEXITSTATUS(*departure.status));
  report.fields.emplace_back("told_by", "witness");
  report.time_ns = departure.now_ns;
  return report;
}

std::string kept_text(const alert::Report& report) {
  std::string text = fmt::format("{}\n{}\n{}\n{}\n", kKeptHead, report.time_ns, report.rule, report.message);
  for (const auto& [name, value] : report.fields) {
    std::string plain;
    std::visit(
        [&plain](const auto& held) {
          using Held = std::decay_t<decltype(held)>;
          if constexpr (std::is_same_v<Held, std::string>)
            plain = held;
          else if constexpr (std::is_same_v<Held, int64_t> || std::is_same_v<Held, uint64_t>)
            plain = fmt::format("{}", held);
        },
        value.value);
    text += fmt::format("{}={}\n", name, plain);
  }
  return text;
}

std::optional<alert::Report> kept_report(const std::string& text) {
  std::string_view rest = text;
  auto line = [&rest]() -> std::optional<std::string_view> {
    const size_t end = rest.find('\n');
    if (end == std::string_view::npos) return std::nullopt;
    const std::string_view one = rest.substr(0, end);
    rest.remove_prefix(end + 1);
    return one;
  };
  if (line() != kKeptHead) return std::nullopt;
  const auto time = line(), rule = line(), message = line();
  if (!time || rule != std::string_view(kAgentGoneRule) || !message) return std::nullopt;
  alert::Report report{Priority::kCritical, std::string(*rule), std::string(*message), {}};
  const auto read = std::from_chars(time->data(), time->data() + time->size(), report.time_ns);
  if (read.ec != std::errc()) return std::nullopt;
  while (const auto field = line()) {
    const size_t equals = field->find('=');
    if (equals == std::string_view::npos) return std::nullopt;
    report.fields.emplace_back(std::string(field->substr(0, equals)), std::string(field->substr(equals + 1)));
  }
  return report;
}

}  // namespace tiercel
