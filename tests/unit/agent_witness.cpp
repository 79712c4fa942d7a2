// What the agent and its witness say to each other, and whom a guard lets through.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <string>

#include "agent/base/fd.h"
#include "agent/sensor/guard.h"
#include "agent/witness_contact.h"
#include "siem/wazuh/keys.h"
#include "wazuh_support.h"

using namespace tiercel;

TEST_CASE("witness: a contact comes over with its socket, and what is no contact does not") {
  std::array<int, 2> ends{-1, -1};
  REQUIRE(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) == 0);
  Fd ours(ends[0]);
  const Fd theirs(ends[1]);
  CHECK_FALSE(witness::hear_contact(theirs.get()).contact);
  CHECK_FALSE(witness::hear_contact(theirs.get()).end);

  wazuh::Contact contact;
  contact.key = wazuh::test::some_key();
  contact.version = "v4.9.0";
  contact.manager = 2;
  const Fd zero(::open("/dev/zero", O_RDONLY | O_CLOEXEC));
  witness::send_contact_to(ours.get(), witness::packed(contact), zero.get());
  witness::send_contact_to(ours.get(), witness::packed(contact), -1);
  witness::send_contact_to(ours.get(), "nonsense", -1);
  auto heard = witness::hear_contact(theirs.get());
  REQUIRE(heard.contact);
  CHECK(heard.contact->key == contact.key);
  CHECK(heard.contact->version == "v4.9.0");
  CHECK(heard.contact->manager == 2);
  std::array<char, 4> bytes{'x', 'x', 'x', 'x'};
  REQUIRE(heard.fd.valid());
  CHECK(::read(heard.fd.get(), bytes.data(), bytes.size()) == 4);
  CHECK(bytes[3] == '\0');
  heard = witness::hear_contact(theirs.get());
  CHECK(heard.contact);
  CHECK_FALSE(heard.fd.valid());
  CHECK_FALSE(witness::hear_contact(theirs.get()).contact);
  ours.reset();
  CHECK(witness::hear_contact(theirs.get()).end);
}

TEST_CASE("witness: a contact's text that was cut or added to is none") {
  wazuh::Contact contact;
  contact.key = wazuh::test::some_key();
  contact.version = "v4.14.0";
  const std::string text = witness::packed(contact);
  CHECK(witness::unpacked(text));
  for (size_t size = 0; size < text.size(); ++size) CHECK_FALSE(witness::unpacked(text.substr(0, size)));
  CHECK_FALSE(witness::unpacked(text + "more"));
}

TEST_CASE("witness: counters of two processes that speak as one agent never fall") {
  wazuh::test::TempFolder folder;
  wazuh::SenderCounter agent(folder / "counter", 100);
  const auto first = agent.next();
  wazuh::SenderCounter witness(folder / "counter", 100);
  const auto second = witness.next();
  CHECK(first < second);
  agent.catch_up();
  const auto third = agent.next();
  CHECK(second < third);
  agent.catch_up();  // nobody spoke meanwhile
  CHECK(agent.next().global == third.global);
}

TEST_CASE("guard: BPF LSM is active where the kernel lists it, under its own name") {
  CHECK(sensor::lsm_list_has_bpf("lockdown,capability,yama,apparmor,bpf"));
  CHECK(sensor::lsm_list_has_bpf("bpf\n"));
  CHECK_FALSE(sensor::lsm_list_has_bpf("lockdown,capability,nobpf,bpfx"));
  CHECK_FALSE(sensor::lsm_list_has_bpf(""));
}
