// Frames of the agent protocol, both directions and both sides: message -> checksum, counters -> zlib -> padding ->
// cipher -> payload -> length-prefixed frame, and back. Every refusal has its cause.
//
// Codec holds one agent's derived key, its cipher contexts and its zlib streams (kept and reset: that is most of the
// speed). FrameReader cuts a byte stream into payloads, whatever the cuts of the stream.
//
// Threads: a Codec and a FrameReader belong to one thread each. Hostile bytes are welcome in open() and append().
// Sizes are in bytes. Facts: Wazuh 4.14, section "Frames". The only door to zlib.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "siem/wazuh/crypto.h"
#include "siem/wazuh/keys.h"

namespace tiercel::wazuh {

inline constexpr size_t kPayloadBytesMax = 65'536;
inline constexpr size_t kPlainBytesMax = 65'536;  // decompressed, with its 53 bytes of head
inline constexpr size_t kHeadBytes = 53;          // checksum 32, random 5, global 10, ':', local 4, ':'

enum class FrameFault : uint8_t {
  kNone,
  kEmpty,       // length 0
  kOversized,   // length beyond 65536
  kTruncated,   // the ciphertext is no whole number of blocks, or the stream ended inside a frame
  kBadHead,     // the payload is neither "#AES:" nor ":" and, from an agent, no "!id!" before it
  kNoCipher,    // Blowfish, and the host's OpenSSL has no legacy provider
  kWrongKey,    // it does not decrypt to anything of the protocol
  kZlib,        // it decrypts and does not decompress
  kTooLong,     // decompressed beyond 65536 bytes
  kTooShort,    // decompressed to less than the head
  kChecksum,    // the MD5 inside does not fit
  kBadCounter,  // the counters are no numbers
  kOldCounter,  // the counter is not above the last one (only where that is checked)
};
inline constexpr size_t kFrameFaults = static_cast<size_t>(FrameFault::kOldCounter) + 1;
[[nodiscard]] const char* explain(FrameFault fault);     // for a log line
[[nodiscard]] const char* short_name(FrameFault fault);  // for a counter's label

struct OpenedFrame {
  FrameFault fault = FrameFault::kNone;
  Cipher cipher = Cipher::kAes;
  uint32_t random = 0;
  MessageCounter counter;
  std::string message;
};

// The first two stages alone, for those who check them.
[[nodiscard]] std::string checksummed_plaintext(std::string_view message, uint16_t random, MessageCounter counter);

// Receivers take any level. Measured over alerts of 1 KB (`make bench`): 1 to 3 cost the same, 9 a tenth more for 2 %
// fewer bytes.
inline constexpr int kCompressionLevel = 3;

class Codec {
 public:
  explicit Codec(std::string derived_key, int level = kCompressionLevel);
  ~Codec();
  Codec(Codec&&) noexcept;
  Codec& operator=(Codec&&) noexcept;

  // "#AES:" or ":" and the ciphertext: what a manager sends; an agent puts "!id!" before it. Nothing when the message
  // is too long or the cipher is not there.
  [[nodiscard]] std::optional<std::string> seal(std::string_view message, uint16_t random, MessageCounter counter,
                                                Cipher cipher = Cipher::kAes);
  [[nodiscard]] OpenedFrame open(std::string_view payload);

  [[nodiscard]] std::string compress(std::string_view plain);

 private:
  struct Streams;
  FrameFault decompress(std::string_view compressed, std::string& plain);
  CipherBox box_;
  std::unique_ptr<Streams> streams_;
};

[[nodiscard]] std::string frame(std::string_view payload);  // the length before it
// The payload of the first of some whole frames, as frame() made them; empty when there is none.
[[nodiscard]] std::string_view first_payload(std::string_view frames);
inline constexpr size_t kLengthBytes = 4;

// A manager's view of an agent's payload: "!id!" and the rest. Nothing: no well-formed id.
struct AgentPayload {
  std::string_view id;
  std::string_view rest;
};
[[nodiscard]] std::optional<AgentPayload> split_agent_payload(std::string_view payload);

class FrameReader {
 public:
  enum class State : uint8_t { kIncomplete, kPayload, kFault };

  void append(std::string_view bytes);
  // Looks at the first frame. payload() is valid until the next call that is not const.
  State next();
  [[nodiscard]] std::string_view payload() const { return payload_; }
  [[nodiscard]] FrameFault fault() const { return fault_; }
  void consume();  // done with the payload

  // A manager writes "#pong" past its send queue, so the nine bytes 05 00 00 00 "#pong" can stand inside a frame that
  // is half sent. Call it when a payload does not open, or after kFault: it cuts the nine bytes out of the first frame
  // if they are there. kCut: there was a pong, look again with next(). kUnsure: the bytes so far may be the beginning
  // of one, wait for more. kNothing: the frame is just bad.
  enum class Cut : uint8_t { kNothing, kCut, kUnsure };
  Cut cut_pong();

  [[nodiscard]] size_t buffered() const { return buffer_.size() - begin_; }
  void clear();

 private:
  std::string buffer_;
  size_t begin_ = 0;  // of the first frame
  std::string_view payload_;
  FrameFault fault_ = FrameFault::kNone;
};

}  // namespace tiercel::wazuh
