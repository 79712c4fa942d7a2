// What was done: an event's parameters by Falco's names, then what else its record holds.
#include <arpa/inet.h>
#include <fmt/core.h>

#include <algorithm>

#include "agent/casefile/draft.h"
#include "decoders/address.h"
#include "decoders/compose.h"
#include "decoders/flags.h"
#include "decoders/render.h"

namespace tiercel::casefile {
namespace {

using context::Event;
using decoders::FieldInfo;
using decoders::Kind;
using decoders::KindClass;

constexpr int64_t kAtFdcwd = -100;
constexpr double kPerMille = 1000.0;

// A number as a person would write it; read back, it is the same.
std::string number_text(Kind kind, int64_t value) {
  auto same = [&](const std::string& text) {
    const auto back = decoders::parse_number(kind, text, {});
    return !text.empty() && back && *back == value;
  };
  if (kind == Kind::kPERCENT) return fmt::format("{:.1f}", static_cast<double>(value) / kPerMille);
  if (kind == Kind::kFD || kind == Kind::kERRNO || kind == Kind::kHEXERRNO) {
    if (kind == Kind::kFD && value == kAtFdcwd) return "AT_FDCWD";
    if (const std::string name(decoders::errno_name(value)); value < 0 && same(name)) return name;
    return std::to_string(value);
  }
  if (kind == Kind::kOCT32 || kind == Kind::kCHMOD_MODE || kind == Kind::kMKNOD_MODE)
    return fmt::format("0{:o}", static_cast<uint64_t>(value));
  if (!decoders::flag_table(kind).empty()) {
    std::string names = decoders::is_enum(kind) ? decoders::enum_text(kind, static_cast<uint64_t>(value))
                                                : decoders::flags_text(kind, static_cast<uint64_t>(value));
    if (decoders::is_enum(kind)) names = names.substr(0, names.find('|'));
    if (same(names)) return names;
  }
  return std::to_string(value);
}

std::string end_text(const Event::End& end) {
  const std::string address = decoders::address_text(end.family, end.address);
  const bool v6 = address.find(':') != std::string::npos;
  return (v6 ? "[" + address + "]" : address) + ":" + std::to_string(steady_port(end.port));
}

constexpr const char* kTarget = "2000";  // of whom the event names by number

const context::Process* target_of(const Event& event) {
  const decoders::ParamInfo* param = event.info().param("pid");
  if (!param || !param->field || param->kind != Kind::kPID || event.info().record->name == "exec" ||
      event.info().record->name == "fork")
    return nullptr;
  const int64_t pid = decoders::narrowed(Kind::kPID, event.record().number(*param->field));
  const context::Process* target = pid > 0 ? event.by_vpid(static_cast<uint32_t>(pid)) : nullptr;
  return target && target->image && target != &event.process() ? target : nullptr;
}

class EventDrafter {
 public:
  explicit EventDrafter(const Event& event) : event_(event), record_(event.record()), info_(event.info()) {}

  Draft draft() {
    const decoders::IdsOf nobody;
    decoders::Composer names(info_, nobody);
    const std::vector<std::string_view> known = names.names();
    if (std::find(known.begin(), known.end(), "tuple") != known.end()) put_socket();
    for (const decoders::ParamInfo& param : info_.params)
      if (param.field && !names.is_of_process(param.name)) put(param.name, param.kind, *param.field);
    for (const FieldInfo& field : info_.record->fields) {
      const bool told = std::any_of(info_.params.begin(), info_.params.end(),
                                    [&](const auto& param) { return param.field && param.field->name == field.name; });
      const bool can = std::find(known.begin(), known.end(), field.name) != known.end();
      if (!told && can && !is_of_the_case(field)) put(field.name, field.kind, field);
    }
    Draft out = Draft::map();
    out.add(std::string(info_.name), std::move(params_)).wanted = true;
    return out;
  }

