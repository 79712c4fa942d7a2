#include <doctest/doctest.h>

#include "agent/runtime/docker_api.h"

using namespace tiercel;
using namespace tiercel::runtime;
using container::Container;

namespace {

const std::string kId = "846e4111535f035f8f7ac53452ff1364c7b9392ef0716bc12ca944f0e711d754";
const std::string kImageId = "28cf9a875f7c3892f3028c111a78a408f4ce4749a14affb19527b34aacbcdd12";

Container asked_for(uint32_t missing) {
  Container container;
  container.full_id = kId;
  container.id = kId.substr(0, 12);
  container.missing = missing;
  return container;
}

// As an Engine answers, but for what nobody reads here.
std::string answer(const std::string& id = kId) {
  return R"({"Id":")" + id + R"(","Created":"2026-11-27T17:55:50.036294002Z","Path":"sleep","Args":["3000"],)" +
         R"("Image":"sha256:)" + kImageId + R"(","Name":"/c2",)" +
         R"("HostConfig":{"Privileged":true,"PidMode":"host","NetworkMode":"bridge","IpcMode":"private"},)" +
         R"("Mounts":[{"Type":"bind","Source":"/etc","Destination":"/mnt","Mode":"ro","RW":false,)" +
         R"("Propagation":"rprivate"},7],)" +
         R"("Config":{"Hostname":"846e4111535f","User":"app","Image":"registry:5000/tt:1.0",)" +
         R"("Labels":{"b":"2","a":"1","n":7}},)" +
         R"("NetworkSettings":{"IPAddress":"","Networks":{"none":{"IPAddress":""},"x":{"IPAddress":"172.17.0.2"}}}})";
}

std::string image_answer() {
  return R"({"Id":"sha256:)" + kImageId + R"(","RepoTags":["tt:1.0","other:2"],)" +
         R"("RepoDigests":["other@sha256:1","registry:5000/tt@sha256:2"]})";
}

}  // namespace

TEST_CASE("Docker: a container without a record is told whole") {
  Container container = asked_for(container::kMissingRecord);
  const auto image_id = read_docker_container(container, answer());
  REQUIRE(image_id.has_value());
  CHECK(*image_id == kImageId);
  CHECK(container.name == "c2");
  CHECK(container.image == "registry:5000/tt:1.0");
  CHECK(container.image_repository == "registry:5000/tt");
  CHECK(container.image_tag == "1.0");
  CHECK(container.image_id == kImageId);
  CHECK(container.labels == container::Labels{{"a", "1"}, {"b", "2"}});
  CHECK(container.user == "app");
  CHECK(container.hostname == "846e4111535f");
  CHECK(container.privileged == true);
  CHECK(container.host_pid == true);
  CHECK(container.host_network == false);
  CHECK(container.host_ipc == false);
  CHECK(container.ip == "172.17.0.2");
  CHECK(container.entrypoint == std::vector<std::string>{"sleep", "3000"});
  CHECK(container.created_ns == 1'795'802'150'036'294'002);
  REQUIRE(container.mounts.size() == 1);
  CHECK(container.mounts[0].source == "/etc");
  CHECK(container.mounts[0].dest == "/mnt");
  CHECK(container.mounts[0].mode == "ro");
  CHECK_FALSE(container.mounts[0].rdwr);
  CHECK(container.mounts[0].propagation == "rprivate");
  CHECK(container.known);
  CHECK_FALSE(container.verified);  // a socket knows nothing of the process's cgroup
  CHECK_FALSE(container.cut);
  CHECK(container.missing == container::kMissingDigest);

  REQUIRE(read_docker_image(container, *image_id, image_answer()));
  CHECK(container.image_digest == "sha256:2");
  CHECK(container.missing == 0);
}

TEST_CASE("Docker: only what is missing is filled, and what is there stays") {
  Container container = asked_for(container::kMissingIp | container::kMissingLabels | container::kMissingPodIp);
  container.labels = {{"of", "files"}};
  REQUIRE(read_docker_container(container, answer()).has_value());
  CHECK(container.ip == "172.17.0.2");
  CHECK(container.labels == container::Labels{{"of", "files"}});
  CHECK(container.name.empty());
  CHECK(container.image.empty());
  CHECK(container.mounts.empty());
  CHECK_FALSE(container.privileged.has_value());
  CHECK_FALSE(container.known);
  CHECK(container.missing == container::kMissingPodIp);
}

