// The dev-manager against a socket that does as it likes: what it answers, what it refuses, what it loses.
#include "siem/wazuh/manager/dev_manager.h"

#include <doctest/doctest.h>
#include <poll.h>
#include <rapidjson/document.h>
#include <sys/socket.h>

#include <array>
#include <mutex>

#include "agent/base/fd.h"
#include "siem/wazuh/crypto.h"
#include "siem/wazuh/enroll.h"
#include "siem/wazuh/manager/agent_store.h"
#include "siem/wazuh/message.h"
#include "siem/wazuh/tcp.h"
#include "wazuh_support.h"

using namespace tiercel;
using namespace tiercel::wazuh;
using namespace tiercel::wazuh::test;

namespace {

constexpr int kLimitMs = 30'000;

struct Manager {
  explicit Manager(DevManagerOptions options = {}) {
    options.dir = folder / "manager";
    options.port = 0;
    options.enrol_port = 0;
    options.on_event = [this](const DevEvent& event) {
      std::lock_guard lock(mutex);
      events.push_back(event);
    };
    REQUIRE(write_folder(options.dir));
    manager = std::make_unique<DevManager>(options);
    REQUIRE(manager->start().has_value());
  }
  static bool write_folder(const std::string& dir) {
    return std::filesystem::create_directory(dir) && write_key_file(dir + "/client.keys", {some_key()}).has_value();
  }
  std::vector<DevEvent> taken() {
    std::lock_guard lock(mutex);
    return events;
  }
  TempFolder folder;
  std::mutex mutex;
  std::vector<DevEvent> events;
  std::unique_ptr<DevManager> manager;
};

// An agent by hand.
class Client {
 public:
  explicit Client(const DevManager& manager) : codec_(codec_of(some_key())) {
    auto fd = connect_tcp("127.0.0.1", manager.port(), {deadline_in_ms(kLimitMs), -1, {}, nullptr});
    REQUIRE(fd.has_value());
    fd_ = std::move(*fd);
  }
  void raw(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t put = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (put < 0) return;  // closed: that is for closed() to see
      bytes.remove_prefix(static_cast<size_t>(put));
    }
  }
  void say(std::string_view message, Cipher cipher = Cipher::kAes) {
    raw(frame("!001!" + *codec_.seal(message, 7, counter_.next(), cipher)));
  }
  // The next message, or "(closed)".
  std::string hear() {
    for (;;) {
      if (reader_.next() == FrameReader::State::kPayload) {
        std::string message(reader_.payload());
        if (message != "#pong") {
          const OpenedFrame opened = codec_.open(message);
          REQUIRE(opened.fault == FrameFault::kNone);
          cipher_ = opened.cipher;
          message = opened.message;
        }
        reader_.consume();
        return message;
      }
      std::array<char, 4096> chunk;
      if (!wait_for(fd_.get(), POLLIN, {deadline_in_ms(kLimitMs), -1, {}, nullptr})) return "(silence)";
      const ssize_t got = ::recv(fd_.get(), chunk.data(), chunk.size(), 0);
      if (got <= 0) return "(closed)";
      reader_.append({chunk.data(), static_cast<size_t>(got)});
    }
  }
  [[nodiscard]] Cipher heard_cipher() const { return cipher_; }

 private:
  Fd fd_;
  Codec codec_;
  FrameReader reader_;
  SenderCounter counter_{{}, 1'700'000'000};
  Cipher cipher_ = Cipher::kAes;
};

}  // namespace

