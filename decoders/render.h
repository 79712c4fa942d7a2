// evt.arg and evt.args: parameters of an event by Falco's names, as text and as number. Pure; names of users, processes
// and descriptors come through Names, since a record does not hold them.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "decoders/record.h"

namespace tiercel::decoders {

// One parameter, typed: a number (fixed fields) or a text.
struct Param {
  Kind kind;
  bool is_number = false;
  int64_t number = 0;
  std::string_view text;  // borrowed from the record or from who told it
};

// What only the context knows. Any may return "" for "unknown".
struct Names {
  virtual ~Names() = default;
  [[nodiscard]] virtual std::string user(uint32_t uid) const = 0;
  [[nodiscard]] virtual std::string group(uint32_t gid) const = 0;
  [[nodiscard]] virtual std::string comm(int64_t pid) const = 0;
  [[nodiscard]] virtual std::string absolute(std::string_view raw, std::string_view base) const = 0;
  [[nodiscard]] virtual std::string descriptor(int64_t fd) const = 0;  // "<f>/etc/passwd"
  [[nodiscard]] virtual std::string tuple() const = 0;                 // the event's socket
  // A parameter that the process tells (exe, pid, ... of a clone's child); nothing where the record knows better.
  [[nodiscard]] virtual std::optional<Param> of_process(std::string_view name) const {
    (void)name;
    return std::nullopt;
  }
};

// The parameter's raw value; nothing when this event has no parameter of that name.
[[nodiscard]] std::optional<Param> raw_param(const Record& record, const EventInfo& info, std::string_view name,
                                             const Names* names = nullptr);
// evt.arg.NAME: resolved text preferred over the number ("<NA>" for an empty parameter).
[[nodiscard]] std::optional<std::string> param_text(const Record& record, const EventInfo& info, std::string_view name,
                                                    const Names& names);
// evt.args: "name=value(resolved) ..."
[[nodiscard]] std::string params_text(const Record& record, const EventInfo& info, const Names& names);
// The number in a shared record's argument as its kind has it: 32 bits of a register, with or without a sign.
[[nodiscard]] int64_t narrowed(Kind kind, int64_t number);

}  // namespace tiercel::decoders
