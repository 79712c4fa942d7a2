// Records of containers from anybody: whatever the text, reading ends and keeps no more than container.h allows. The
// first byte chooses the reader.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "agent/container/record.h"

namespace {

using namespace tiercel::container;

void require(bool holds) {
  if (!holds) std::abort();
}

void check(const Labels& labels) {
  require(labels.size() <= kLabelsMax);
  for (size_t i = 0; i < labels.size(); ++i) {
    require(labels[i].first.size() <= kLabelSizeMax && labels[i].second.size() <= kLabelSizeMax);
    require(i == 0 || labels[i - 1].first < labels[i].first);
  }
}

void check(const std::vector<std::string>& words) {
  require(words.size() <= kWordsMax);
  for (const std::string& word : words) require(word.size() <= kTextSizeMax);
}

void check(const Container& c) {
  for (const std::string* text :
       {&c.id,       &c.full_id, &c.type,     &c.name, &c.image,    &c.image_repository, &c.image_tag, &c.image_digest,
        &c.image_id, &c.user,    &c.hostname, &c.ip,   &c.pod_name, &c.pod_namespace,    &c.pod_uid,   &c.sandbox_id,
        &c.pod_ip,   &c.rootfs,  &c.passwd,   &c.group})
    require(text->size() <= kTextSizeMax);
  require(c.cni_json.size() <= kCniSizeMax && c.pod_cni_json.size() <= kCniSizeMax);
  check(c.labels);
  check(c.pod_labels);
  check(c.entrypoint);
  check(c.healthcheck);
  require(c.mounts.size() <= kMountsMax);
  for (const Mount& m : c.mounts)
    for (const std::string* text : {&m.source, &m.dest, &m.mode, &m.propagation}) require(text->size() <= kTextSizeMax);
  require(c.uid_map.size() <= kIdRangesMax && c.gid_map.size() <= kIdRangesMax);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string text(reinterpret_cast<const char*>(data) + 1, size - 1);
  Container c;
  c.full_id = std::string(64, 'a');
  c.image_id = std::string(64, '1');
  std::string out;
  constexpr const char* kTypes[] = {"", "docker", "containerd", "cri-o", "podman"};
  switch (data[0] % 12) {
    case 0:
    case 1:
    case 2:
    case 3:
    case 4:
      c.type = kTypes[data[0] % 12];
      read_oci_bundle(c, text, "/run/bundle", out);
      require(out.size() <= kTextSizeMax);
      break;
    case 5:
      read_docker_config(c, text);
      break;
    case 6:
      read_docker_hostconfig(c, text);
      break;
    case 7:
      read_docker_repositories(c, text);
      break;
    case 8:
      read_storage_containers(c, text);
      break;
    case 9:
      read_storage_images(c, text);
      break;
    case 10:
      read_machine(c, text, out);
      require(out.size() <= kTextSizeMax);
      break;
    default:
      read_lxc_config(c, text);
  }
  check(c);
  return 0;
}