TEST_CASE("wazuh manager: answers, events, and its JSON line") {
  Manager m;
  Client client(*m.manager);
  client.say(R"(#!-agent startup {"version":"v4.14.7"})");
  CHECK(client.hear() == kAck);
  client.say("#!-agent startup");
  CHECK(client.hear() == kAck);
  client.say("#!-agent startup {}");
  CHECK(client.hear() == R"(#!-err {"message":"Couldn't retrieve version"})");
  client.say(R"(#!-agent startup {"version":"v4.15.0"})");
  CHECK(client.hear().find("lower or equal") != std::string::npos);
  client.say("#!-keepalive without its end");  // neither answered nor a reason to close
  client.say("#!-Linux |x - Wazuh v4.14.7\nx merged.mg\n", Cipher::kBlowfish);
  CHECK(client.hear() == kAck);
  CHECK(client.heard_cipher() == Cipher::kBlowfish);
  client.raw(frame("#ping"));
  CHECK(client.hear() == "#pong");

  const std::string json = R"({"tiercel":{"id":"x","n": 1.50,"t":"\u00e9 é"}})";
  client.say("no queue");
  client.say("1:a|:b||c:text");
  client.say("1:keepalive:dropped");
  client.say("1:tiercel:tiercel: " + json);
  CHECK(eventually([&m] { return m.taken().size() == 2 && m.manager->counts().malformed_events == 1; }));
  std::vector<DevEvent> events = m.taken();
  if (events[0].location == "tiercel") std::swap(events[0], events[1]);  // the workers do not keep the order
  CHECK(events[0].location == "a:b|c");
  CHECK(tiercel_json(events[0]).empty());
  CHECK(tiercel_json(events[1]) == json);
  // The place in the stream tells what the workers do not keep.
  CHECK(events[0].connection == events[1].connection);
  CHECK(events[0].frame < events[1].frame);
  const std::string line = dev_event_json(events[1]);
  CHECK(line.ends_with(R"("location":"tiercel","decoder":"tiercel","event":)" + json + '}'));
  for (const DevEvent& event : events) {
    rapidjson::Document document;
    document.Parse(dev_event_json(event).c_str());
    REQUIRE_FALSE(document.HasParseError());
    CHECK(document["agent"]["id"] == "001");
    CHECK(document["agent"]["name"] == "real-agent");
  }
  DevEvent broken = events[1];
  for (const char* text : {"tiercel: {\"a\":", "tiercel: {\"a\":1} {}", "tiercel: [1]", "tiercel: {\"a\":\n1}",
                           "tiercel: {\"a\":\"\xff\"}"}) {
    broken.text = text;
    CHECK(tiercel_json(broken).empty());
    rapidjson::Document document;
    document.Parse(dev_event_json(broken).c_str());
    CHECK_FALSE(document.HasParseError());
  }
}

TEST_CASE("wazuh manager: what closes a connection, without an answer") {
  Manager m;
  Client client(*m.manager);
  Codec codec = codec_of(some_key());
  AgentKey other = some_key();
  other.key = std::string(64, '0');
  std::string bad_checksum = checksummed_plaintext("hello", 1, {1, 1});
  bad_checksum[0] = bad_checksum[0] == 'a' ? 'b' : 'a';
  SUBCASE("length 0") {
    client.raw(std::string(4, '\0'));
  }
  SUBCASE("length 65537") {
    client.raw(std::string("\x01\x00\x01\x00", 4));
  }
  SUBCASE("an id that nobody has") {
    client.raw(frame("!999!" + *codec.seal("hello", 1, {1, 1})));
  }
  SUBCASE("no id") {
    client.raw(frame(*codec.seal("hello", 1, {1, 1})));
  }
  SUBCASE("an id that is none") {
    client.raw(frame("!x!" + *codec.seal("hello", 1, {1, 1})));
  }
  SUBCASE("another key") {
    client.raw(frame("!001!" + *codec_of(other).seal("hello", 1, {1, 1})));
  }
  SUBCASE("no ciphertext") {
    client.raw(frame("!001!#AES:"));
  }
  SUBCASE("rubbish") {
    client.raw("GET / HTTP/1.1\r\n\r\n");
  }
  SUBCASE("a wrong checksum") {
    CipherBox box(derive_key("001", some_key().name, some_key().key));
    client.raw(frame("!001!#AES:" + *box.encrypt(Cipher::kAes, '!' + codec.compress(bad_checksum))));
  }
  CHECK(client.hear() == "(closed)");
  CHECK(m.manager->counts().closed_by_us == 1);
  CHECK(m.manager->counts().events == 0);
}

TEST_CASE("wazuh manager: one connection for an agent") {
  DevManagerOptions options;
  options.overtake_ms = 60'000;
  Manager m(options);
  Client first(*m.manager);
  first.say("#!-agent startup");
  CHECK(first.hear() == kAck);
  {
    Client second(*m.manager);
    second.say("#!-agent startup");
    CHECK(second.hear() == "(closed)");
  }
  first.say("#!-x\n");
  CHECK(first.hear() == kAck);
}

TEST_CASE("wazuh manager: a silent connection is overtaken") {
  DevManagerOptions options;
  options.overtake_ms = 0;
  Manager m(options);
  Client first(*m.manager);
  first.say("#!-agent startup");
  CHECK(first.hear() == kAck);
  Client second(*m.manager);
  second.say("#!-agent startup");
  CHECK(second.hear() == kAck);
  CHECK(first.hear() == "(closed)");
}

TEST_CASE("wazuh manager: counters are verified where asked for, with one worker only") {
  DevManagerOptions options;
  options.verify_counter = true;
  options.dir = "/nonexistent-by-intent";
  CHECK_FALSE(DevManager(options).start().has_value());
  options.workers = 1;
  Manager m(options);
  Client client(*m.manager);
  Codec codec = codec_of(some_key());
  client.raw(frame("!001!" + *codec.seal("#!-x\n", 1, {5, 7})));
  CHECK(client.hear() == kAck);
  client.raw(frame("!001!" + *codec.seal("#!-x\n", 1, {6, 1})));
  CHECK(client.hear() == kAck);
  client.raw(frame("!001!" + *codec.seal("#!-x\n", 1, {6, 1})));
  CHECK(client.hear() == "(closed)");
}

TEST_CASE("wazuh manager: a full queue drops without a word, kill forgets what was not finished") {
  DevManagerOptions options;
  options.workers = 1;
  options.queue_frames_max = 10;
  options.stall_percent = 100;
  options.stall_ms_max = 1'000'000;
  options.seed = 3;
  Manager m(options);
  Client client(*m.manager);
  for (int i = 0; i < 50; ++i) client.say("1:x:event");
  CHECK(eventually([&m] { return m.manager->counts().frames == 50; }));
  // One with the worker, ten in the queue; whether the worker was there before the queue was full is chance.
  const DevManagerCounts before = m.manager->counts();
  CHECK(before.dropped >= 39);
  CHECK(before.dropped <= 40);
  m.manager->kill();
  const DevManagerCounts after = m.manager->counts();
  CHECK(after.gone == 50 - before.dropped);
  CHECK(after.events == 0);
  CHECK(client.hear() == "(closed)");
}

TEST_CASE("wazuh manager: loopback only") {
  const TempFolder folder;
  DevManagerOptions options;
  options.dir = folder / "m";
  options.port = options.enrol_port = 0;
  for (const char* address : {"0.0.0.0", "192.0.2.1", "::", "example.org", ""}) {
    options.address = address;
    const auto started = DevManager(options).start();
    REQUIRE_FALSE(started.has_value());
    CHECK(started.error().fault == Fault::kUser);
  }
}

TEST_CASE("wazuh enrolment: against the manager, over TLS") {
  DevManagerOptions options;
  options.key_update_ms = 0;
  Manager m(options);
  const auto ask = [&m](EnrolServer server, const EnrolRequest& request) {
    server.port = m.manager->enrol_port();
    return enrol(server, request, {deadline_in_ms(kLimitMs), -1, {}, nullptr});
  };
  EnrolRequest request;
  request.agent_name = "new-agent";
  request.version = "v4.14.0";
  EnrolServer server{"127.0.0.1", 0, {}};
  const auto first = ask(server, request);
  REQUIRE(first.has_value());
  CHECK(first->key.id == "002");
  CHECK(first->key.key.size() == 64);

  // With the certificate as CA, by address and by name; not by a name that it does not have; not with another CA.
  server.ca_file = m.manager->certificate_file();
  request.old_key_hash = key_hash(first->key);
  CHECK(ask(server, request)->may_be_good);
  server.host = "localhost";
  CHECK(ask(server, request)->may_be_good);
  request.old_key_hash = sha1_hex("another");
  CHECK(ask(server, request)->key.id == "003");

  server.host = "127.0.0.2";
  const auto wrong_host = ask(server, request);
  REQUIRE_FALSE(wrong_host.has_value());
  server.host = "127.0.0.1";
  {
    Manager other;
    server.ca_file = other.manager->certificate_file();
    const auto wrong_ca = ask(server, request);
    REQUIRE_FALSE(wrong_ca.has_value());
    CHECK(wrong_ca.error().message.find(server.ca_file) != std::string::npos);
  }
  server.ca_file = "/no/such/file.pem";
  CHECK(ask(server, request).error().message.find("/no/such/file.pem") != std::string::npos);

  // The 1514 side speaks no TLS.
  server.ca_file.clear();
  server.port = m.manager->port();
  const auto no_tls = enrol(server, request, {deadline_in_ms(kLimitMs), -1, {}, nullptr});
  REQUIRE_FALSE(no_tls.has_value());
  CHECK(no_tls.error().message.find("enrolment port") != std::string::npos);
}

TEST_CASE("wazuh manager: enrolment by the rules of authd") {
  const TempFolder folder;
  AgentStoreOptions options;
  options.keys_file = folder / "client.keys";
  options.groups = {"default"};
  options.key_update_ms = 0;
  AgentStore store(options);
  REQUIRE(store.load().has_value());
  const auto ask = [&store](const std::string& line) { return store.enrol(line, "127.0.0.9"); };
  const auto error = [](const std::string& text) { return "ERROR: " + text + ". Unable to add agent"; };

  CHECK(ask("OSSEC A:'ab'").starts_with("OSSEC K:'001 ab any "));
  CHECK(ask("OSSEC A:'cd' V:'v4.14.9' G:'default' IP:'src'").starts_with("OSSEC K:'002 cd 127.0.0.9 "));
  CHECK(ask("OSSEC A:'x'") == error("Invalid agent name: x"));
  CHECK(ask("OSSEC A:'a b'") == error("Invalid agent name: a b"));
  CHECK(ask("OSSEC A:'tiercel-dev-manager'") == error("Invalid agent name: tiercel-dev-manager"));
  CHECK(ask("OSSEC A:'ef' V:'v4.15.0'") == error("Agent version must be lower or equal to manager version"));
  CHECK(ask("OSSEC A:'ef' V:'rubbish'").starts_with("OSSEC K:'003"));
  CHECK(ask("OSSEC A:'gh' G:'nope'") == error("Invalid group: nope"));
  CHECK(ask("OSSEC A:'gh' IP:'banana'") == error("Invalid IP: banana"));
  CHECK(ask("OSSEC A:'gh") == error("Invalid request for new agent"));
  CHECK(ask("rubbish") == error("Invalid request for new agent"));
  CHECK(ask("OSSEC PASS: x OSSEC A:'gh'") == error("Invalid request for new agent"));
  CHECK(ask("OSSEC A:'gh' V:'v4") == error("Unterminated version field"));
  CHECK(ask("OSSEC A:'gh' G:'a") == error("Unterminated group field"));
  CHECK(ask("OSSEC A:'gh' IP:'a") == error("Unterminated IP field"));
  CHECK(ask("OSSEC A:'gh' K:'a") == error("Unterminated key field"));
  // Without the key's hash, or with another one, the old agent goes.
  CHECK(ask("OSSEC A:'ab'").starts_with("OSSEC K:'004 ab any "));
  CHECK(store.known("004").has_value());
  CHECK_FALSE(store.known("001").has_value());
  const AgentKey key = *store.known("004");
  CHECK(ask("OSSEC A:'ab' K:'" + key_hash(key) + "'") == error("Duplicate agent name: ab"));

  AgentStore again(options);
  REQUIRE(again.load().has_value());
  CHECK(again.known("004") == key);
}
