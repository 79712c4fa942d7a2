// Containers: from a cgroup's record to what its events show, over a host root of the test's own.
#include "agent/context/containers.h"

#include <doctest/doctest.h>
#include <fmt/core.h>
#include <rapidjson/document.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <thread>

#include "agent/context/users.h"
#include "decoders/record.h"

using namespace tiercel;
using namespace tiercel::context;

namespace {

const std::string kId(64, 'a'), kOther(64, 'b');

// A host of the test's own: Docker's record and bundle of one container or more.
class HostTree {
 public:
  HostTree() : root(std::filesystem::temp_directory_path() / fmt::format("tiercel-host-{}", ::getpid())) {
    std::filesystem::remove_all(root);
    std::filesystem::create_directories(root / "proc/1/ns");
    std::ofstream(root / "proc/1/ns/mnt") << "";
  }
  ~HostTree() { std::filesystem::remove_all(root); }
  HostTree(const HostTree&) = delete;
  HostTree& operator=(const HostTree&) = delete;

  void write(const std::string& path, const std::string& text) const {
    std::filesystem::create_directories((root / path).parent_path());
    const std::filesystem::path fresh = root / (path + ".new");
    std::ofstream(fresh) << text;
    std::filesystem::rename(fresh, root / path);
  }
  void docker(const std::string& id, const std::string& name, const std::string& labels = "{}",
              const std::string& more = "") const {
    const std::string rootfs = "/var/lib/docker/overlay2/" + id.substr(0, 4) + "/merged";
    write("var/lib/docker/containers/" + id + "/config.v2.json",
          fmt::format(R"({{"ID":"{}","Name":"/{}","Image":"sha256:{}","Config":{{"Image":"reg:5000/app:1.2",)"
                      R"("Labels":{},"User":"app"}},"Path":"run","Args":["-x"]}})",
                      id, name, kOther, labels));
    write("var/lib/docker/containers/" + id + "/hostconfig.json",
          R"({"Privileged":false,"NetworkMode":"none","CgroupParent":""})");
    write("var/lib/docker/image/overlay2/repositories.json",
          R"({"Repositories":{"reg:5000/app":{"reg:5000/app:1.2":"sha256:)" + kOther + R"("}}})");
    write("run/docker/containerd/daemon/io.containerd.runtime.v2.task/moby/" + id + "/config.json",
          fmt::format(R"({{"root":{{"path":"{}"}},"linux":{{{}"cgroupsPath":"/docker/{}"}}}})", rootfs, more, id));
    write(rootfs.substr(1) + "/etc/passwd", "root:x:0:0:root:/root:/bin/sh\napp:x:1000:1000::/home/app:/bin/app\n");
    write(rootfs.substr(1) + "/etc/group", "root:x:0:\nappgroup:x:1000:\n");
  }
  [[nodiscard]] uint32_t host_mnt_ns() const {
    struct stat st {};
    ::stat((root / "proc/1/ns/mnt").c_str(), &st);
    return static_cast<uint32_t>(st.st_ino);
  }
  [[nodiscard]] Containers::Options options() const {
    Containers::Options out;
    out.host_root = root.string();
    out.ask = false;
    out.wait_ms = 60'000;  // the test's machine may be slow; what is late is another test's matter
    return out;
  }

  const std::filesystem::path root;
};

struct World {
  HostTree host;
  Metrics metrics;
  std::unique_ptr<Containers> containers;
  explicit World(const std::function<void(Containers::Options&)>& change = {}) {
    Containers::Options options = host.options();
    if (change) change(options);
    containers = std::make_unique<Containers>(std::move(options), metrics);
  }
  std::shared_ptr<KnownContainer> see(uint64_t cgroup, const std::string& path) {
    containers->cgroup_seen(cgroup, path);
    return containers->of_cgroup(cgroup);
  }
};

ev_head head_of(uint32_t pid, uint32_t mnt_ns) {
  ev_head head{};
  head.pid = head.tid = pid;
  head.start_ns = 7;
  head.time_ns = 1'000;
  head.mnt_ns = mnt_ns;
  head.size = sizeof(ev_exec);
  return head;
}

// Until it is so: what a reader finds out comes when it comes.
void wait_until(Containers& containers, const std::function<bool()>& so) {
  for (int n = 0; n < 3'000 && !so(); ++n) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
    containers.poll(1);
  }
  CHECK(so());
}

}  // namespace

TEST_CASE("a container is known when its cgroup is: name, image, labels, and that the record names it") {
  World world;
  world.host.docker(kId, "web", R"({"tier":"front"})");
  const auto known = world.see(7, "/docker/" + kId);
  REQUIRE(known->facts);
  const Container& facts = *known->facts;
  CHECK(facts.id == kId.substr(0, 12));
  CHECK(facts.full_id == kId);
  CHECK(facts.type == "docker");
  CHECK(facts.name == "web");
  CHECK(facts.image == "reg:5000/app:1.2");
  CHECK(facts.image_repository == "reg:5000/app");
  CHECK(facts.image_tag == "1.2");
  CHECK(facts.image_id == kOther);
  REQUIRE(facts.labels.size() == 1);
  CHECK(facts.labels[0].second == "front");
  CHECK(facts.user == "app");
  CHECK(facts.known);
  CHECK(facts.missing == 0);
  CHECK(world.containers->counts().containers == 1);
}

