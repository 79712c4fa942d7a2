#include "agent/runtime/asker.h"

#include <doctest/doctest.h>

#include <condition_variable>
#include <map>
#include <memory>

#include "runtime_support.h"
#include "siem_support.h"

using namespace tiercel;
using namespace tiercel::runtime;
using namespace tiercel::runtime::test;
using container::Container;
using siem::test::TempDir;

namespace {

using ContainerPtr = std::shared_ptr<const Container>;

const std::string kId(64, 'c');
const std::string kImageId(64, 'd');
constexpr int kLongMs = 10 * 60 * 1000;  // nothing that passes waits for it

ContainerPtr make_container(const std::string& type, uint32_t missing, const std::string& id = kId) {
  auto container = std::make_shared<Container>();
  container->type = type;
  container->full_id = id;
  container->missing = missing;
  return container;
}

std::string docker_answer(const std::string& path) {
  if (path == "/containers/" + kId + "/json")
    return R"({"Id":")" + kId + R"(","Name":"/web","Image":"sha256:)" + kImageId +
           R"(","Config":{"Image":"nginx:1","Labels":{"a":"b"}},"NetworkSettings":{"IPAddress":"10.0.0.2"}})";
  if (path == "/images/sha256:" + kImageId + "/json")
    return R"({"Id":"sha256:)" + kImageId + R"(","RepoDigests":["nginx@sha256:e"]})";
  return {};
}

// Waits for answers; the number of answers is what is judged, never the time.
class Answers {
 public:
  Asker::Answer sink() {
    return [this](uint64_t ticket, ContainerPtr container) {
      const std::lock_guard<std::mutex> lock(mutex_);
      ++count_[ticket];
      last_[ticket] = std::move(container);
      changed_.notify_all();
    };
  }
  ContainerPtr of(uint64_t ticket) {
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock, [&] { return count_[ticket] > 0; });
    CHECK(count_[ticket] == 1);
    return last_[ticket];
  }
  size_t tickets() {
    const std::lock_guard<std::mutex> lock(mutex_);
    size_t answered = 0;
    for (const auto& [ticket, count] : count_) answered += count == 1 ? 1 : 0;
    return answered;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<uint64_t, int> count_;
  std::map<uint64_t, ContainerPtr> last_;
};

struct World {
  TempDir folder;
  Metrics metrics;
  FakeClock clock;
  Answers answers;

  [[nodiscard]] Asker::Options options(int timeout_ms = kLongMs) const {
    Asker::Options options;
    options.sockets = {{"/absent", "/docker"}, {"/podman"}, {"/containerd"}, {"/crio"}};
    options.host_root = folder.path();
    options.timeout_ms = timeout_ms;
    return options;
  }
  std::unique_ptr<Asker> asker(Asker::Options with) {
    with.clock = &clock;
    return std::make_unique<Asker>(std::move(with), metrics, answers.sink());
  }
  [[nodiscard]] uint64_t count(const std::string& label) const {
    uint64_t found = 0;
    metrics.each([&](const std::string& name, const std::string&, const Labels& labels, uint64_t value) {
      const std::string has = std::string(labels.value("runtime")) + " " + std::string(labels.value("result"));
      if (name == "tiercel_runtime_questions_total" && has == label) found = value;
    });
    return found;
  }
};

}  // namespace

TEST_CASE("asker: Docker tells what the files lack") {
  World world;
  Http1 docker;
  docker.answer = docker_answer;
  FakeServer server(world.folder / "docker", std::ref(docker));
  const auto asker = world.asker(world.options());
  REQUIRE(asker->ask(1, make_container("docker", container::kMissingIp)));
  CHECK(world.answers.of(1)->ip == "10.0.0.2");
  CHECK(docker.asked().size() == 1);  // the image was not wanted
  REQUIRE(asker->ask(2, make_container("docker", container::kMissingRecord)));
  const ContainerPtr whole = world.answers.of(2);
  CHECK(whole->missing == 0);
  CHECK(whole->name == "web");
  CHECK(whole->image_repository == "nginx");
  CHECK(whole->image_digest == "sha256:e");
  REQUIRE(docker.asked().size() == 3);
  CHECK(docker.asked()[0].starts_with("GET /containers/" + kId + "/json HTTP/1.1\r\n"));
  CHECK(world.count("docker answered") == 2);
}

TEST_CASE("asker: Podman answers alike, and an unknown container is asked for by id") {
  World world;
  Http1 here, empty;
  here.answer = docker_answer;
  empty.answer = [](const std::string&) { return std::string(); };
  const auto asker = world.asker(world.options());
  {
    FakeServer podman(world.folder / "podman", std::ref(here));
    REQUIRE(asker->ask(1, make_container("podman", container::kMissingName)));
    CHECK(world.answers.of(1)->name == "web");
    // Nobody says whose it is, and Podman is not among those asked.
    const ContainerPtr unknown = make_container("", container::kMissingRecord);
    REQUIRE(asker->ask(2, unknown));
    CHECK(world.answers.of(2) == unknown);
  }
  FakeServer docker(world.folder / "docker", std::ref(here));
  REQUIRE(asker->ask(3, make_container("", container::kMissingRecord)));
  CHECK(world.answers.of(3)->name == "web");
  CHECK(world.answers.of(3)->type == "docker");
  // Not found: the same container, and nothing else was asked.
  const ContainerPtr stranger = make_container("docker", container::kMissingRecord, std::string(64, 'e'));
  REQUIRE(asker->ask(4, stranger));
  CHECK(world.answers.of(4) == stranger);
  // What has no socket, what lacks nothing, and what is no id in a path.
  const ContainerPtr lxc = make_container("lxc", container::kMissingIp, "web");
  const ContainerPtr whole = make_container("docker", 0);
  const ContainerPtr crooked = make_container("docker", container::kMissingRecord, "../images");
  const size_t asked = here.asked().size();
  REQUIRE(asker->ask(5, lxc));
  REQUIRE(asker->ask(6, whole));
  REQUIRE(asker->ask(7, crooked));
  CHECK(world.answers.of(5) == lxc);
  CHECK(world.answers.of(6) == whole);
  CHECK(world.answers.of(7) == crooked);
  CHECK(here.asked().size() == asked);
}

