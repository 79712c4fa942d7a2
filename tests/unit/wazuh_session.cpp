// The session without a socket: a test plays the manager, byte for byte and second for second.
#include "siem/wazuh/session.h"

#include <doctest/doctest.h>

#include <deque>

#include "agent/base/clock.h"
#include "siem/wazuh/message.h"
#include "wazuh_support.h"

using namespace tiercel;
using namespace tiercel::wazuh;
using namespace tiercel::wazuh::test;

namespace {

constexpr uint64_t kSecondNs = 1'000'000'000;

struct Peer {
  explicit Peer(SessionOptions options = {}) : counter({}, 1'700'000'000), codec(codec_of(some_key())) {
    options.key = some_key();
    options.host = "Linux |vm |6.1 |#1 |x86_64 [Debian GNU/Linux|debian: 12 (bookworm)]";
    options.answer = [](const Request& request, const RequestFacts& facts) {
      WazuhOptions wazuh;
      wazuh.managers = {{"manager.example"}};
      return answer_request(request, wazuh, facts);
    };
    session = std::make_unique<Session>(std::move(options), counter, clock);
  }
  // What the agent has said since the last time; pings as "#ping".
  std::deque<std::string> said() {
    reader.append(session->output());
    session->consume_output(session->output().size());
    std::deque<std::string> messages;
    while (reader.next() == FrameReader::State::kPayload) {
      if (reader.payload() == "#ping") {
        messages.emplace_back("#ping");
      } else {
        const auto split = split_agent_payload(reader.payload());
        REQUIRE(split.has_value());
        CHECK(split->id == "001");
        const OpenedFrame opened = codec.open(split->rest);
        REQUIRE(opened.fault == FrameFault::kNone);
        CHECK(opened.counter > last);
        last = opened.counter;
        messages.push_back(opened.message);
      }
      reader.consume();
    }
    CHECK(reader.buffered() == 0);
    return messages;
  }
  std::string wire(std::string_view message, MessageCounter with = {1, 1}) {
    return frame(*codec.seal(message, 4711, with));
  }
  void say(std::string_view message, MessageCounter with = {1, 1}) { session->receive(wire(message, with)); }
  void connect() {
    session->start("192.0.2.7");
    said();
    say(kAck);
    session->tick();
    said();
    REQUIRE(session->state() == Session::State::kRunning);
  }

  FakeClock clock;
  SenderCounter counter;
  Codec codec;
  FrameReader reader;
  MessageCounter last;
  std::unique_ptr<Session> session;
};

}  // namespace

