// The bytes that a manager, or whoever plays one, sends to the agent. The first byte chooses how deep the rest begins:
// the raw stream in cuts, the ciphertext's content, the compressed content, or whole messages; and the enrolment's
// answer.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>

#include "agent/base/clock.h"
#include "siem/wazuh/enroll.h"
#include "siem/wazuh/frame.h"
#include "siem/wazuh/keys.h"
#include "siem/wazuh/message.h"
#include "siem/wazuh/session.h"

namespace {

using namespace tiercel::wazuh;

const AgentKey& fuzz_key() {
  static const AgentKey key{"001", "real-agent", "any", std::string(64, 'a')};
  return key;
}

std::string derived() {
  return derive_key(fuzz_key().id, fuzz_key().name, fuzz_key().key);
}

struct Agent {
  Agent() {
    SessionOptions options;
    options.key = fuzz_key();
    options.host = "Linux |h |1 |1 |x86_64";
    options.shared_file_bytes_max = 100'000;
    session = std::make_unique<Session>(std::move(options), counter, clock);
    session->start("127.0.0.1");
  }
  void hear(std::string_view bytes) {
    session->receive(bytes);
    for (const Session::Message& message : session->take_messages())
      if (const auto* file = std::get_if<SharedFile>(&message); file != nullptr && md5_hex(file->content) != file->md5)
        std::abort();
    if (session->output().size() > (4u << 20)) std::abort();
    session->consume_output(session->output().size() / 2);
    clock.advance_ms(100);
    session->tick();
  }
  tiercel::FakeClock clock;
  SenderCounter counter{{}, 1'700'000'000};
  std::unique_ptr<Session> session;
};

// In cuts whose sizes the input gives.
void feed_stream(Agent& agent, std::string_view bytes) {
  while (!bytes.empty()) {
    const size_t cut = std::min<size_t>(bytes.size(), static_cast<unsigned char>(bytes.front()) % 61 + 1u);
    agent.hear(bytes.substr(0, cut));
    bytes.remove_prefix(cut);
  }
}

std::string encrypted(std::string_view padded) {
  CipherBox box(derived());
  return "#AES:" + *box.encrypt(Cipher::kAes, padded);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  const uint8_t depth = data[0];
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  static Codec codec(derived());
  Agent agent;
  switch (depth % 6) {
    case 0:
      feed_stream(agent, bytes);
      break;
    case 1:  // good frames with a pong and the input's bytes somewhere inside
    {
      std::string stream = frame(*codec.seal(kAck, 1, {1, 1})) + frame(*codec.seal("#!-execd {}", 2, {1, 2}));
      stream.insert(bytes[0] % stream.size(), frame(kPong));
      stream.insert(bytes.size() % stream.size(), bytes.substr(1));
      feed_stream(agent, stream);
      break;
    }
    case 2:
      agent.hear(frame(encrypted(bytes)));
      break;
    case 3:
      if (bytes.size() <= kPlainBytesMax) agent.hear(frame(encrypted('!' + codec.compress(bytes))));
      break;
    case 4: {  // messages, one a line
      agent.hear(frame(*codec.seal(kAck, 1, {1, 1})));
      std::string_view rest = bytes.substr(0, 60'000);
      while (!rest.empty()) {
        const size_t end = std::min(rest.find('\n'), rest.size());
        agent.hear(frame(*codec.seal(rest.substr(0, std::min(end + 1, rest.size())), 1, {1, 1})));
        rest.remove_prefix(std::min(end + 1, rest.size()));
      }
      break;
    }
    default: {
      static_cast<void>(parse_enrol_answer(bytes, (depth & 64) != 0));
      for (const AgentKey& key : parse_key_file(bytes))
        if (parse_key_line(format_key_line(key)) != key) std::abort();
      const OpenedFrame opened = codec.open(bytes);
      if (opened.fault == FrameFault::kNone && opened.message.size() > kPlainBytesMax) std::abort();
      static_cast<void>(split_agent_payload(bytes));
    }
  }
  return 0;
}
