#include "siem/wazuh/frame.h"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <utility>

namespace tiercel::wazuh {
namespace {

constexpr std::string_view kAesHead = "#AES:";
constexpr size_t kChecksumBytes = 32;
constexpr size_t kPadBytes = 8;
constexpr size_t kAesBlockBytes = 16;
constexpr size_t kBlowfishBlockBytes = 8;
constexpr size_t kIdBytesMax = 10;  // "!12345678!"
constexpr std::string_view kPongFrame("\x05\0\0\0#pong", 9);

template <class N>
bool read_digits(std::string_view text, N& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size() && !text.empty() && text.front() != '-';
}

uint32_t read_length(std::string_view bytes) {
  uint32_t length = 0;
  for (size_t i = 0; i < kLengthBytes; ++i) length |= uint32_t{static_cast<unsigned char>(bytes[i])} << (8 * i);
  return length;
}

FrameFault length_fault(uint32_t length) {
  if (length == 0) return FrameFault::kEmpty;
  return length > kPayloadBytesMax ? FrameFault::kOversized : FrameFault::kNone;
}

struct FaultText {
  const char* name;
  const char* text;
};
constexpr std::array<FaultText, kFrameFaults> kFaultTexts = {{
    {"none", "no fault"},
    {"empty", "a frame of length 0"},
    {"oversized", "a frame longer than 65536 bytes"},
    {"truncated", "a truncated frame"},
    {"bad_head", "a frame that does not begin as the protocol says"},
    {"no_cipher", "a Blowfish frame, and this host's OpenSSL has no legacy provider"},
    {"wrong_key", "a frame that the agent's key does not decrypt"},
    {"zlib", "a frame that does not decompress"},
    {"too_long", "a frame that decompresses to more than 65536 bytes"},
    {"too_short", "a frame that decompresses to less than its head"},
    {"checksum", "a frame with a wrong checksum"},
    {"bad_counter", "a frame whose counters are no numbers"},
    {"old_counter", "a frame with a counter that was used before"},
}};

}  // namespace

const char* explain(FrameFault fault) {
  return kFaultTexts[static_cast<size_t>(fault)].text;
}

const char* short_name(FrameFault fault) {
  return kFaultTexts[static_cast<size_t>(fault)].name;
}

std::string checksummed_plaintext(std::string_view message, uint16_t random, MessageCounter counter) {
  std::array<char, 32> head{};
  const int size =
      std::snprintf(head.data(), head.size(), "%05u%010u:%04u:", unsigned{random}, counter.global, counter.local);
  std::string plain;
  plain.reserve(kChecksumBytes + static_cast<size_t>(size) + message.size());
  plain.assign(kChecksumBytes, '0');
  plain.append(head.data(), static_cast<size_t>(size));
  plain.append(message);
  plain.replace(0, kChecksumBytes, md5_hex(std::string_view(plain).substr(kChecksumBytes)));
  return plain;
}

struct Codec::Streams {
  z_stream deflating{};
  z_stream inflating{};
  std::array<char, kPlainBytesMax> room;  // for what is inflated: filling a new one with zeros would cost more
  explicit Streams(int level) {
    // Out of memory is the only way these fail.
    if (deflateInit(&deflating, level) != Z_OK || inflateInit(&inflating) != Z_OK) std::abort();
  }
  ~Streams() {
    deflateEnd(&deflating);
    inflateEnd(&inflating);
  }
  Streams(const Streams&) = delete;
  Streams& operator=(const Streams&) = delete;
};

Codec::Codec(std::string derived_key, int level)
    : box_(std::move(derived_key)), streams_(std::make_unique<Streams>(level)) {}
Codec::~Codec() = default;
Codec::Codec(Codec&&) noexcept = default;
Codec& Codec::operator=(Codec&&) noexcept = default;

std::string Codec::compress(std::string_view plain) {
  z_stream& stream = streams_->deflating;
  deflateReset(&stream);
  std::string out(deflateBound(&stream, static_cast<uLong>(plain.size())), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(plain.data()));
  stream.avail_in = static_cast<uInt>(plain.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  if (deflate(&stream, Z_FINISH) != Z_STREAM_END) std::abort();  // deflateBound gave too little: a bug of zlib
  out.resize(stream.total_out);
  return out;
}

FrameFault Codec::decompress(std::string_view compressed, std::string& plain) {
  z_stream& stream = streams_->inflating;
  inflateReset(&stream);
  std::array<char, kPlainBytesMax>& room = streams_->room;
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(compressed.data()));
  stream.avail_in = static_cast<uInt>(compressed.size());
  stream.next_out = reinterpret_cast<Bytef*>(room.data());
  stream.avail_out = static_cast<uInt>(room.size());
  const int outcome = inflate(&stream, Z_FINISH);
  plain.assign(room.data(), stream.total_out);
  if (outcome == Z_STREAM_END) return stream.avail_in == 0 ? FrameFault::kNone : FrameFault::kZlib;
  return outcome == Z_BUF_ERROR && stream.avail_out == 0 ? FrameFault::kTooLong : FrameFault::kZlib;
}

std::optional<std::string> Codec::seal(std::string_view message, uint16_t random, MessageCounter counter,
                                       Cipher cipher) {
  if (message.size() > kPlainBytesMax - kHeadBytes) return std::nullopt;
  const std::string compressed = compress(checksummed_plaintext(message, random, counter));
  std::string padded(kPadBytes - compressed.size() % kPadBytes, '!');
  padded += compressed;
  std::optional<std::string> encrypted = box_.encrypt(cipher, padded);
  if (!encrypted) return std::nullopt;
  std::string payload(cipher == Cipher::kAes ? kAesHead : kAesHead.substr(kAesHead.size() - 1));
  payload += *encrypted;
  if (payload.size() > kPayloadBytesMax - kIdBytesMax) return std::nullopt;  // noise does not compress
  return payload;
}

OpenedFrame Codec::open(std::string_view payload) {
  OpenedFrame opened;
  const auto refuse = [&opened](FrameFault fault) {
    opened.fault = fault;
    opened.message.clear();
    return std::move(opened);
  };
  if (payload.size() > kPayloadBytesMax) return refuse(FrameFault::kOversized);
  if (payload.starts_with(kAesHead)) {
    payload.remove_prefix(kAesHead.size());
  } else if (payload.starts_with(':')) {
    opened.cipher = Cipher::kBlowfish;
    payload.remove_prefix(1);
    if (!box_.has(Cipher::kBlowfish)) return refuse(FrameFault::kNoCipher);
  } else {
    return refuse(FrameFault::kBadHead);
  }
  const size_t block_bytes = opened.cipher == Cipher::kAes ? kAesBlockBytes : kBlowfishBlockBytes;
  if (payload.empty() || payload.size() % block_bytes != 0) return refuse(FrameFault::kTruncated);

  const std::optional<std::string> padded = box_.decrypt(opened.cipher, payload);
  if (!padded || !padded->starts_with('!')) return refuse(FrameFault::kWrongKey);
  const size_t begin = std::min(padded->find_first_not_of('!'), padded->size());
  std::string plain;
  if (const FrameFault fault = decompress(std::string_view(*padded).substr(begin), plain); fault != FrameFault::kNone)
    return refuse(fault);
  if (plain.size() < kHeadBytes) return refuse(FrameFault::kTooShort);
  const std::string_view view = plain;
  if (md5_hex(view.substr(kChecksumBytes)) != view.substr(0, kChecksumBytes)) return refuse(FrameFault::kChecksum);
  if (!read_digits(view.substr(32, 5), opened.random) || !read_digits(view.substr(37, 10), opened.counter.global) ||
      view[47] != ':' || !read_digits(view.substr(48, 4), opened.counter.local) || view[52] != ':')
    return refuse(FrameFault::kBadCounter);
  plain.erase(0, kHeadBytes);
  opened.message = std::move(plain);
  return opened;
}

std::string frame(std::string_view payload) {
  std::string out;
  out.reserve(kLengthBytes + payload.size());
  for (size_t i = 0; i < kLengthBytes; ++i) out += static_cast<char>(payload.size() >> (8 * i) & 0xff);
  out.append(payload);
  return out;
}

std::string_view first_payload(std::string_view frames) {
  return frames.size() < kLengthBytes ? std::string_view() : frames.substr(kLengthBytes, read_length(frames));
}

std::optional<AgentPayload> split_agent_payload(std::string_view payload) {
  if (!payload.starts_with('!')) return std::nullopt;
  const size_t end = payload.find('!', 1);
  if (end == std::string_view::npos || !valid_agent_id(payload.substr(1, end - 1))) return std::nullopt;
  return AgentPayload{payload.substr(1, end - 1), payload.substr(end + 1)};
}

void FrameReader::append(std::string_view bytes) {
  payload_ = {};
  if (begin_ == buffer_.size()) clear();
  // Moving the rest to the front costs at most what was consumed since the last time.
  if (begin_ > kPayloadBytesMax) {
    buffer_.erase(0, begin_);
    begin_ = 0;
  }
  buffer_.append(bytes);
}

FrameReader::State FrameReader::next() {
  payload_ = {};
  fault_ = FrameFault::kNone;
  const std::string_view bytes = std::string_view(buffer_).substr(begin_);
  if (bytes.size() < kLengthBytes) return State::kIncomplete;
  const uint32_t length = read_length(bytes);
  fault_ = length_fault(length);
  if (fault_ != FrameFault::kNone) return State::kFault;
  if (bytes.size() < kLengthBytes + length) {
    // A pong after the first byte of a length makes a length that may never come. No payload begins like that.
    if (bytes.substr(1, kPongFrame.size()) != kPongFrame) return State::kIncomplete;
    fault_ = FrameFault::kBadHead;
    return State::kFault;
  }
  payload_ = bytes.substr(kLengthBytes, length);
  return State::kPayload;
}

void FrameReader::consume() {
  if (payload_.empty()) return;
  begin_ += kLengthBytes + payload_.size();
  payload_ = {};
}

FrameReader::Cut FrameReader::cut_pong() {
  const std::string_view bytes = std::string_view(buffer_).substr(begin_);
  if (bytes.size() < kLengthBytes) return Cut::kNothing;
  const uint32_t length = read_length(bytes);
  // The pong may stand in the length itself, and then that is no length at all: look at the bytes around it only.
  const size_t end = kLengthBytes + (length_fault(length) == FrameFault::kNone ? length : 0);
  payload_ = {};
  const size_t found = bytes.substr(0, std::min(bytes.size(), end + kPongFrame.size() - 1)).find(kPongFrame, 1);
  if (found != std::string_view::npos) {
    buffer_.erase(begin_ + found, kPongFrame.size());
    return Cut::kCut;
  }
  // Its beginning may be the last thing that has come.
  for (size_t size = std::min(kPongFrame.size() - 1, bytes.size() - 1); size > 0; --size) {
    const size_t begin = bytes.size() - size;
    if (begin >= 1 && begin < end && bytes.substr(begin) == kPongFrame.substr(0, size)) return Cut::kUnsure;
  }
  return Cut::kNothing;
}

void FrameReader::clear() {
  buffer_.clear();
  begin_ = 0;
  payload_ = {};
  fault_ = FrameFault::kNone;
}

}  // namespace tiercel::wazuh
