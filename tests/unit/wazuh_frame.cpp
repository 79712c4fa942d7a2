// Frames against what a real agent and a real manager sent, and against everything that can be wrong with one.
#include "siem/wazuh/frame.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <random>

#include "wazuh_support.h"

using namespace tiercel::wazuh;
using namespace tiercel::wazuh::test;

namespace {

const Vector& first_aes() {
  return *std::find_if(vectors().begin(), vectors().end(), [](const Vector& v) { return v.cipher == Cipher::kAes; });
}

std::string rest_of(const Vector& v) {
  return v.from_agent ? std::string(split_agent_payload(v.wire)->rest) : v.wire;
}

// A payload of any plaintext, as one would make it who knows the key.
std::string seal_raw(const std::string& compressed_or_not, const std::string& key) {
  CipherBox box(key);
  return "#AES:" + *box.encrypt(Cipher::kAes, compressed_or_not);
}

}  // namespace

TEST_CASE("wazuh vectors: all 24, every stage, both directions") {
  REQUIRE(vectors().size() == 24);
  size_t blowfish = 0;
  for (const Vector& v : vectors()) {
    CAPTURE(v.source);
    CAPTURE(v.message);
    blowfish += v.cipher == Cipher::kBlowfish ? 1 : 0;
    CHECK(derive_key(v.id, v.name, v.raw_key) == v.derived_key);
    CHECK(to_hex(checksummed_plaintext(v.message, v.random, v.counter)) == to_hex(v.plaintext));
    Codec codec(v.derived_key, 9);  // the level of the real ones
    CHECK(to_hex(codec.compress(v.plaintext)) == to_hex(v.zlib));

    const auto sealed = codec.seal(v.message, v.random, v.counter, v.cipher);
    REQUIRE(sealed.has_value());
    const std::string wire = v.from_agent ? '!' + v.id + '!' + *sealed : *sealed;
    CHECK(to_hex(wire) == to_hex(v.wire));

    const OpenedFrame opened = codec.open(rest_of(v));
    CHECK(opened.fault == FrameFault::kNone);
    CHECK(opened.cipher == v.cipher);
    CHECK(opened.random == v.random);
    CHECK(opened.counter == v.counter);
    CHECK(opened.message == v.message);
    if (v.from_agent) CHECK(split_agent_payload(v.wire)->id == v.id);
  }
  CHECK(blowfish == 8);
}

TEST_CASE("wazuh vectors: one stream in any cuts gives the same frames") {
  std::string stream;
  for (const Vector& v : vectors()) stream += frame(v.wire);
  for (const size_t cut : {size_t{1}, size_t{3}, size_t{7}, size_t{64}, size_t{1000}, stream.size()}) {
    FrameReader reader;
    std::vector<std::string> payloads;
    for (size_t i = 0; i < stream.size(); i += cut) {
      reader.append(std::string_view(stream).substr(i, cut));
      while (reader.next() == FrameReader::State::kPayload) {
        payloads.emplace_back(reader.payload());
        reader.consume();
      }
    }
    REQUIRE(payloads.size() == vectors().size());
    for (size_t i = 0; i < payloads.size(); ++i) CHECK(payloads[i] == vectors()[i].wire);
    CHECK(reader.buffered() == 0);
  }
}

TEST_CASE("wazuh frame: every truncation is refused, none with a crash") {
  for (const Vector& v : {first_aes(), vectors().back()}) {
    Codec codec(v.derived_key);
    const std::string whole = rest_of(v);
    for (size_t size = 0; size < whole.size(); ++size) {
      const OpenedFrame opened = codec.open(std::string_view(whole).substr(0, size));
      CHECK(opened.fault != FrameFault::kNone);
      CHECK(opened.message.empty());
    }
    CHECK(codec.open(std::string_view(whole).substr(0, whole.size() - 1)).fault == FrameFault::kTruncated);
    CHECK(codec.open(whole).fault == FrameFault::kNone);
  }
}