TEST_CASE("Docker: a container started by an image's id gets the image's name") {
  for (const std::string& image : {kImageId.substr(0, 12), "sha256:" + kImageId}) {
    Container container = asked_for(container::kMissingDigest);
    container.image = image;
    REQUIRE(read_docker_image(container, kImageId, image_answer()));
    CHECK(container.image == "tt:1.0");
    CHECK(container.image_repository == "tt");
    CHECK(container.image_digest == "sha256:1");  // the first: none is of this repository
  }
}

TEST_CASE("Docker: an answer about another, or none, changes nothing") {
  const std::string whole = answer();
  std::vector<std::string> lies = {"",
                                   "null",
                                   "[]",
                                   "7",
                                   "not JSON",
                                   answer(std::string(64, '0')),
                                   answer(kId.substr(0, 12)),
                                   "{}",
                                   R"({"Id":7})",
                                   std::string(100'000, '['),
                                   whole + "x"};
  for (size_t end = 0; end < whole.size(); end += 7) lies.push_back(whole.substr(0, end));
  for (const std::string& lie : lies) {
    Container container = asked_for(container::kMissingRecord);
    CHECK_FALSE(read_docker_container(container, lie).has_value());
    CHECK(container.missing == container::kMissingRecord);
    CHECK(container.name.empty());
    CHECK_FALSE(read_docker_image(container, kImageId, lie));
  }
}

TEST_CASE("Docker: wrong types are passed over") {
  std::string deep = R"({"Id":")" + kId + R"(","Name":)";
  for (int i = 0; i < 100'000; ++i) deep += R"({"a":)";
  Container nested = asked_for(container::kMissingName);
  CHECK(read_docker_container(nested, deep + "1" + std::string(100'001, '}')).has_value());
  CHECK(nested.name.empty());
  for (const char* wrong : {"7", "null", "[]", "{}", "\"\"", "true", "[[7]]", R"({"x":[{}]})"}) {
    const std::string w = wrong;
    Container container = asked_for(container::kMissingRecord);
    const std::string json = R"({"Id":")" + kId + R"(","Name":)" + w + R"(,"Path":)" + w + R"(,"Args":)" + w +
                             R"(,"Image":)" + w + R"(,"HostConfig":)" + w + R"(,"Mounts":)" + w + R"(,"Config":)" + w +
                             R"(,"NetworkSettings":)" + w + "}";
    const auto image_id = read_docker_container(container, json);
    REQUIRE(image_id.has_value());
    CHECK(image_id->empty());
    CHECK(container.name.empty());
    CHECK(container.mounts.empty());
    CHECK(container.labels.empty());
    const std::string inner = R"({"Id":")" + kId + R"(","HostConfig":{"Privileged":)" + w + R"(,"PidMode":)" + w +
                              R"(},"Config":{"Labels":)" + w + R"(,"Image":)" + w +
                              R"(},"NetworkSettings":{"Networks":)" + w + "}}";
    container = asked_for(container::kMissingRecord);
    CHECK(read_docker_container(container, inner).has_value());
    CHECK(container.image.empty());
    CHECK(container.ip.empty());
    container = asked_for(container::kMissingDigest);
    CHECK(read_docker_image(container, kImageId,
                            R"({"Id":")" + kImageId + R"(","RepoTags":)" + w + R"(,"RepoDigests":)" + w + "}"));
    CHECK(container.image_digest.empty());
  }
}

TEST_CASE("Docker: more than the limits is cut, and said so") {
  std::string mounts, args;
  std::string labels = R"("a":")" + std::string(container::kLabelSizeMax + 1, 'v') + "\",";
  for (size_t i = 0; i < container::kLabelsMax + 10; ++i) labels += "\"k" + std::to_string(i) + "\":\"v\",";
  labels += R"("z":"v")";
  for (size_t i = 0; i < container::kMountsMax + 1; ++i) mounts += R"({"Source":"s","Destination":"d"},)";
  for (size_t i = 0; i < 10'000; ++i) args += R"("",)";
  Container container = asked_for(container::kMissingRecord);
  REQUIRE(read_docker_container(container, R"({"Id":")" + kId + R"(","Name":")" + std::string(5'000, 'n') +
                                               R"(","Path":"p","Args":[)" + args + R"(""],"Mounts":[)" + mounts +
                                               R"(7],"Config":{"Labels":{)" + labels + "}}}")
              .has_value());
  CHECK(container.cut);
  CHECK(container.name.size() == container::kTextSizeMax);
  CHECK(container.mounts.size() == container::kMountsMax);
  CHECK(container.labels.size() == container::kLabelsMax);
  CHECK(container.labels[0].second.size() == container::kLabelSizeMax);
  CHECK(container.entrypoint.size() == container::kWordsMax);
}
