#include "siem/packed_alert.h"

#include <cstring>
#include <optional>

#include "siem/spool.h"

namespace tiercel::siem {
namespace {

constexpr char kVersion = 2;
constexpr char kVersionWithoutRefusals = 1;
constexpr size_t kTagsMax = 4'096;
constexpr size_t kRefusalsMax = 4'096;               // conditions of outputs
constexpr size_t kEventBytesSmall = 60'000;          // fits into a message of any kind
constexpr size_t kHeadBytes = 1 + sizeof(uint64_t);  // version, checksum

void put_number(std::string& out, uint64_t number) {
  for (; number >= 0x80; number >>= 7) out += static_cast<char>(number | 0x80);
  out += static_cast<char>(number);
}

void put_text(std::string& out, std::string_view text) {
  put_number(out, text.size());
  out += text;
}

// Every read after the first one that failed gives nothing.
class Reading {
 public:
  explicit Reading(std::string_view bytes) : rest_(bytes) {}

  uint64_t number() {
    uint64_t number = 0;
    for (unsigned shift = 0; shift < 64 && !rest_.empty(); shift += 7) {
      const auto byte = static_cast<unsigned char>(rest_.front());
      rest_.remove_prefix(1);
      number |= uint64_t{byte & 0x7fU} << shift;
      if (byte < 0x80) return number;
    }
    good_ = false;
    return 0;
  }
  std::string text() {
    const uint64_t size = number();
    if (size > rest_.size()) good_ = false;
    if (!good_) return {};
    std::string text(rest_.substr(0, size));
    rest_.remove_prefix(size);
    return text;
  }
  [[nodiscard]] bool good() const { return good_; }
  [[nodiscard]] bool at_end() const { return good_ && rest_.empty(); }

 private:
  std::string_view rest_;
  bool good_ = true;
};

}  // namespace

// FNV-1a by words of 8: damage, not malice, is what it has to find.
uint64_t packed_checksum(std::string_view bytes) {
  constexpr uint64_t kPrime = 0x100000001b3;
  uint64_t sum = 0xcbf29ce484222325 ^ bytes.size();
  for (; bytes.size() >= sizeof(uint64_t); bytes.remove_prefix(sizeof(uint64_t))) {
    uint64_t word = 0;
    std::memcpy(&word, bytes.data(), sizeof word);
    sum = (sum ^ word) * kPrime;
    sum ^= sum >> 29;
  }
  for (const char c : bytes) sum = (sum ^ static_cast<unsigned char>(c)) * kPrime;
  return sum ^ (sum >> 32);
}

std::string pack(const alert::Alert& alert, uint8_t parts) {
  // The event says all that its own readers want; the rest is for people's lines, and for an event that must be cut.
  static const std::string kNothing;
  static const std::vector<std::string> kNoTags;
  const bool event_only = parts == kEventJson && alert.event_json.size() <= kEventBytesSmall;
  const auto rest = [event_only](const std::string& text) -> const std::string& {
    return event_only ? kNothing : text;
  };
  const std::vector<std::string>& tags = event_only ? kNoTags : alert.tags;
  std::string out;
  out.reserve(kHeadBytes + 256 + alert.message.size() + ((parts & kEventJson) != 0 ? alert.event_json.size() : 0) +
              ((parts & kFalcoJson) != 0 ? alert.falco_json.size() : 0) +
              ((parts & kTextLine) != 0 ? alert.text_line.size() : 0));
  out += kVersion;
  out.append(sizeof(uint64_t), '\0');
  put_number(out, alert.time_ns);
  put_number(out, static_cast<uint64_t>(alert.priority));
  put_number(out, alert.routine ? 1 : 0);
  put_number(out, tags.size());
  for (const std::string& tag : tags) put_text(out, tag);
  for (const std::string* text : {&alert.id, &alert.rule, &rest(alert.source), &rest(alert.message),
                                  &rest(alert.process), &rest(alert.container), &rest(alert.technique)})
    put_text(out, *text);
  put_text(out, (parts & kTextLine) != 0 ? alert.text_line : std::string_view());
  put_text(out, (parts & kFalcoJson) != 0 ? alert.falco_json : std::string_view());
  put_text(out, (parts & kEventJson) != 0 ? alert.event_json : std::string_view());
  put_number(out, alert.refused_by.size());
  for (const uint64_t condition : alert.refused_by) put_number(out, condition);
  const uint64_t sum = packed_checksum(std::string_view(out).substr(kHeadBytes));
  std::memcpy(out.data() + 1, &sum, sizeof sum);
  return out;
}

alert::AlertPtr unpack(std::string_view bytes) {
  uint64_t sum = 0;
  if (bytes.size() < kHeadBytes || (bytes.front() != kVersion && bytes.front() != kVersionWithoutRefusals))
    return nullptr;
  std::memcpy(&sum, bytes.data() + 1, sizeof sum);
  if (sum != packed_checksum(bytes.substr(kHeadBytes))) return nullptr;
  Reading in(bytes.substr(kHeadBytes));
  auto alert = std::make_shared<alert::Alert>();
  alert->time_ns = in.number();
  const uint64_t priority = in.number();
  if (priority > static_cast<uint64_t>(alert::Priority::kDebug)) return nullptr;
  alert->priority = static_cast<alert::Priority>(priority);
  alert->routine = in.number() != 0;
  const uint64_t tags = in.number();
  if (tags > kTagsMax) return nullptr;
  for (uint64_t i = 0; i < tags && in.good(); ++i) alert->tags.push_back(in.text());
  for (std::string* text :
       {&alert->id, &alert->rule, &alert->source, &alert->message, &alert->process, &alert->container,
        &alert->technique, &alert->text_line, &alert->falco_json, &alert->event_json})
    *text = in.text();
  const uint64_t refusals = bytes.front() == kVersion ? in.number() : 0;
  if (refusals > kRefusalsMax) return nullptr;
  for (uint64_t i = 0; i < refusals && in.good(); ++i) alert->refused_by.push_back(in.number());
  return in.at_end() ? alert : nullptr;
}

}  // namespace tiercel::siem
