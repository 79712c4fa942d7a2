// NormalisedEvent: builds the JSON that goes to the manager, under the contract of decoders/ALERT.md. Set what is
// known by dotted key ("proc.name"), then render() once. Not thread-safe; a value that lives on one thread.
//
//   NormalisedEvent event;
//   event.set("proc.name", "xmrig");
//   event.set("proc.pid", 4711);
//   event.set_field("evt.arg.flags", "O_RDONLY");   // an output field that has no key of its own
//   alert.event_json = event.render();
//
// render() keeps the contract whatever was set: no null, invalid UTF-8 and NUL replaced, numbers beyond 32 bits as
// text, at most 200 leaves, 8 KiB a leaf, kEventBytesMax in all. What has to be cut is cut at a character's end and
// named in tiercel.truncated; the event itself is never dropped. The order of the keys is the table's.
//
// A new key is one line in kNormalisedKeys (normalised.cpp) and one in ALERT.md; a test compares the two.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <variant>
#include <vector>

namespace tiercel::alert {

inline constexpr std::string_view kNormalisedSchema = "1";
inline constexpr size_t kEventLeavesMax = 200;
inline constexpr size_t kEventLeafBytesMax = 8 * 1024;
// A message of the agent protocol holds 65,408 bytes; queue, location and the decoder's name come before ours.
inline constexpr std::string_view kEventMessagePrefix = "1:tiercel:tiercel: ";
inline constexpr std::string_view kEventLinePrefix = kEventMessagePrefix.substr(sizeof("1:tiercel:") - 1);  // in a file
inline constexpr size_t kEventBytesMax = 65'408 - kEventMessagePrefix.size();

struct NormalisedKey {
  enum class Type : uint8_t { kText, kNumber, kBoolean, kList };
  enum class Place : uint8_t { kTiercel, kTop };  // under "tiercel", or flat beside it
  std::string_view name;
  Type type;
  Place place = Place::kTiercel;
};
[[nodiscard]] std::span<const NormalisedKey> normalised_keys();
[[nodiscard]] bool is_normalised_key(std::string_view name);
[[nodiscard]] const char* type_name(NormalisedKey::Type type);  // the word of ALERT.md

class NormalisedEvent {
 public:
  // A key that is not in the table, or a value that is not of the key's type, becomes a field (set_field), so nothing
  // is lost by a slip. Setting a key again replaces its value. An empty optional or list leaves the key out. "schema"
  // and "truncated" belong to render().
  void set(std::string_view key, std::string_view text) { put(key, std::string(text)); }
  void set(std::string_view key, const char* text) { put(key, std::string(text)); }
  void set(std::string_view key, const std::string& text) { put(key, text); }
  void set(std::string_view key, bool value) { put(key, value); }
  template <class N>
  requires(std::is_integral_v<N> && !std::is_same_v<N, bool>) void set(std::string_view key, N value) {
    if constexpr (std::is_signed_v<N>)
      put(key, static_cast<int64_t>(value));
    else
      put(key, static_cast<uint64_t>(value));
  }
  void set(std::string_view key, const std::vector<std::string>& list) {
    if (!list.empty()) put(key, list);
  }
  template <class T>
  void set(std::string_view key, const std::optional<T>& value) {
    if (value) set(key, *value);
  }
  // An output field by its token, e.g. "proc.aname[2]": field.proc_aname_2_. Two tokens that become one key keep both
  // values: the second gets "_2" at its end.
  void set_field(std::string_view token, std::string_view text);
  // The value that was set for the key is already a shortened one: render() names it in tiercel.truncated.
  void note_cut(std::string_view key) { cut_.emplace_back(key); }

  [[nodiscard]] std::string render() const;

 private:
  using Value = std::variant<bool, int64_t, uint64_t, std::string, std::vector<std::string>>;
  struct Leaf {
    size_t order = 0;  // index in the table; fields come after it
    Value value;
  };
  struct FieldLeaf {
    std::string token, key;
    std::string text;
  };
  friend class EventDraft;
  void put(std::string_view key, Value value);

  std::vector<Leaf> leaves_;       // sorted by order
  std::vector<FieldLeaf> fields_;  // in the order in which they were set
  std::vector<std::string> cut_;
};

}  // namespace tiercel::alert
