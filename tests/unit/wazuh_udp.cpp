// UDP: the session with datagrams, by hand; then the sink against the dev-manager on a network that loses some.
#include <doctest/doctest.h>

#include <deque>

#include "siem/wazuh/message.h"
#include "siem/wazuh/secure_udp.h"
#include "siem/wazuh/session.h"
#include "siem/wazuh/tcp.h"
#include "wazuh_bench.h"

using namespace tiercel;
using namespace tiercel::wazuh;
using namespace tiercel::wazuh::test;

namespace {

struct Peer {
  Peer() {
    SessionOptions options;
    options.key = some_key();
    options.datagrams = true;
    options.answer = [this](const Request& request, const RequestFacts&) {
      ++asked;
      return Answer{"answer to " + request.payload, AgentAction::kNone};
    };
    session = std::make_unique<Session>(std::move(options), counter, clock);
  }
  std::deque<std::string> said() {
    std::deque<std::string> messages;
    while (!session->output().empty()) {
      const std::string_view payload = first_payload(session->output());
      const auto split = split_agent_payload(payload);
      messages.push_back(split ? codec.open(split->rest).message : std::string(payload));
      session->consume_output(kLengthBytes + payload.size());
    }
    return messages;
  }
  void say(std::string_view message) { session->receive_datagram(*codec.seal(message, 1, {1, 1})); }
  void tick_after(uint64_t ms) {
    clock.advance_ms(ms);
    session->tick();
  }

