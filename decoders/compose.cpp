#include "decoders/compose.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdlib>

#include "decoders/address.h"
#include "decoders/flags.h"

namespace tiercel::decoders {
namespace {

constexpr int64_t kAtFdcwd = -100;
constexpr uint16_t kTcp = 6, kUdp = 17, kIcmp = 1, kStream = 1, kDatagram = 2;

// In Falco's lists of parameters, but told by the record's head or by another of its fields.
constexpr std::array<std::string_view, 8> kOfProcess = {"exe", "args", "comm", "pid", "tid", "ptid", "trusted_exepath",
                                                        "env"};
// How sockets are written; the record has each end in three fields.
constexpr std::array<std::string_view, 4> kSocketNames = {"addr", "tuple", "local", "remote"};

tl::unexpected<ComposeError> refuse(std::string message, std::string hint = {}) {
  return tl::unexpected<ComposeError>({std::move(message), std::move(hint)});
}

std::optional<int64_t> whole_number(std::string_view text, int base) {
  bool negative = false;
  if (text.starts_with('-')) {
    negative = true;
    text.remove_prefix(1);
  }
  if (text.starts_with("0x") || text.starts_with("0X")) {
    base = 16;
    text.remove_prefix(2);
  } else if (base == 8 && text.starts_with("0o")) {
    text.remove_prefix(2);
  }
  uint64_t value = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (code != std::errc() || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return static_cast<int64_t>(negative ? 0 - value : value);
}

bool is_octal(Kind kind) {
  return kind == Kind::kOCT32 || kind == Kind::kCHMOD_MODE || kind == Kind::kMKNOD_MODE;
}

std::string some_names(Kind kind) {
  std::string out;
  size_t count = 0;
  for (const FlagName& flag : flag_table(kind)) {
    if (flag.name.starts_with("FD_")) continue;  // the kernel's word: nobody writes it
    if (++count > 24) return out + ", ...";
    out += (out.empty() ? "" : ", ") + std::string(flag.name);
  }
  return out;
}

// "A|B", "A, B", "A B"; each part a name of the kind's table.
Composed<int64_t> parse_flags(Kind kind, std::string_view text) {
  uint64_t out = 0;
  while (!text.empty()) {
    const size_t end = std::min(text.find_first_of("|, "), text.size());
    const std::string_view name = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (name.empty()) continue;
    if (kind == Kind::kCAPS) {
      const auto bit = capability_value(name);
      if (!bit) return refuse("'" + std::string(name) + "' is no capability", "for example: CAP_SYS_ADMIN");
      out |= *bit;
      continue;
    }
    const auto value = flag_value(kind, name);
    if (!value) return refuse("'" + std::string(name) + "' is none of its names", "one of: " + some_names(kind));
    out |= *value;
    if (is_enum(kind) && !text.empty()) return refuse("it takes one name, not several");
  }
  return static_cast<int64_t>(out);
}

Composed<int64_t> parse_result(Kind kind, std::string_view text) {
  if (kind == Kind::kFD && text == "AT_FDCWD") return kAtFdcwd;
  if (text == "SUCCESS") return 0;
  if (const auto code = errno_value(text.starts_with('-') ? text.substr(1) : text)) return -*code;
  return refuse("'" + std::string(text) + "' is neither a number nor the name of an error",
                "for example: 0, 3, ENOENT, -13");
}

Composed<int64_t> parse_id(Kind kind, std::string_view text, const IdsOf& ids) {
  const auto& of = kind == Kind::kUID ? ids.user : ids.group;
  if (of)
    if (const auto id = of(text)) return *id;
  return refuse("there is no " + std::string(kind == Kind::kUID ? "user" : "group") + " '" + std::string(text) + "'",
                "write the number, or name it under `process:` first");
}

Composed<int64_t> parse_percent(std::string_view text) {
  constexpr double kMost = 4'000'000;  // what the record's 32 bits hold
  double value = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value, std::chars_format::fixed);
  if (code != std::errc() || end != text.data() + text.size() || !(value >= 0 && value <= kMost))
    return refuse("'" + std::string(text) + "' is no percentage", "for example: 97.5");
  return std::llround(value * 1000);
}

}  // namespace

Composed<int64_t> parse_number(Kind kind, std::string_view text, const IdsOf& ids) {
  if (text.empty()) return refuse("a value is missing");
  if (kind == Kind::kPERCENT) return parse_percent(text);
  if (const auto number = whole_number(text, is_octal(kind) ? 8 : 10)) {
    if (text.starts_with('-') && kind_info(kind).cls == KindClass::kUnsigned && kind != Kind::kUID &&
        kind != Kind::kGID)
      return refuse("'" + std::string(text) + "' is below zero");
    return *number;
  }
  if (kind == Kind::kFD || kind == Kind::kERRNO || kind == Kind::kHEXERRNO) return parse_result(kind, text);
  if (kind == Kind::kUID || kind == Kind::kGID) return parse_id(kind, text, ids);
  if (kind == Kind::kOCT32) return refuse("'" + std::string(text) + "' is not an octal number", "for example: 0644");
  if (kind == Kind::kCAPS || !flag_table(kind).empty()) return parse_flags(kind, text);
  return refuse("'" + std::string(text) + "' is not a number");
}

Composed<SocketEnd> parse_end(std::string_view text) {
  const std::string shown(text);
  const std::string hint = "ADDRESS:PORT, for example 10.0.0.5:443 or [2001:db8::1]:443";
  std::string_view address = text, port = "0";
  if (text.starts_with('[')) {
    const size_t close = text.find(']');
    if (close == std::string_view::npos) return refuse("'" + shown + "' has no closing bracket", hint);
    address = text.substr(1, close - 1);
    if (close + 1 < text.size()) port = text.substr(close + 1 + (text[close + 1] == ':' ? 1 : 0));
  } else if (std::count(text.begin(), text.end(), ':') == 1) {
    address = text.substr(0, text.find(':'));
    port = text.substr(text.find(':') + 1);
  } else if (text.find(':') != std::string_view::npos) {
    return refuse("'" + shown + "': an IPv6 address needs brackets here", hint);
  }
  SocketEnd out;
  const std::string plain(address);
  const bool v6 = plain.find(':') != std::string::npos;
  if (inet_pton(v6 ? AF_INET6 : AF_INET, plain.c_str(), out.address.data()) != 1)
    return refuse("'" + plain + "' is not an address", hint);
  const auto number = whole_number(port, 10);
  if (!number || *number < 0 || *number > 65535) return refuse("'" + std::string(port) + "' is not a port", hint);
  out.family = v6 ? kAfInet6 : kAfInet;
  out.port = static_cast<uint16_t>(*number);
  return out;
}

// ---- names -------------------------------------------------------------------------------------------------------

bool Composer::is_of_process(std::string_view name) const {
  const ParamInfo* param = info_.param(name);
  if (!param) return false;
  if (!param->field && !has_ends()) return true;
  return std::find(kOfProcess.begin(), kOfProcess.end(), name) != kOfProcess.end() &&
         (info_.type == EVT_execve || info_.type == EVT_execveat);
}

std::vector<std::string_view> Composer::names() const {
  std::vector<std::string_view> out;
  auto add = [&](std::string_view name) {
    if (std::find(out.begin(), out.end(), name) == out.end()) out.push_back(name);
  };
  const bool socket = has_ends();
  for (const ParamInfo& param : info_.params)
    if (param.field && !is_of_process(param.name)) add(param.name);
  if (socket)
    for (std::string_view name : kSocketNames) add(name);
  for (const FieldInfo& field : info_.record->fields)
    if (!is_of_process(field.name)) add(field.name);
  return out;
}

bool Composer::given(std::string_view name) const {
  return std::find(given_.begin(), given_.end(), name) != given_.end();
}

const FieldInfo& Composer::field(std::string_view name) const {
  const FieldInfo* found = field_of(*info_.record, name);
  if (!found) std::abort();
  return *found;
}

bool Composer::has_ends() const {
  return info_.record->addr_at != 0;
}

// ---- values ------------------------------------------------------------------------------------------------------

Composed<> Composer::set(std::string_view name, const std::vector<std::string>& words) {
  const std::vector<std::string_view> known = names();
  if (std::find(known.begin(), known.end(), name) == known.end())
    return refuse(std::string(info_.name) + " has no parameter '" + std::string(name) + "'");
  const bool socket = has_ends() && std::find(kSocketNames.begin(), kSocketNames.end(), name) != kSocketNames.end();
  if (socket && words.size() != 1) return refuse("it takes one value, not a list");
  const ParamInfo* param = info_.param(name);
  const FieldInfo& target = socket || !param || !param->field ? field_or_first(name) : *param->field;
  const Kind kind = param && param->field ? param->kind : target.kind;
  auto done = socket ? set_socket(name, words.front()) : set_field(target, kind, words);
  if (!done) return done;
  given_.emplace_back(name);
  if (!socket && target.name != name) given_.emplace_back(target.name);
  return done;
}

// Sockets are written by names of their own, which no field has.
const FieldInfo& Composer::field_or_first(std::string_view name) const {
  const FieldInfo* found = field_of(*info_.record, name);
  return found ? *found : info_.record->fields.front();
}

Composed<> Composer::set_field(const FieldInfo& field, Kind kind, const std::vector<std::string>& words) {
  const KindClass cls = kind_info(kind).cls;
  if (cls == KindClass::kArgv) {
    std::string joined;
    for (const std::string& word : words) joined.append(word).push_back('\0');
    record_.set_text(field.offset, joined);
    return {};
  }
  if (words.size() != 1) return refuse("it takes one value, not a list");
  const std::string& text = words.front();
  if (cls == KindClass::kText || cls == KindClass::kBytes) {
    record_.set_text(field.offset, text);
    return {};
  }
  if (cls == KindClass::kAddress) {
    std::array<unsigned char, 16> bytes{};
    if (inet_pton(AF_INET, text.c_str(), bytes.data()) != 1 && inet_pton(AF_INET6, text.c_str(), bytes.data()) != 1)
      return refuse("'" + text + "' is not an address");
    std::memcpy(record_.data() + field.offset, bytes.data(), bytes.size());
    return {};
  }
  if (field.name == "l4proto" && (text == "tcp" || text == "udp" || text == "icmp")) {
    store(field, text == "tcp" ? kTcp : text == "udp" ? kUdp : kIcmp);
    return {};
  }
  std::string names = text;
  if (info_.record->name == "open" && field.name == "flags") {  // it is not among the flags, but printed with them
    if (const size_t at = names.find("O_F_CREATED"); at != std::string::npos) {
      names.erase(at, std::string_view("O_F_CREATED").size());
      if (names.find_first_not_of("|, ") == std::string::npos) names = "0";
      put_number("fmode", number("fmode") | kFmodeCreated);
    }
  }
  const auto value = parse_number(kind, names, ids_);
  if (!value) return tl::unexpected(value.error());
  const bool is_signed = cls == KindClass::kSigned;
  const int bits = std::min<int>(field.size * 8, kind_bits(kind));
  if (bits < 64 && (is_signed ? *value < -(1ll << (bits - 1)) || *value > (1ll << (bits - 1)) - 1
                              : *value < -1 || *value > (1ll << bits) - 1))
    return refuse("'" + text + "' does not fit: it has " + std::to_string(bits) + " bits");
  store(field, *value);
  return {};
}

void Composer::store(const FieldInfo& field, int64_t value) {
  std::memcpy(record_.data() + field.offset, &value, field.size);  // little-endian, as every supported machine is
}

void Composer::put_number(std::string_view name, int64_t value) {
  store(field(name), value);
}
void Composer::put_text(std::string_view name, std::string_view value) {
  record_.set_text(field(name).offset, value);
}

void Composer::put_address(std::string_view name, const std::array<__u8, 16>& value) {
  std::memcpy(record_.data() + field(name).offset, value.data(), value.size());
}

int64_t Composer::number(std::string_view name) {
  auto record = Record::parse(record_.bytes());
  if (!record) std::abort();
  return record->number(field(name));
}

std::string Composer::text(std::string_view name) {
  auto record = Record::parse(record_.bytes());
  if (!record) std::abort();
  return std::string(record->text(field(name)));
}

// ---- sockets -----------------------------------------------------------------------------------------------------

Composed<> Composer::set_socket(std::string_view name, const std::string& text) {
  if (text.starts_with('/') || text.starts_with('@')) {
    if (name == "tuple") return refuse("a tuple is ADDRESS:PORT->ADDRESS:PORT", "for unix sockets give `path`");
    put_text("path", text);
    put_number("family", kAfUnix);
    return {};
  }
  if (name != "tuple") {
    const bool local = name == "local" || (name == "addr" && info_.type == EVT_bind);
    return set_end(local, text);
  }
  const size_t arrow = text.find("->");
  if (arrow == std::string::npos)
    return refuse("'" + text + "' is no tuple",
                  "CLIENT:PORT->SERVER:PORT, for example 10.0.0.5:40000->93.184.216.34:443");
  const bool server = info_.type == EVT_accept || info_.type == EVT_accept4;
  if (auto first = set_end(!server, std::string_view(text).substr(0, arrow)); !first) return first;
  return set_end(server, std::string_view(text).substr(arrow + 2));
}

Composed<> Composer::set_end(bool local, std::string_view text) {
  const auto end = parse_end(text);
  if (!end) return tl::unexpected(end.error());
  auto put = [&](std::string_view address_field, std::string_view port_field) {
    put_address(address_field, end->address);
    put_number(port_field, end->port);
  };
  put(local ? "laddr" : "raddr", local ? "lport" : "rport");
  if (local == (info_.type == EVT_bind) && info_.type != EVT_accept && info_.type != EVT_accept4) {
    put("aaddr", "aport");
    put_number("afamily", end->family);
  }
  put_number("family", end->family);
  return {};
}

void Composer::finish_socket() {
  if (!given("fd")) put_number("fd", 3);
  const bool names_socket =
      given("tuple") || given("addr") || given("local") || given("remote") || given("path") || given("family");
  if (info_.record->name == "io" && !names_socket) return;  // a file's
  if (info_.type == EVT_accept || info_.type == EVT_accept4) put_number("res", number("fd"));
  if (number("family") == 0) put_number("family", text("path").empty() ? kAfInet : kAfUnix);
  const bool unix_socket = number("family") == kAfUnix;
  if (!given("l4proto") && !unix_socket) put_number("l4proto", kTcp);
  if (!given("socktype")) put_number("socktype", number("l4proto") == kUdp ? kDatagram : kStream);
}

std::span<const std::byte> Composer::finish() {
  if (has_ends()) finish_socket();
  return record_.bytes();
}

}  // namespace tiercel::decoders
