// The bytes that a manager, or whoever plays one, sends to the agent. The first byte chooses how deep the rest begins:
// the raw stream in cuts, the ciphertext's content, the compressed content, or whole messages; datagrams; requests
// alone; and the enrolment's answer.
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
#include "siem/wazuh/requests.h"
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

const WazuhOptions& fuzz_options() {
  static const WazuhOptions options = [] {
    WazuhOptions made;
    made.managers = {{"manager.example"}, {"192.0.2.1", 1514, 1515, Protocol::kUdp}};
    made.labels = {{"a", "b", Label::Visibility::kHidden}};
    return made;
  }();
  return options;
}

Answer checked_answer(const Request& request, const RequestFacts& facts) {
  Answer answer = answer_request(request, fuzz_options(), facts);
  if (answer.text.empty() || answer.text.size() > kAnswerBytesMax) std::abort();
  if (answer.action != AgentAction::kNone && answer.text != "ok ") std::abort();
  return answer;
}

struct Agent {
  explicit Agent(bool datagrams) {
    SessionOptions options;
    options.datagrams = datagrams;
    options.answer = [](const Request& request, RequestFacts facts) {
      facts.can_reload = true;
      return checked_answer(request, facts);
    };
    options.key = fuzz_key();
    options.host = "Linux |h |1 |1 |x86_64";
    options.shared_file_bytes_max = 100'000;
    session = std::make_unique<Session>(std::move(options), counter, clock);
    session->start("127.0.0.1");
    datagrams_ = datagrams;
  }
  void hear(std::string_view bytes) {
    if (datagrams_)
      session->receive_datagram(bytes);
    else
      session->receive(bytes);
    for (const Session::Message& message : session->take_messages())
      if (const auto* file = std::get_if<SharedFile>(&message);
          file != nullptr && !file->too_long && md5_hex(file->content) != file->md5)
        std::abort();
    if (session->output().size() > (4u << 20)) std::abort();
    session->consume_output(session->output().size() / 2);
    clock.advance_ms(100);
    session->tick();
  }
  tiercel::FakeClock clock;
  SenderCounter counter{{}, 1'700'000'000};
  std::unique_ptr<Session> session;
  bool datagrams_ = false;
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
  Agent agent(depth % 8 == 6);
  switch (depth % 8) {
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
    case 6: {  // datagrams: bare, or messages; a pong and a close of a stream mean nothing there
      agent.hear(*codec.seal(kAck, 1, {1, 1}));
      std::string_view rest = bytes.substr(0, 60'000);
      while (!rest.empty()) {
        const std::string_view line = rest.substr(0, std::min(rest.find('\n'), rest.size()));
        if (line.size() % 2 == 0)
          agent.hear(line);
        else
          agent.hear(*codec.seal(line, 1, {1, 1}));
        rest.remove_prefix(std::min(line.size() + 1, rest.size()));
      }
      if (agent.session->state() == Session::State::kClosed && agent.session->reason() == Session::Reason::kBadFrame)
        std::abort();
      break;
    }
    case 7: {
      const FromManager parsed = parse_from_manager("#!-req 1a " + std::string(bytes));
      if (const auto* request = std::get_if<Request>(&parsed)) static_cast<void>(checked_answer(*request, {}));
      static_cast<void>(lower_version(bytes));
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