  FakeClock clock;
  SenderCounter counter{{}, 1'700'000'000};
  Codec codec = codec_of(some_key());
  std::unique_ptr<Session> session;
  int asked = 0;
};

using Said = std::deque<std::string>;

void make_udp(Bench& bench) {
  bench.manager_options.tcp = false;
  bench.manager_options.udp = true;
  bench.start_manager();
  bench.sink_options.managers = {{"127.0.0.1", bench.manager->port(), bench.manager->enrol_port(), Protocol::kUdp}};
}

}  // namespace

TEST_CASE("wazuh udp: a startup that is lost is sent again") {
  Peer peer;
  peer.session->start("192.0.2.7");
  const std::string startup = R"(#!-agent startup {"version":"v4.14.0"})";
  CHECK(peer.said() == Said{startup});
  peer.tick_after(2'999);
  CHECK(peer.said().empty());
  peer.tick_after(1);
  CHECK(peer.said() == Said{startup});
  peer.say(kAck);
  CHECK(peer.session->state() == Session::State::kRunning);
  peer.tick_after(3'000);
  CHECK(peer.said().size() == 1);  // the keep-alive
}

TEST_CASE("wazuh udp: without an answer it ends after its time, saying what that may mean") {
  Peer peer;
  peer.session->start("192.0.2.7");
  for (int i = 0; i < 59; ++i) peer.tick_after(1'000);
  CHECK(peer.session->state() == Session::State::kStarting);
  CHECK(peer.said().size() == 20);
  peer.tick_after(1'000);
  CHECK(peer.session->reason() == Session::Reason::kNoAnswer);
  CHECK(peer.session->reason_text().find("does not know") != std::string::npos);
}

TEST_CASE("wazuh udp: rubbish from anybody is counted and closes nothing") {
  Peer peer;
  peer.session->start("192.0.2.7");
  peer.say(kAck);
  AgentKey other = some_key();
  other.key = std::string(64, '0');
  peer.session->receive_datagram(*codec_of(other).seal("#!-force_reconnect", 1, {1, 1}));
  peer.session->receive_datagram("");
  peer.session->receive_datagram("GET / HTTP/1.1");
  peer.session->receive_datagram("#AES:x");
  CHECK(peer.session->state() == Session::State::kRunning);
  const auto& faults = peer.session->counts().faults;
  CHECK(faults[static_cast<size_t>(FrameFault::kWrongKey)] == 1);
  CHECK(faults[static_cast<size_t>(FrameFault::kEmpty)] == 1);
  CHECK(faults[static_cast<size_t>(FrameFault::kBadHead)] == 1);
  CHECK(faults[static_cast<size_t>(FrameFault::kTruncated)] == 1);
  peer.session->receive_datagram("#pong");
  CHECK(peer.session->take_pongs() == 1);
}

TEST_CASE("wazuh udp: a request is acknowledged, answered once, and the answer repeated until it has arrived") {
  Peer peer;
  peer.session->start("192.0.2.7");
  peer.say(kAck);
  peer.session->tick();
  peer.said();
  peer.say("#!-req a1 agent getstate");
  CHECK(peer.said() == Said{"#!-req a1 ack", "#!-req a1 answer to getstate"});
  peer.say("#!-req a1 agent getstate");  // our word was lost
  CHECK(peer.said() == Said{"#!-req a1 ack"});
  CHECK(peer.asked == 1);
  peer.tick_after(1'000);
  CHECK(peer.said() == Said{"#!-req a1 answer to getstate"});
  peer.say("#!-req a1 ack");
  peer.tick_after(1'000);
  CHECK(peer.said().empty());
  peer.say("#!-req a2 agent getstate");
  CHECK(peer.said().size() == 2);
  CHECK(peer.asked == 2);
  size_t repeats = 0;
  for (int i = 0; i < 15; ++i) {
    peer.tick_after(1'000);
    repeats += peer.said().size();
  }
  CHECK(repeats == 3);
}

TEST_CASE("wazuh udp: alerts in their thousands, byte for byte, confirmed") {
  Bench bench;
  make_udp(bench);
  bench.start_sink();
  bench.append(3'000);
  CHECK(bench.all_arrived());
  CHECK(bench.all_confirmed());
  bench.check_texts();
  bench.sink->stop(1'000);
  CHECK(eventually([&bench] { return bench.manager->counts().shutdowns == 1; }));
}

TEST_CASE("wazuh udp: on a network that loses datagrams the session holds, and requests are answered once") {
  Bench bench;
  bench.manager_options.udp_loss_percent = 10;
  make_udp(bench);
  bench.start_sink();
  CHECK(eventually([&bench] { return bench.manager->connected_agents().size() == 1; }));
  bench.append(500);
  CHECK(bench.all_confirmed());
  // What was lost alone is lost: that is UDP. Most arrives, and what arrives is whole.
  CHECK(bench.inbox.alerts() > 300);
  for (const auto& [id, times] : bench.inbox.times()) CHECK_FALSE(bench.inbox.text(id).empty());
  for (int i = 0; i < 5; ++i) bench.manager->request("001", "c" + std::to_string(i), "agent getconfig buffer");
  CHECK(eventually([&bench] { return bench.manager->responses().size() >= 4; }));
  std::set<std::string> once;
  for (const std::string& response : bench.manager->responses()) CHECK(once.insert(response).second);
  CHECK(bench.metrics.sum("tiercel_wazuh_bad_frames_total") == 0);
}

TEST_CASE("wazuh udp: a manager killed and back loses nothing that was not confirmed") {
  Bench bench;
  make_udp(bench);
  bench.sink_options.answer_timeout_ms = 2'000;
  bench.sink_options.silence_max_ms = 2'000;
  bench.start_sink();
  bench.append(200);
  CHECK(bench.all_confirmed());
  bench.manager->kill();
  bench.manager.reset();
  bench.append(300);
  bench.start_manager();
  CHECK(bench.all_confirmed());
  CHECK(bench.inbox.alerts() == 500);
}

TEST_CASE("wazuh udp: nobody there is told by the host, and the next manager takes over, over TCP") {
  Bench bench;
  bench.start_manager();
  bench.sink_options.managers = {{"127.0.0.1", 1, bench.manager->enrol_port(), Protocol::kUdp},
                                 {"127.0.0.1", bench.manager->port(), bench.manager->enrol_port()}};
  bench.start_sink();
  bench.append(5);
  CHECK(bench.all_confirmed());
  CHECK(bench.sink->status().manager == "127.0.0.1:" + std::to_string(bench.manager->port()));
}

TEST_CASE("wazuh udp: a message that no datagram holds is counted, not sent, and stops nothing") {
  Bench bench;
  make_udp(bench);
  bench.start_sink();
  CHECK(eventually([&bench] { return bench.sink->status().connected; }));
  auto noise = std::make_shared<alert::Alert>(*make_alert(1, Priority::kCritical));
  std::string random(24'400, ' ');  // 65,000 bytes that do not compress below a datagram
  noise->event_json = R"({"tiercel":{"id":"alert-1"},"x":")";
  while (noise->event_json.size() < 65'300) noise->event_json += static_cast<char>('#' + random_u32() % 57);
  noise->event_json += R"("})";
  bench.spool->append(noise);
  bench.append(3);
  CHECK(eventually([&bench] { return bench.inbox.alerts() >= 3; }));
}
