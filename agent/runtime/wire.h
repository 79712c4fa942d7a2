// Protobuf's wire format, as far as unary calls need it. Pure; any thread. WireReader goes over the fields of one
// message whose bytes are somebody else's: it reads no byte beyond them, allocates nothing, and does not descend by
// itself. Format: protobuf.dev, "Encoding"; groups are refused, since nothing that is asked here has them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace tiercel::runtime {

struct WireField {
  enum class Type { kNumber, kBytes, kFixed };  // kFixed: 4 or 8 bytes, that nobody here asks for
  uint32_t number = 0;
  Type type = Type::kNumber;
  uint64_t value = 0;      // kNumber
  std::string_view bytes;  // kBytes: a text, a message
};

class WireReader {
 public:
  explicit WireReader(std::string_view message) : rest_(message) {}
  // False: no more fields, or not a message; broken() says which.
  bool next(WireField& field);
  [[nodiscard]] bool broken() const { return broken_; }

 private:
  bool fail();
  bool number(uint64_t& value);
  bool take(uint64_t size, std::string_view& bytes);

  std::string_view rest_;
  bool broken_ = false;
};

// An entry of a map<string, string>; false if it is none.
bool read_entry(std::string_view message, std::pair<std::string_view, std::string_view>& entry);

// An empty text and a false are not written: they are what a missing field means.
void write_text(std::string& message, uint32_t number, std::string_view text);
void write_flag(std::string& message, uint32_t number, bool flag);

}  // namespace tiercel::runtime