TEST_CASE("wazuh frame: every flipped bit is refused") {
  const Vector& v = first_aes();
  Codec codec(v.derived_key);
  const std::string whole = rest_of(v);
  for (size_t bit = 0; bit < whole.size() * 8; ++bit) {
    std::string bad = whole;
    bad[bit / 8] = static_cast<char>(bad[bit / 8] ^ (1 << (bit % 8)));
    const OpenedFrame opened = codec.open(bad);
    // CBC lets a bit of the padding before the zlib stream change without a trace, as long as a '!' stays a '!'.
    if (opened.fault == FrameFault::kNone) CHECK(opened.message == v.message);
  }
}

TEST_CASE("wazuh frame: each cause has its name") {
  const AgentKey key = some_key();
  const std::string derived = derive_key(key.id, key.name, key.key);
  Codec codec(derived);
  AgentKey other = key;
  other.key[0] = other.key[0] == '0' ? '1' : '0';

  SUBCASE("another key") {
    size_t wrong_key = 0;
    for (uint16_t i = 0; i < 64; ++i) {
      const FrameFault fault = codec_of(other).open(*codec.seal("hello", i, {1, 1})).fault;
      CHECK(fault != FrameFault::kNone);
      wrong_key += fault == FrameFault::kWrongKey ? 1 : 0;
    }
    CHECK(wrong_key >= 60);  // one in 256 looks like good padding
  }
  SUBCASE("no head") {
    CHECK(codec.open("").fault == FrameFault::kBadHead);
    CHECK(codec.open("AES:0123456789012345").fault == FrameFault::kBadHead);
    CHECK(codec.open("#pong").fault == FrameFault::kBadHead);
  }
  SUBCASE("no ciphertext") {
    CHECK(codec.open("#AES:").fault == FrameFault::kTruncated);
    CHECK(codec.open(":").fault == FrameFault::kTruncated);
    CHECK(codec.open(":1234567").fault == FrameFault::kTruncated);
  }
  SUBCASE("no zlib") {
    CHECK(codec.open(seal_raw("!!!!nothing of the kind", derived)).fault == FrameFault::kZlib);
    CHECK(codec.open(seal_raw("!!!!", derived)).fault == FrameFault::kZlib);
    CHECK(codec.open(seal_raw("!" + codec.compress(std::string(100, 'x')) + "tail", derived)).fault ==
          FrameFault::kZlib);
  }
  SUBCASE("any number of ! will do, with AES") {
    const std::string plain = checksummed_plaintext("hello", 7, {3, 4});
    for (const size_t n : {1, 2, 9, 100}) {
      CHECK(codec.open(seal_raw(std::string(n, '!') + codec.compress(plain), derived)).message == "hello");
    }
    CHECK(codec.open(seal_raw(codec.compress(plain), derived)).fault == FrameFault::kWrongKey);
  }
  SUBCASE("a bomb, and the limits of size") {
    CHECK(codec.open(seal_raw('!' + codec.compress(std::string(65'537, 'x')), derived)).fault == FrameFault::kTooLong);
    CHECK(codec.open(seal_raw('!' + Codec(derived, 9).compress(std::string(30u << 20, 'x')), derived)).fault ==
          FrameFault::kTooLong);
    CHECK(codec.open(seal_raw('!' + codec.compress(std::string(65'536, 'x')), derived)).fault == FrameFault::kChecksum);
    CHECK(codec.open(seal_raw('!' + codec.compress(std::string(52, 'x')), derived)).fault == FrameFault::kTooShort);
    CHECK(codec.open('#' + std::string(70'000, 'x')).fault == FrameFault::kOversized);
    const std::string longest(65'536 - 53, 'x');
    CHECK(codec.open(*codec.seal(longest, 1, {1, 1})).message == longest);
    CHECK_FALSE(codec.seal(longest + 'x', 1, {1, 1}).has_value());
  }
  SUBCASE("a wrong checksum") {
    std::string plain = checksummed_plaintext("hello", 7, {3, 4});
    plain.back() = 'O';
    CHECK(codec.open(seal_raw('!' + codec.compress(plain), derived)).fault == FrameFault::kChecksum);
  }
  SUBCASE("counters that are none") {
    for (const char* head : {"0000a0000000001:0001:", "00001-000000001:0001:", "000010000000001;0001:",
                             "000010000000001:00x1:", "000010000000001:0001;", "000019999999999:0001:"}) {
      CAPTURE(head);
      const std::string rest = std::string(head) + "hello";
      CHECK(codec.open(seal_raw('!' + codec.compress(md5_hex(rest) + rest), derived)).fault == FrameFault::kBadCounter);
    }
  }
}

TEST_CASE("wazuh frame: noise of the greatest size fits into a frame") {
  std::mt19937 random(7);
  std::string noise(65'408, '\0');
  for (char& c : noise) c = static_cast<char>(random());
  Codec codec = codec_of(some_key());
  const auto sealed = codec.seal(noise, 65'535, {4'294'967'295, 9'997});
  REQUIRE(sealed.has_value());
  CHECK(sealed->size() + 10 <= kPayloadBytesMax);
  CHECK(codec.open(*sealed).message == noise);
}

TEST_CASE("wazuh stream: lengths of nothing and of too much") {
  const auto outcome = [](std::string_view bytes) {
    FrameReader reader;
    reader.append(bytes);
    const FrameReader::State state = reader.next();
    return std::pair(state, reader.fault());
  };
  using State = FrameReader::State;
  CHECK(outcome(std::string(4, '\0')) == std::pair(State::kFault, FrameFault::kEmpty));
  CHECK(outcome(std::string("\x01\x00\x01\x00", 4)) == std::pair(State::kFault, FrameFault::kOversized));
  CHECK(outcome("\xff\xff\xff\xff") == std::pair(State::kFault, FrameFault::kOversized));
  CHECK(outcome(std::string("\x00\x00\x01\x00", 4)) == std::pair(State::kIncomplete, FrameFault::kNone));
  CHECK(outcome("\x05\x00") == std::pair(State::kIncomplete, FrameFault::kNone));
}

TEST_CASE("wazuh stream: a pong at every place inside a frame is cut out") {
  using State = FrameReader::State;
  const Vector& v = first_aes();
  const std::string one = frame(v.wire);
  const std::string pong = frame("#pong");
  const std::string two = one + frame(vectors()[1].wire);
  for (size_t place = 1; place < one.size(); ++place) {
    std::string stream = two;
    stream.insert(place, pong);
    for (const size_t cut : {size_t{1}, size_t{5}, stream.size()}) {
      CAPTURE(place);
      CAPTURE(cut);
      FrameReader reader;
      std::vector<std::string> good;
      size_t pongs = 0;
      bool lost = false;
      for (size_t i = 0; i < stream.size() && !lost; i += cut) {
        reader.append(std::string_view(stream).substr(i, cut));
        for (bool more = true; more && !lost;) {
          const State state = reader.next();
          more = state != State::kIncomplete;
          if (state == State::kPayload && (reader.payload() == v.wire || reader.payload() == vectors()[1].wire)) {
            good.emplace_back(reader.payload());
            reader.consume();
          } else if (state != State::kIncomplete) {
            const FrameReader::Cut outcome = reader.cut_pong();
            pongs += outcome == FrameReader::Cut::kCut ? 1 : 0;
            lost = outcome == FrameReader::Cut::kNothing;
            more = outcome == FrameReader::Cut::kCut;
          }
        }
      }
      CHECK_FALSE(lost);
      CHECK(pongs == 1);
      CHECK(good.size() == 2);
      CHECK(reader.buffered() == 0);
    }
  }
}

TEST_CASE("wazuh stream: without a pong there is nothing to cut") {
  FrameReader reader;
  reader.append(frame("rubbish that does not open") + frame("more"));
  REQUIRE(reader.next() == FrameReader::State::kPayload);
  CHECK(reader.cut_pong() == FrameReader::Cut::kNothing);
  // The pong of the next frame is not inside this one.
  reader.clear();
  reader.append(frame("rubbish") + frame("#pong"));
  REQUIRE(reader.next() == FrameReader::State::kPayload);
  CHECK(reader.cut_pong() == FrameReader::Cut::kNothing);
}

TEST_CASE("wazuh frame: the id before an agent's payload") {
  CHECK_FALSE(split_agent_payload("").has_value());
  CHECK_FALSE(split_agent_payload("!001").has_value());
  CHECK_FALSE(split_agent_payload("!!#AES:").has_value());
  CHECK_FALSE(split_agent_payload("!0x1!#AES:").has_value());
  CHECK_FALSE(split_agent_payload("#AES:").has_value());
  CHECK(split_agent_payload("!1024!#AES:x")->rest == "#AES:x");
}