TEST_CASE("asker: a socket that is not there, then is, then is gone") {
  World world;
  const auto asker = world.asker(world.options());
  const ContainerPtr container = make_container("docker", container::kMissingName);
  REQUIRE(asker->ask(1, container));
  CHECK(world.answers.of(1) == container);
  CHECK(world.count("docker not asked") == 1);
  {
    Http1 docker;
    docker.answer = docker_answer;
    FakeServer server(world.folder / "docker", std::ref(docker));
    REQUIRE(asker->ask(2, container));
    CHECK(world.answers.of(2)->name == "web");
  }
  REQUIRE(asker->ask(3, container));
  CHECK(world.answers.of(3) == container);
  CHECK(world.count("docker not asked") == 2);
}

TEST_CASE("asker: liars teach nothing") {
  World world;
  std::mutex mutex;
  std::string lie;
  FakeServer server(world.folder / "docker", [&](Connection& connection) {
    connection.read_until("\r\n\r\n");
    std::string now;
    {
      const std::lock_guard<std::mutex> lock(mutex);
      now = lie;
    }
    connection.write(now);
    if (now.ends_with("huge\r\n\r\n")) {
      while (connection.write(std::string(65536, ' '))) {
      }
    }
  });
  const auto asker = world.asker(world.options());
  const ContainerPtr container = make_container("docker", container::kMissingRecord);
  const std::string other = R"({"Id":")" + std::string(64, 'f') + R"(","Name":"/evil"})";
  uint64_t ticket = 0;
  for (const std::string& each :
       {http1(200, other), http1(200, "not JSON"), http1(200, R"({"Id":["x"]})"), http1(500, docker_answer("")),
        http1(200, docker_answer("/containers/" + kId + "/json")).substr(0, 150), std::string(),
        std::string("HTTP/1.1 200 OK\r\nContent-Length: 104857600\r\nX: huge\r\n\r\n")}) {
    {
      const std::lock_guard<std::mutex> lock(mutex);
      lie = each;
    }
    REQUIRE(asker->ask(++ticket, container));
    CHECK(world.answers.of(ticket) == container);
    CHECK(world.count("docker failed") == ticket);
  }
}

TEST_CASE("asker: who hangs is left alone, for longer each time, and holds up nobody else") {
  World world;
  FakeServer hanging(world.folder / "docker", [](Connection& connection) { connection.wait_for_end(); });
  Http1 podman;
  podman.answer = docker_answer;
  FakeServer speaking(world.folder / "podman", std::ref(podman));
  const auto asker = world.asker(world.options(100));
  const ContainerPtr container = make_container("docker", container::kMissingName);
  uint64_t ticket = 0;
  uint64_t rest_ms = 1'000;
  for (size_t round = 1; round <= 8; ++round) {  // 1 s, 2 s, ... 60 s
    REQUIRE(asker->ask(++ticket, container));
    CHECK(world.answers.of(ticket) == container);
    CHECK(hanging.connections() == round);
    CHECK(world.count("docker failed") == round);
    world.clock.advance_ms(rest_ms - 1);
    REQUIRE(asker->ask(++ticket, container));
    CHECK(world.answers.of(ticket) == container);
    CHECK(hanging.connections() == round);
    CHECK(world.count("docker not asked") == round);
    world.clock.advance_ms(1);
    rest_ms = std::min<uint64_t>(rest_ms * 2, 60'000);
  }
  REQUIRE(asker->ask(1'000, make_container("podman", container::kMissingName)));
  CHECK(world.answers.of(1'000)->name == "web");
}

TEST_CASE("asker: no place is told at once, and the end comes at once, with every ticket answered once") {
  World world;
  FakeServer hanging(world.folder / "docker", [](Connection& connection) { connection.wait_for_end(); });
  Http1 podman;
  podman.answer = docker_answer;
  FakeServer speaking(world.folder / "podman", std::ref(podman));
  Asker::Options options = world.options();
  options.queue_max = 3;
  auto asker = world.asker(options);
  const ContainerPtr container = make_container("docker", container::kMissingName);
  REQUIRE(asker->ask(1, container));
  hanging.wait_for_connections(1);  // the first question is on its way, three more have a place
  for (uint64_t ticket = 2; ticket <= 4; ++ticket) CHECK(asker->ask(ticket, container));
  CHECK_FALSE(asker->ask(5, container));
  CHECK(world.count("docker refused") == 1);
  CHECK(world.answers.tickets() == 0);
  REQUIRE(asker->ask(6, make_container("podman", container::kMissingName)));  // another runtime's go on
  CHECK(world.answers.of(6)->name == "web");
  asker.reset();  // ten minutes, were it to wait
  CHECK(world.answers.tickets() == 5);
  for (uint64_t ticket = 1; ticket <= 4; ++ticket) CHECK(world.answers.of(ticket) == container);
}