 private:
  // What the stage makes of the process, or what only its own numbers may say.
  [[nodiscard]] bool is_of_the_case(const FieldInfo& field) const {
    if (field.kind == Kind::kABSTIME || field.name == "nr") return true;
    if (info_.record->name == "exec") return field.name != "res";
    return info_.record->name == "fork" && field.name != "flags" && field.name != "res";
  }

  void put_socket() {
    const sock_part* sock = record_.socket();
    if (!sock) return;
    if (sock->family == decoders::kAfUnix) return;  // `path`, `source` and `peer` tell
    const auto ends = event_.ends();
    if (!ends) return;
    if (ends->remote.family != 0 && ends->local.family != 0)
      params_.add("tuple", end_text(ends->client()) + "->" + end_text(ends->server()));
    else if (ends->local.family != 0 && ends->local.port != 0)
      params_.add("local", end_text(ends->local));
    if (sock->l4proto == IPPROTO_TCP || sock->l4proto == IPPROTO_UDP || sock->l4proto == IPPROTO_ICMP)
      params_.add("l4proto", sock->l4proto == IPPROTO_TCP ? "tcp" : sock->l4proto == IPPROTO_UDP ? "udp" : "icmp");
  }

  void put(std::string_view name, Kind kind, const FieldInfo& field) {
    if (params_.find(name)) return;
    const std::string key(name);
    switch (decoders::kind_info(field.is_text ? field.kind : kind).cls) {
      case KindClass::kArgv: {
        Draft list = Draft::list();
        const std::string_view all = record_.text(field);
        for (size_t at = 0; at < all.size();) {
          const size_t end = std::min(all.find('\0', at), all.size());
          list.items.emplace_back(all.substr(at, end - at));
          at = end + 1;
        }
        if (!list.items.empty()) params_.add(key, std::move(list));
        return;
      }
      case KindClass::kText:
      case KindClass::kBytes:
        if (field.is_text && !record_.text(field).empty()) params_.add(key, record_.text(field));
        return;
      case KindClass::kAddress:
        return put_address(key, field);
      default:
        break;
    }
    const int64_t whole = record_.number(field);
    const int64_t value = field.is_text ? whole : decoders::narrowed(kind, whole);
    if (whole == 0 && !is_result(name)) return;
    if (name == "pid" && target_of(event_) != nullptr)
      params_.add(key, kTarget);
    else if (kind == Kind::kPORT)
      params_.add(key, std::to_string(steady_port(static_cast<uint16_t>(value))));
    else if (field.name == "source" || field.name == "peer")
      params_.add(key, field.name == "source" ? "1" : "2");  // addresses of the kernel's
    else
      params_.add(key, number_text(kind, value)).wanted = info_.record->name == "open" && name == "flags";
  }

  // 0 is not always what a case has if it says nothing.
  [[nodiscard]] static bool is_result(std::string_view name) { return name == "fd" || name == "flags"; }

  void put_address(const std::string& key, const FieldInfo& field) {
    const auto* bytes = reinterpret_cast<const unsigned char*>(record_.bytes().data()) + field.offset;
    if (std::all_of(bytes, bytes + 16, [](unsigned char b) { return b == 0; })) return;
    const bool v6 = std::any_of(bytes + 4, bytes + 16, [](unsigned char b) { return b != 0; });
    params_.add(key, decoders::address_text(v6 ? decoders::kAfInet6 : decoders::kAfInet, bytes));
  }

  const Event& event_;
  const decoders::Record& record_;
  const decoders::EventInfo& info_;
  Draft params_ = Draft::map();
};

}  // namespace

Draft draft_bystanders(const Event& event) {
  Draft out = Draft::list();
  if (const context::Process* target = target_of(event)) {
    Draft one = Draft::map();
    one.add("name", target->image->comm).wanted = true;
    one.add("pid", kTarget).wanted = true;
    if (event.container()) one.add("vpid", kTarget);
    out.items.push_back(std::move(one));
  }
  return out;
}

Draft draft_event(const Event& event) {
  return EventDrafter(event).draft();
}

}  // namespace tiercel::casefile