TEST_CASE("a cgroup of the host is no container, and of one that nobody told of nothing is claimed") {
  World world;
  CHECK(world.see(1, "/system.slice/ssh.service")->facts == nullptr);
  CHECK(world.see(2, "/")->facts == nullptr);
  const auto never_told = world.containers->of_cgroup(3);
  REQUIRE(never_told->facts);
  CHECK(never_told->facts->id.empty());
  CHECK_FALSE(never_told->facts->known);
  // its announcement was lost at first: who holds it sees what came later
  world.host.docker(kId, "web");
  world.containers->cgroup_seen(3, "/docker/" + kId);
  REQUIRE(never_told->facts);
  CHECK(never_told->facts->name == "web");
}

TEST_CASE("a cgroup that only looks like a container's has an id and nothing else") {
  World world;
  const auto known = world.see(7, "/docker/" + kOther);
  REQUIRE(known->facts);
  CHECK(known->facts->id == kOther.substr(0, 12));
  CHECK(known->facts->name.empty());
  CHECK_FALSE(known->facts->known);
  CHECK_FALSE(known->facts->verified);
  CHECK(world.containers->counts().unverified == 1);
}

TEST_CASE("cgroups below a container's own belong to it, also those that are named like another container") {
  World world;
  world.host.docker(kId, "web");
  world.host.docker(kOther, "bank");
  const auto own = world.see(7, "/docker/" + kId);
  const auto below = world.see(8, "/docker/" + kId + "/init.scope");
  CHECK(below == own);
  const auto borrowed = world.see(9, "/docker/" + kId + "/docker/" + kOther);
  REQUIRE(borrowed->facts);
  CHECK(borrowed->facts->name == "web");
}