TEST_CASE("wazuh session: startup, acknowledgement, keep-alives") {
  SessionOptions options;
  options.labels = {{"env", "test", Label::Visibility::kVisible}, {"secret", "hide", Label::Visibility::kHidden}};
  Peer peer(options);
  CHECK(peer.session->state() == Session::State::kIdle);
  peer.session->start("192.0.2.7");
  CHECK(peer.said() == std::deque<std::string>{R"(#!-agent startup {"version":"v4.14.0"})"});
  CHECK_FALSE(peer.session->send_event("1:x:too early"));
  peer.say(kAck);
  CHECK(peer.session->state() == Session::State::kRunning);
  CHECK(peer.session->last_ack_realtime_ns() == peer.clock.realtime_ns());

  peer.session->tick();
  const std::string keepalive =
      "#!-Linux |vm |6.1 |#1 |x86_64 [Debian GNU/Linux|debian: 12 (bookworm)] - Wazuh v4.14.0\n"
      "\"env\":test\n!\"secret\":hide\nx merged.mg\n#\"_agent_ip\":192.0.2.7\n";
  CHECK(peer.said() == std::deque<std::string>{keepalive});
  CHECK(peer.session->next_tick_ns() == peer.clock.monotonic_ns() + 20 * kSecondNs);
  peer.clock.advance_ms(19'999);
  peer.session->tick();
  CHECK(peer.said().empty());
  peer.clock.advance_ms(1);
  peer.session->tick();
  CHECK(peer.said() == std::deque<std::string>{keepalive});

  CHECK(peer.session->send_event("1:tiercel:tiercel: {}"));
  peer.session->send_ping();
  CHECK(peer.said() == std::deque<std::string>{"1:tiercel:tiercel: {}", "#ping"});
  CHECK_FALSE(peer.session->send_event(std::string(kMessageBytesMax + 1, 'x')));
  CHECK(peer.session->send_event(std::string(kMessageBytesMax, 'x')));
}

TEST_CASE("wazuh session: a manager that refuses, is silent, or goes") {
  Peer peer;
  SUBCASE("a refusal, with its words") {
    peer.session->start("192.0.2.7");
    peer.say(R"(#!-err {"message":"Agent version must be lower or equal to manager version"})");
    CHECK(peer.session->reason() == Session::Reason::kVersionTooHigh);
    CHECK(peer.session->reason_text().find("lower or equal") != std::string::npos);
  }
  SUBCASE("a refusal of rubbish stays on one line") {
    peer.session->start("192.0.2.7");
    peer.say(std::string("#!-err \x1b[0m\n") + std::string(60'000, 'x'));
    CHECK(peer.session->reason() == Session::Reason::kRefused);
    CHECK(peer.session->reason_text().size() < 1'000);
    CHECK(peer.session->reason_text().find('\n') == std::string::npos);
  }
  SUBCASE("no answer") {
    peer.session->start("192.0.2.7");
    peer.clock.advance_ms(59'999);
    peer.session->tick();
    CHECK(peer.session->state() == Session::State::kStarting);
    peer.clock.advance_ms(1);
    peer.session->tick();
    CHECK(peer.session->reason() == Session::Reason::kNoAnswer);
  }
  SUBCASE("closed without a byte") {
    peer.session->start("192.0.2.7");
    peer.session->end_of_stream();
    CHECK(peer.session->reason() == Session::Reason::kPeerClosed);
    CHECK_FALSE(peer.session->heard_anything());
  }
  SUBCASE("silent for 60 s, though it answers pings") {
    peer.connect();
    for (int i = 0; i < 59; ++i) {
      peer.clock.advance_ms(1'000);
      peer.session->receive(frame(kPong));
      peer.session->tick();
    }
    CHECK(peer.session->state() == Session::State::kRunning);
    peer.say(kAck);
    peer.clock.advance_ms(59'000);
    peer.session->tick();
    CHECK(peer.session->state() == Session::State::kRunning);
    peer.clock.advance_ms(1'000);
    peer.session->tick();
    CHECK(peer.session->reason() == Session::Reason::kSilent);
    CHECK(peer.session->take_pongs() == 59);
  }
  SUBCASE("closed inside a frame") {
    peer.connect();
    peer.session->receive(peer.wire(kAck).substr(0, 20));
    peer.session->end_of_stream();
    CHECK(peer.session->reason_text().find("inside a frame") != std::string::npos);
    CHECK(peer.session->counts().faults[static_cast<size_t>(FrameFault::kTruncated)] == 1);
  }
  SUBCASE("force_reconnect") {
    peer.connect();
    peer.say("#!-force_reconnect");
    CHECK(peer.session->reason() == Session::Reason::kForceReconnect);
    peer.say(kAck);  // whatever comes after it
    CHECK(peer.session->state() == Session::State::kClosed);
  }
  SUBCASE("the end") {
    peer.connect();
    peer.session->send_shutdown();
    CHECK(peer.said() == std::deque<std::string>{"#!-agent shutdown "});
    CHECK(peer.session->reason() == Session::Reason::kDone);
  }
}

TEST_CASE("wazuh session: bad frames close it, each with its cause") {
  Peer peer;
  peer.connect();
  FrameFault expected = FrameFault::kNone;
  SUBCASE("wrong key") {
    AgentKey other = some_key();
    other.key = std::string(64, '0');
    peer.session->receive(frame(*codec_of(other).seal(kAck, 1, {1, 1})));
    expected = FrameFault::kWrongKey;
  }
  SUBCASE("length 0") {
    peer.session->receive(std::string(4, '\0'));
    expected = FrameFault::kEmpty;
  }
  SUBCASE("a length beyond all") {
    peer.session->receive("\xff\xff\xff\x7f");
    expected = FrameFault::kOversized;
  }
  SUBCASE("no head") {
    peer.session->receive(frame("GET / HTTP/1.1"));
    expected = FrameFault::kBadHead;
  }
  SUBCASE("cut short") {
    std::string payload = *peer.codec.seal(kAck, 1, {1, 1});
    payload.pop_back();
    peer.session->receive(frame(payload));
    expected = FrameFault::kTruncated;
  }
  CHECK(peer.session->reason() == Session::Reason::kBadFrame);
  CHECK(peer.session->counts().faults[static_cast<size_t>(expected)] == 1);
  CHECK(peer.session->reason_text() == std::string("the manager sent ") + explain(expected));
}

TEST_CASE("wazuh session: counters are checked only where asked for") {
  SessionOptions options;
  SUBCASE("not") {
    Peer peer(options);
    peer.connect();
    peer.say(kAck, {1, 1});
    peer.say(kAck, {0, 5});
    CHECK(peer.session->state() == Session::State::kRunning);
  }
  SUBCASE("checked") {
    options.verify_counter = true;
    Peer peer(options);
    peer.connect();  // with {1, 1}
    peer.say(kAck, {1, 2});
    peer.say(kAck, {2, 1});
    CHECK(peer.session->state() == Session::State::kRunning);
    peer.say(kAck, {2, 1});
    CHECK(peer.session->reason() == Session::Reason::kBadFrame);
    CHECK(peer.session->counts().faults[static_cast<size_t>(FrameFault::kOldCounter)] == 1);
  }
}

TEST_CASE("wazuh session: shared files") {
  SessionOptions options;
  options.shared_file_bytes_max = 10'000;
  Peer peer(options);
  peer.connect();
  const std::string content = "#default\n!4 ar.conf\nabc\n!3 x\n:-)";
  const auto start = [&peer](const std::string& md5) { peer.say("#!-up file " + md5 + " merged.mg\n"); };
  const auto keepalive = [&peer] {
    peer.clock.advance_ms(20'000);
    peer.session->tick();
    return peer.said().back();
  };

  SUBCASE("whole, with acknowledgements between the chunks") {
    start(md5_hex(content));
    CHECK(peer.session->receiving_file());
    peer.say(content.substr(0, 7));
    peer.say(kAck);
    peer.say(content.substr(7));
    CHECK(peer.session->take_messages().empty());
    peer.say("#!-close file ");
    CHECK_FALSE(peer.session->receiving_file());
    const auto messages = peer.session->take_messages();
    REQUIRE(messages.size() == 1);
    const auto& file = std::get<SharedFile>(messages[0]);
    CHECK(file.name == "merged.mg");
    CHECK(file.content == content);
    CHECK(keepalive().find('\n' + md5_hex(content) + " merged.mg\n") != std::string::npos);
  }
  SUBCASE("a wrong MD5") {
    start(md5_hex("something else"));
    peer.say(content);
    peer.say("#!-close file ");
    CHECK(peer.session->counts().files_bad == 1);
    CHECK(keepalive().find("\nx merged.mg\n") != std::string::npos);
  }
  SUBCASE("too long: its bytes are let go at once, the session stays") {
    start(md5_hex(content));
    for (int i = 0; i < 100; ++i) peer.say(std::string(900, 'x'));
    peer.say("#!-close file ");
    CHECK(peer.session->counts().files_bad == 1);
    const auto messages = peer.session->take_messages();
    REQUIRE(messages.size() == 1);
    CHECK(std::get<SharedFile>(messages[0]).too_long);
    CHECK(std::get<SharedFile>(messages[0]).content.empty());
    CHECK(peer.session->state() == Session::State::kRunning);
    // The manager does not send it again and again.
    CHECK(keepalive().find('\n' + md5_hex(content) + " merged.mg\n") != std::string::npos);
  }
  SUBCASE("one begins before the other ends; a close or a chunk without a file; names that lead elsewhere") {
    start(md5_hex("x"));
    start(md5_hex(content));
    peer.say(content);
    peer.say("#!-close file ");
    CHECK(peer.session->counts().files_bad == 1);
    CHECK(peer.session->take_messages().size() == 1);
    peer.say("#!-close file ");
    peer.say("a chunk of nothing");
    peer.say("#!-up file " + md5_hex("x") + " ../../etc/passwd\n");
    peer.say("#!-up file nomd5 merged.mg\n");
    peer.say("#!-up file ");
    CHECK(peer.session->counts().unknown == 5);
    CHECK_FALSE(peer.session->receiving_file());
  }
}

TEST_CASE("wazuh session: responses, requests and what we do not know") {
  Peer peer;
  peer.connect();
  const std::string json = R"({"version":1,"command":"test-ar5","parameters":{"extra_args":[],"alert":{}}})";
  peer.say("#!-execd " + json);
  const auto messages = peer.session->take_messages();
  REQUIRE(messages.size() == 1);
  CHECK(std::get<ActiveResponse>(messages[0]).json == json);

  peer.say("#!-req 88dad1e2 agent getstate");
  std::string answer = peer.said().back();
  CHECK(answer.starts_with(R"(#!-req 88dad1e2 {"error":0,"data":{"status":"connected","last_keepalive":"20)"));
  peer.say("#!-req 1 agent getconfig client");
  answer = peer.said().back();
  CHECK(answer.starts_with(R"(#!-req 1 ok {"client":{"notify_time":20)"));
  const auto answer_to = [&peer](const std::string& request) {
    peer.say("#!-req " + request);
    const auto said = peer.said();
    return said.empty() ? std::string("nothing") : said.back();
  };
  CHECK(answer_to("2 agent getconfig none") == "#!-req 2 err Could not get requested section");
  CHECK(answer_to("3 agent restart") == "#!-req 3 err Unrecognized command");
  CHECK(answer_to("4 com restart") == "#!-req 4 err This agent is not set up to restart at the manager's request");
  CHECK(answer_to(R"(5 upgrade {"command":"open"})").starts_with(R"(#!-req 5 {"error":1,)"));
  CHECK(answer_to("6 agent") == "#!-req 6 err Unrecognized command");
  CHECK(answer_to("123456789 agent getstate") == "nothing");
  CHECK(answer_to("x agent getstate") == "nothing");
  CHECK(answer_to("7") == "nothing");
  peer.say("#!-syscheck something");
  peer.say("#!-sca-dump:policy:1");
  peer.say("#!-");
  peer.say("");
  CHECK(peer.session->counts().unknown == 7);
  CHECK(peer.session->state() == Session::State::kRunning);
}

TEST_CASE("wazuh session: a pong inside a half-sent frame counts, and the frame is read") {
  Peer peer;
  peer.connect();
  const std::string wire = peer.wire("#!-execd {\"n\":1}");
  uint64_t pongs = 0;
  for (size_t place = 1; place < wire.size(); ++place) {
    std::string stream = wire;
    stream.insert(place, frame(kPong));
    for (const char c : stream) peer.session->receive({&c, 1});
    REQUIRE(peer.session->state() == Session::State::kRunning);
    REQUIRE(peer.session->take_messages().size() == 1);
    pongs += peer.session->take_pongs();
  }
  CHECK(pongs == wire.size() - 1);
  CHECK(peer.session->counts().pongs_cut == wire.size() - 1);
}
