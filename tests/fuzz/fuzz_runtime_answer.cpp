// What a runtime's socket, or whoever plays one, answers. The first byte chooses the reader, the second what is
// missing. A reader either refuses the bytes and changes nothing that counts, or keeps container.h's limits.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "agent/container/container.h"
#include "agent/runtime/containerd_api.h"
#include "agent/runtime/cri_api.h"
#include "agent/runtime/docker_api.h"
#include "agent/runtime/grpc.h"
#include "agent/runtime/wire.h"

namespace {

using namespace tiercel;
using container::Container;

void demand(bool holds) {
  if (!holds) std::abort();
}

void check(const container::Labels& labels) {
  demand(labels.size() <= container::kLabelsMax);
  for (size_t i = 0; i < labels.size(); ++i) {
    demand(labels[i].first.size() <= container::kLabelSizeMax && labels[i].second.size() <= container::kLabelSizeMax);
    demand(i == 0 || labels[i - 1].first < labels[i].first);
  }
}

void check(const Container& container) {
  check(container.labels);
  check(container.pod_labels);
  demand(container.mounts.size() <= container::kMountsMax);
  demand(container.entrypoint.size() <= container::kWordsMax);
  for (const std::string* text :
       {&container.name, &container.image, &container.image_repository, &container.image_tag, &container.image_digest,
        &container.image_id, &container.user, &container.hostname, &container.ip, &container.pod_ip,
        &container.pod_name, &container.pod_namespace, &container.pod_uid})
    demand(text->size() <= container::kTextSizeMax);
  demand(container.cni_json.size() <= container::kCniSizeMax &&
         container.pod_cni_json.size() <= container::kCniSizeMax);
}

void fuzz_frames(std::string_view bytes) {
  if (const auto message = runtime::grpc::unframe(bytes)) demand(runtime::grpc::frame(*message) == bytes);
  const size_t half = bytes.size() / 2;
  const http::Response response{200,
                                {{"content-type", "application/grpc"}},
                                std::string(bytes.substr(half)),
                                {{"grpc-status", std::string(bytes.substr(0, half))}}};
  (void)runtime::grpc::read_reply(response);
  runtime::WireReader reader(bytes);
  size_t read = 0;
  for (runtime::WireField field; reader.next(field);) read += 1 + field.bytes.size();
  demand(read <= bytes.size());
}

bool read_one(uint8_t which, Container& container, std::string_view bytes) {
  switch (which % 7) {
    case 0:
      return runtime::read_docker_container(container, bytes).has_value();
    case 1:
      return runtime::read_docker_image(container, std::string(64, 'd'), bytes);
    case 2:
      return runtime::read_containerd_container(container, bytes).has_value();
    case 3:
      return runtime::read_containerd_sandbox(container, bytes);
    case 4:
      return runtime::read_containerd_image(container, "i", bytes);
    case 5:
      return runtime::read_cri_sandbox(container, bytes);
    default:
      return runtime::read_cri_container(container, bytes);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 2, size - 2);
  Container container;
  container.full_id = container.sandbox_id = "c";  // short, so that bytes by chance are about it
  container.missing = data[1];
  if (read_one(data[0], container, bytes))
    check(container);
  else
    demand(container.missing == data[1]);
  fuzz_frames(bytes);
  return 0;
}
