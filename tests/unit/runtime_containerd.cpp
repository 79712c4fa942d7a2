#include "agent/runtime/containerd_api.h"

#include <doctest/doctest.h>

#include "agent/runtime/cri_api.h"
#include "agent/runtime/wire.h"
#include "runtime_support.h"
#include "siem_support.h"

using namespace tiercel;
using namespace tiercel::runtime;
using namespace tiercel::runtime::test;
using container::Container;
using siem::test::TempDir;

namespace {

const std::string kPodId(64, 'b');
const std::string kDigest = "sha256:" + std::string(64, '1');
constexpr uint32_t kPod = container::kMissingPodLabels | container::kMissingPodIp;

Container asked_for(uint32_t missing, const std::string& id = "web") {
  Container container;
  container.type = "containerd";
  container.full_id = id;
  container.missing = missing;
  return container;
}

std::string container_answer(const std::string& id = "web", const std::string& image = "docker.io/library/nginx:1") {
  return text_field(1, text_field(1, id) + entry_field(2, "b", "2") + entry_field(2, "a", "1") + text_field(3, image) +
                           text_field(4, text_field(1, "io.containerd.runc.v2")) + text_field(99, "new"));
}

std::string image_answer(const std::string& name = "docker.io/library/nginx:1") {
  return text_field(1, text_field(1, name) + text_field(3, text_field(1, "type") + text_field(2, kDigest)));
}

std::string pod_answer(const std::string& id = kPodId) {
  const std::string metadata = text_field(1, "web-7d9") + text_field(2, "uid-1") + text_field(3, "prod");
  const std::string info =
      R"({"pid":7,"cniResult":{"Interfaces":{"eth0":{"IPConfigs":[{"IP":"10.1.0.9"}]},"lo":{},"veth1":{}}}})";
  return text_field(1, text_field(1, id) + text_field(2, metadata) + text_field(5, text_field(1, "10.1.0.9")) +
                           entry_field(7, "app", "web")) +
         entry_field(2, "info", info);
}

// Every message that ends early must be refused or be about less, never read beyond.
template <class Read>
void cut_everywhere(const std::string& message, const Read& read) {
  for (size_t end = 0; end < message.size(); ++end) read(message.substr(0, end));
}

std::string field_1(const std::string& message) {
  WireReader reader(message);
  WireField field;
  return reader.next(field) && field.number == 1 ? std::string(field.bytes) : std::string();
}

struct Asking {
  explicit Asking(std::function<GrpcAnswer(size_t, const std::string&)> answer, int timeout_ms = 600'000)
      : deadline(std::chrono::steady_clock::now() + std::chrono::milliseconds(timeout_ms)) {
    grpc.answer = std::move(answer);
  }
  TempDir folder;
  Grpc grpc;
  FakeServer server{folder / "s", std::ref(grpc)};
  http::Client client;
  Dialogue::Deadline deadline;
  Dialogue dialogue{client, folder / "s", deadline, 1u << 20};
};

}  // namespace

TEST_CASE("containerd: a container's answer fills what is missing") {
  Container container = asked_for(container::kMissingRecord);
  const auto image = read_containerd_container(container, container_answer());
  REQUIRE(image.has_value());
  CHECK(*image == "docker.io/library/nginx:1");
  CHECK(container.image_repository == "docker.io/library/nginx");
  CHECK(container.image_tag == "1");
  CHECK(container.labels == container::Labels{{"a", "1"}, {"b", "2"}});
  CHECK(container.name == "web");
  CHECK(container.missing == container::kMissingDigest);
  REQUIRE(read_containerd_image(container, *image, image_answer()));
  CHECK(container.image_digest == kDigest);
  CHECK(container.missing == 0);

  container = asked_for(container::kMissingLabels);
  REQUIRE(read_containerd_container(container, container_answer()).has_value());
  CHECK(container.image.empty());
  CHECK(container.labels.size() == 2);
  CHECK(container.missing == 0);
}

TEST_CASE("containerd: an answer about another, or half of one, is none") {
  Container container = asked_for(container::kMissingRecord);
  CHECK_FALSE(read_containerd_container(container, container_answer("other")).has_value());
  CHECK_FALSE(read_containerd_container(container, "").has_value());
  CHECK_FALSE(read_containerd_image(container, "x", image_answer()));
  CHECK_FALSE(read_containerd_sandbox(container, container_answer()));
  cut_everywhere(container_answer(), [](const std::string& message) {
    Container one = asked_for(container::kMissingRecord);
    CHECK_FALSE(read_containerd_container(one, message).has_value());
    CHECK(one.missing == container::kMissingRecord);
  });
  cut_everywhere(image_answer(), [](const std::string& message) {
    Container one = asked_for(container::kMissingDigest);
    CHECK_FALSE(read_containerd_image(one, "docker.io/library/nginx:1", message));
  });
  // A label that is no entry, and numbers where texts belong.
  CHECK_FALSE(read_containerd_container(container, text_field(1, text_field(1, "web") + text_field(2, "\x0a\x7f")))
                  .has_value());
  CHECK_FALSE(read_containerd_container(container, "\x08\x01").has_value());
  CHECK(container.missing == container::kMissingRecord);
}

TEST_CASE("containerd: an image named by its id is no name") {
  Container container = asked_for(container::kMissingImage | container::kMissingDigest);
  const auto image = read_containerd_container(container, container_answer("web", "sha256:" + std::string(64, '7')));
  REQUIRE(image.has_value());
  CHECK(container.image_id == std::string(64, '7'));
  CHECK(container.image_repository.empty());
  CHECK(container.missing == container::kMissingDigest);
}

TEST_CASE("CRI: a pod's answer") {
  Container container = asked_for(kPod | container::kMissingIp | container::kMissingLabels);
  container.sandbox_id = kPodId;
  container.pod_name = "from files";
  REQUIRE(read_cri_sandbox(container, pod_answer()));
  CHECK(container.pod_labels == container::Labels{{"app", "web"}});
  CHECK(container.pod_name == "from files");
  CHECK(container.pod_namespace == "prod");
  CHECK(container.pod_uid == "uid-1");
  CHECK(container.pod_ip == "10.1.0.9");
  CHECK(container.ip == "10.1.0.9");
  CHECK(container.pod_cni_json == R"({"eth0":{"IPConfigs":[{"IP":"10.1.0.9"}]}})");
  CHECK(container.missing == container::kMissingLabels);

  Container other = asked_for(kPod);
  other.sandbox_id = std::string(64, 'a');
  CHECK_FALSE(read_cri_sandbox(other, pod_answer()));
  CHECK(other.missing == kPod);
  other.sandbox_id = kPodId;
  const std::string status = text_field(1, text_field(1, kPodId));
  for (const std::string& info :
       {std::string(50'000, '['), std::string("7"), std::string(R"({"cniResult":{"Interfaces":[]}})"),
        R"({"cniResult":{"Interfaces":{"e":)" + std::string(3'000, '[') + std::string(3'000, ']') + "}}}"}) {
    Container one = asked_for(kPod);
    one.sandbox_id = kPodId;
    CHECK(read_cri_sandbox(one, status + entry_field(2, "info", info)));
    CHECK(one.pod_cni_json.empty());
    CHECK(one.missing == 0);
  }
  REQUIRE(read_cri_sandbox(
      other, status + entry_field(2, "info",
                                  R"({"runtimeSpec":{"annotations":{"io.kubernetes.cri-o.CNIResult":"{\"a\":1}"}}})")));
  CHECK(other.pod_cni_json == R"({"a":1})");
}

TEST_CASE("CRI: a container's answer") {
  const std::string status =
      text_field(1, "web") + text_field(2, text_field(1, "nginx")) + text_field(8, text_field(1, "quay.io/nginx:2")) +
      text_field(9, "quay.io/nginx@" + kDigest) + entry_field(12, "a", "b") + text_field(17, std::string(64, '5'));
  Container container = asked_for(container::kMissingRecord);
  REQUIRE(read_cri_container(container, text_field(1, status)));
  CHECK(container.name == "nginx");
  CHECK(container.image_repository == "quay.io/nginx");
  CHECK(container.image_digest == kDigest);
  CHECK(container.image_id == std::string(64, '5'));
  CHECK(container.labels == container::Labels{{"a", "b"}});
  CHECK(container.missing == 0);
  container = asked_for(container::kMissingRecord, "other");
  CHECK_FALSE(read_cri_container(container, text_field(1, status)));
}

TEST_CASE("containerd: over HTTP/2, container, image and pod of one question") {
  Asking asking([](size_t call, const std::string&) -> GrpcAnswer {
    if (call == 0) return {.message = "", .status = 5};  // not in k8s.io
    if (call == 1) return {.message = container_answer()};
    if (call == 2) return {.message = image_answer()};
    return {.message = pod_answer()};
  });
  Container container = asked_for(container::kMissingRecord | kPod);
  container.sandbox_id = kPodId;
  CHECK(ask_containerd(asking.dialogue, "containerd", container) == Outcome::kAnswered);
  CHECK(container.missing == 0);
  CHECK(container.image_digest == kDigest);
  CHECK(container.socket_namespace == "default");
  CHECK(container.pod_ip == "10.1.0.9");
  const auto asked = asking.grpc.asked();
  REQUIRE(asked.size() == 4);
  CHECK(field_1(asked[0]) == "web");
  CHECK(field_1(asked[1]) == "web");
  CHECK(field_1(asked[2]) == "docker.io/library/nginx:1");
  CHECK(field_1(asked[3]) == kPodId);
}

TEST_CASE("containerd: of Docker's containers it knows that they are Docker's") {
  Asking asking([](size_t call, const std::string&) -> GrpcAnswer {
    if (call < 2) return {.message = "", .status = 5};  // neither in k8s.io nor in default
    return {.message = container_answer("web", "")};
  });
  Container container = asked_for(container::kMissingRecord);
  container.type.clear();
  CHECK(ask_containerd(asking.dialogue, "containerd", container) == Outcome::kAnswered);
  CHECK(container.type == "docker");
  CHECK(container.known);
  CHECK(container.labels.empty());
  CHECK((container.missing & container::kMissingRecord) == 0);
  CHECK((container.missing & container::kMissingImage) != 0);
}

TEST_CASE("containerd: without its CRI plugin the sandbox's own labels are taken") {
  Asking asking([](size_t call, const std::string&) -> GrpcAnswer {
    if (call == 0) return {.message = "", .status = 12};  // gRPC: the server has no such call
    return {.message = text_field(1, text_field(1, kPodId) + entry_field(2, "app", "web") +
                                         entry_field(2, "io.cri-containerd.kind", "sandbox"))};
  });
  Container container = asked_for(kPod, kPodId);
  container.sandbox = true;
  CHECK(ask_containerd(asking.dialogue, "containerd", container) == Outcome::kAnswered);
  CHECK(container.pod_labels == container::Labels{{"app", "web"}});
  CHECK(container.missing == container::kMissingPodIp);
}

TEST_CASE("CRI-O: the container and its pod") {
  Asking asking([](size_t call, const std::string&) -> GrpcAnswer {
    if (call == 0) return {.message = text_field(1, text_field(1, "web") + entry_field(12, "a", "b"))};
    return {.message = pod_answer()};
  });
  Container container = asked_for(container::kMissingLabels | kPod);
  container.sandbox_id = kPodId;
  CHECK(ask_crio(asking.dialogue, "cri-o", container) == Outcome::kAnswered);
  CHECK(container.missing == 0);
  CHECK(container.labels.size() == 1);
  CHECK(container.pod_labels.size() == 1);
}

TEST_CASE("containerd: lies over HTTP/2 teach nothing") {
  const GrpcAnswer lies[] = {
      {.message = container_answer("other")},
      {.message = container_answer(), .compressed = true},
      {.message = container_answer(), .without_trailers = true},
      {.message = std::string(3u << 20, 'x')},  // more than the limit
      {.message = "", .status = 13},
  };
  for (const GrpcAnswer& lie : lies) {
    Asking asking([&](size_t, const std::string&) { return lie; });
    Container container = asked_for(container::kMissingRecord);
    CHECK(ask_containerd(asking.dialogue, "containerd", container) == Outcome::kFailed);
    CHECK(container.missing == container::kMissingRecord);
    CHECK(container.labels.empty());
  }
}

TEST_CASE("containerd: one that is silent after the greeting hangs") {
  const TempDir folder;
  FakeServer server(folder / "s", [](Connection& connection) { connection.wait_for_end(); });
  http::Client client;
  const Dialogue dialogue(client, folder / "s", std::chrono::steady_clock::now() + std::chrono::milliseconds(100),
                          1000);
  Container container = asked_for(container::kMissingRecord);
  CHECK(ask_containerd(dialogue, "containerd", container) == Outcome::kHung);
}
