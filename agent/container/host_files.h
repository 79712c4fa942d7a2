// HostFiles: reads the host's files from outside or inside of a container (--host-root), and files of a container's
// root, without being led out of it. Reading may take as long as the storage takes: for reader threads. Thread safe.
// Facts: openat2(2), RESOLVE_IN_ROOT: absolute links and ".." stay below the root.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/base/fd.h"
#include "agent/base/result.h"

namespace tiercel::container {

class HostFiles {
 public:
  // "": the host is what this process sees as /.
  explicit HostFiles(std::string host_root = {});

  // Only regular files are opened for reading (looked at first, by O_PATH): never a FIFO, a device, a directory. More
  // than size_bytes_max bytes is an error, also where the file grows while it is read. With an owner, a file of anybody
  // else's is an error: what a user's folder links to is not the user's.
  [[nodiscard]] Result<std::string> read(const std::string& path, size_t size_bytes_max,
                                         std::optional<uint32_t> owner = std::nullopt) const;
  // The same below a container's root (a path on the host); links cannot lead out of it.
  [[nodiscard]] Result<std::string> read_in(const std::string& root, const std::string& path,
                                            size_t size_bytes_max) const;
  // What tells one content from another: device, inode, size, times; "" if there is no such regular file. An empty root
  // is the host's.
  [[nodiscard]] std::string stamp(const std::string& root, const std::string& path) const;
  // Names in a folder, sorted, without . and ..; at most `max` of them.
  [[nodiscard]] std::vector<std::string> list(const std::string& path, size_t max) const;
  // Is it root's, and nobody else may write to it?
  [[nodiscard]] bool is_roots(const std::string& path) const;
  [[nodiscard]] const std::string& host_root() const { return host_root_; }

 private:
  // Without reading it: an O_PATH descriptor. `root`: as of read_in, or "" for the host's.
  [[nodiscard]] Result<Fd> find(const std::string& root, const std::string& path, int flags) const;
  [[nodiscard]] Result<std::string> read_found(const Fd& found, const std::string& path, size_t size_bytes_max,
                                               std::optional<uint32_t> owner) const;
  std::string host_root_;
};

}  // namespace tiercel::container
