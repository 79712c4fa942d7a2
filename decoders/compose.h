// Composer: a record from parameters by Falco's names, written as a person writes them ("O_WRONLY|O_CREAT", "ENOENT",
// "10.0.0.1:4000->10.0.0.2:443"): what render.h prints, read back. For case files. Which names an event takes, and how
// each is read, comes from the event table. One thread; a mistake is told and leaves the record as it was.
#pragma once

#include <array>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

#include "decoders/encode.h"

namespace tiercel::decoders {

struct ComposeError {
  std::string message;
  std::string hint;  // the way out; may be empty
};
template <class T = void>
using Composed = tl::expected<T, ComposeError>;

// One end of a socket.
struct SocketEnd {
  uint16_t family = 0;  // AF_INET or AF_INET6; 0: none
  uint16_t port = 0;
  std::array<__u8, 16> address{};
};
// "10.0.0.5:443", "[2001:db8::1]:443"; without a port it is 0.
[[nodiscard]] Composed<SocketEnd> parse_end(std::string_view text);

// Ids of names that only the context knows; nothing if there is no such name.
struct IdsOf {
  std::function<std::optional<uint32_t>(std::string_view)> user, group;
};

// A value of that kind as a number; nothing is written anywhere. Not for texts and addresses.
[[nodiscard]] Composed<int64_t> parse_number(Kind kind, std::string_view text, const IdsOf& ids);

class Composer {
 public:
  Composer(const EventInfo& info, const IdsOf& ids) : info_(info), ids_(ids), record_(info) {}

  [[nodiscard]] const EventInfo& info() const { return info_; }
  [[nodiscard]] ev_head& head() { return record_.head(); }

  // Every name that set() takes: the event's parameters first, then what else its record holds.
  [[nodiscard]] std::vector<std::string_view> names() const;
  // Parameters that Falco has but that are the process's (exe, args, pid, ...): they cannot be set.
  [[nodiscard]] bool is_of_process(std::string_view name) const;
  // words: one, or the members of a list (only for argument vectors).
  Composed<> set(std::string_view name, const std::vector<std::string>& words);
  [[nodiscard]] bool given(std::string_view name) const;

  // For who fills in what was not given. The name must be one of the record's fields; anything else is a bug.
  void put_number(std::string_view name, int64_t value);
  void put_text(std::string_view name, std::string_view value);
  void put_address(std::string_view name, const std::array<__u8, 16>& value);
  [[nodiscard]] int64_t number(std::string_view name);
  [[nodiscard]] std::string text(std::string_view name);

  // Fills in what follows from the parameters (a socket's family, its two ends); call once, after the last set().
  std::span<const std::byte> finish();

 private:
  [[nodiscard]] const FieldInfo& field(std::string_view name) const;
  [[nodiscard]] const FieldInfo& field_or_first(std::string_view name) const;
  [[nodiscard]] bool has_ends() const;  // of a socket
  Composed<> set_field(const FieldInfo& field, Kind kind, const std::vector<std::string>& words);
  Composed<> set_socket(std::string_view name, const std::string& text);
  Composed<> set_end(bool local, std::string_view text);
  void store(const FieldInfo& field, int64_t value);
  void finish_socket();

  const EventInfo& info_;
  const IdsOf& ids_;
  RecordBytes record_;
  std::vector<std::string> given_;
};

}  // namespace tiercel::decoders