TEST_CASE("a cgroup is known until it is gone, and a little longer for records on their way") {
  World world;
  world.host.docker(kId, "web");
  auto held = world.see(7, "/docker/" + kId);
  world.containers->cgroup_gone(7, 1'000'000'000);
  CHECK(world.containers->of_cgroup(7) == held);
  CHECK(world.containers->counts().cgroups == 1);
  CHECK(world.containers->counts().facts_bytes > 0);
  world.containers->poll(4'000'000'000);
  CHECK(world.containers->counts().cgroups == 0);
  CHECK(held->facts->name == "web");  // a process still has it
  held.reset();
  CHECK(world.containers->counts().facts_bytes == 0);
}

TEST_CASE("a restarted container is read again, though its cgroup has the same path") {
  World world;
  world.host.docker(kId, "before");
  const auto before = world.see(7, "/docker/" + kId);
  world.containers->cgroup_gone(7, 1);
  world.host.docker(kId, "after");
  CHECK(world.see(8, "/docker/" + kId)->facts->name == "after");
  CHECK(before->facts->name == "before");
}

TEST_CASE("removals that were lost are made up for") {
  World world;
  world.host.docker(kId, "web");
  world.see(7, "/docker/" + kId);
  world.see(8, "/system.slice");
  world.containers->forget_unless([](uint64_t id) { return id == 8; });
  CHECK(world.containers->counts().cgroups == 1);
  CHECK(world.containers->counts().facts_bytes == 0);
}

TEST_CASE("cgroups and facts have limits") {
  World world([](Containers::Options& options) {
    options.cgroups_max = 50;
    options.facts_bytes_max = 20'000;
  });
  std::string labels = "{";
  for (int n = 0; n < 40; ++n) labels += fmt::format("{}\"label{}\":\"{}\"", n ? "," : "", n, std::string(100, 'x'));
  bool cut = false;
  for (uint64_t n = 0; n < 200; ++n) {
    const std::string id = fmt::format("{:064x}", n);
    world.host.docker(id, fmt::format("name{}", n), labels + "}");
    const auto known = world.see(100 + n, "/docker/" + id);
    REQUIRE(known->facts);
    CHECK(known->facts->name == fmt::format("name{}", n));
    cut = cut || known->facts->cut;
    // each newcomer costs what cannot be left out
    CHECK(world.containers->counts().facts_bytes < 20'000 + 51 * 4'096);
  }
  CHECK(cut);
  CHECK(world.containers->counts().cgroups == 50);
}

TEST_CASE("a container's users are its own; ids go through its user namespace") {
  World world;
  world.host.docker(kId, "web");
  auto known = world.see(7, "/docker/" + kId);
  const User* user = world.containers->user(*known, 1000);
  REQUIRE(user);
  CHECK(user->name == "app");
  CHECK(user->home == "/home/app");
  REQUIRE(world.containers->group(*known, 1000));
  CHECK(*world.containers->group(*known, 1000) == "appgroup");
  CHECK_FALSE(world.containers->user(*known, 1001));

  world.host.docker(kOther, "mapped", "{}",
                    R"("uidMappings":[{"containerID":0,"hostID":100000,"size":65536}],)"
                    R"("gidMappings":[{"containerID":0,"hostID":200000,"size":65536}],)");
  known = world.see(8, "/docker/" + kOther);
  REQUIRE(world.containers->user(*known, 101000));
  CHECK(world.containers->user(*known, 101000)->name == "app");
  CHECK_FALSE(world.containers->user(*known, 1000));
  REQUIRE(world.containers->group(*known, 201000));
  CHECK_FALSE(world.containers->group(*known, 101000));
}

TEST_CASE("users of a container whose files were late are there before they are asked for") {
  World world([](Containers::Options& options) { options.wait_ms = 0; });
  world.host.docker(kId, "web");
  const auto known = world.see(7, "/docker/" + kId);
  wait_until(*world.containers, [&] { return known->users != nullptr; });
  REQUIRE(known->users->user(1000));
  CHECK(known->users->user(1000)->name == "app");
}

TEST_CASE("a user that is added later is seen") {
  World world;
  world.host.docker(kId, "web");
  const auto known = world.see(7, "/docker/" + kId);
  CHECK_FALSE(world.containers->user(*known, 4242));
  world.host.write("var/lib/docker/overlay2/aaaa/merged/etc/passwd", "late:x:4242:1::/:/bin/sh\n");
  wait_until(*world.containers, [&] { return world.containers->user(*known, 4242) != nullptr; });
  CHECK(world.containers->user(*known, 4242)->name == "late");
  CHECK_FALSE(world.containers->user(*known, 1000));
}

TEST_CASE("a container's start is told once, with its first program of its own") {
  World world;
  world.host.docker(kId, "web", R"({"tier":"front"})");
  const auto known = world.see(7, "/docker/" + kId);
  Containers& containers = *world.containers;
  const uint32_t host_mnt_ns = world.host.host_mnt_ns();
  containers.program_started(*known, head_of(20, host_mnt_ns), 20);  // the runtime's, outside still
  CHECK_FALSE(containers.has_started());
  containers.program_started(*known, head_of(21, 77), 1);
  REQUIRE(containers.has_started());
  const auto bytes = containers.take_started();
  CHECK_FALSE(containers.has_started());
  containers.program_started(*known, head_of(22, 77), 1);
  CHECK_FALSE(containers.has_started());

  const auto record = decoders::Record::parse(bytes);
  REQUIRE(record);
  CHECK(record->info().name == "container");
  CHECK(record->head().pid == 21);
  const auto* started = record->as<ev_container>();
  REQUIRE(started);
  rapidjson::Document json;
  json.Parse(std::string(record->text(started->json)).c_str());
  REQUIRE(json.IsObject());
  CHECK(json["container"]["name"] == "web");
  CHECK(json["container"]["id"] == kId.substr(0, 12));
  CHECK(json["container"]["imagerepo"] == "reg:5000/app");
  CHECK(json["container"]["labels"]["tier"] == "front");
}

TEST_CASE("containers that ran before, and what is no container, are not told of") {
  World world;
  world.host.docker(kId, "web");
  Containers& containers = *world.containers;
  const auto known = world.see(7, "/docker/" + kId);
  containers.was_running(*known);
  containers.program_started(*known, head_of(21, 77), 1);
  const auto host = world.see(8, "/system.slice");
  containers.program_started(*host, head_of(22, 77), 1);
  const auto unknown = containers.of_cgroup(9);
  containers.program_started(*unknown, head_of(23, 77), 1);
  CHECK_FALSE(containers.has_started());
}

TEST_CASE("the record of a start is JSON however much there is to say") {
  Container container;
  container.id = "web";
  container.full_id = kId;
  for (int n = 0; n < 200; ++n) container.labels.emplace_back(fmt::format("key{:04}", n), std::string(100, '"'));
  container.name = "\x01\xff\"name";
  for (size_t room : {100'000u, 15'000u, 1'200u, 700u}) {
    const std::string text = container_json(container, room);
    CAPTURE(room);
    CHECK(text.size() <= room);
    rapidjson::Document json;
    json.Parse(text.data(), text.size());
    CHECK_FALSE(json.HasParseError());
    CHECK(json["container"]["id"] == "web");
    CHECK(json["container"].HasMember("cut") == (room < 100'000));
  }
}

TEST_CASE("the host's users come from below the host root, and links in there stay there") {
  HostTree host;
  host.write("real/passwd", "inside:x:4242:1::/:/bin/sh\n");
  std::filesystem::create_directories(host.root / "etc");
  std::filesystem::create_symlink("/real/passwd", host.root / "etc/passwd");
  Users users(host.root.string());
  REQUIRE(users.user(4242));
  CHECK(users.user(4242)->name == "inside");
  CHECK_FALSE(users.user(0));
}
