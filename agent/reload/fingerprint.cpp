#include "agent/reload/fingerprint.h"

#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <string_view>

#include "agent/base/fd.h"
#include "agent/rule/load.h"

namespace tiercel::reload {
namespace {

constexpr size_t kFileBytesMax = 64u << 20;

// FNV-1a: nobody gains by a collision who can write these files.
class Hash {
 public:
  void add(std::string_view bytes) {
    for (unsigned char byte : bytes) value_ = (value_ ^ byte) * 0x100000001b3;
    add_number(bytes.size());  // so that neighbours do not run into each other
  }
  void add_number(uint64_t number) {
    for (int shift = 0; shift < 64; shift += 8) value_ = (value_ ^ (number >> shift & 0xff)) * 0x100000001b3;
  }
  [[nodiscard]] uint64_t value() const { return value_; }

 private:
  uint64_t value_ = 0xcbf29ce484222325;
};

}  // namespace

std::vector<std::string> files_of(const std::string& path) {
  std::error_code code;
  if (!std::filesystem::is_directory(path, code)) return {path};
  std::vector<std::string> files;
  for (std::filesystem::directory_iterator it(path, code), end; !code && it != end; it.increment(code))
    if (rule::is_rule_file(it->path().filename().string())) files.push_back(it->path().string());
  std::sort(files.begin(), files.end());
  return files;
}

uint64_t content_of(const std::vector<std::string>& paths) {
  Hash hash;
  for (const std::string& path : paths) {
    for (const std::string& file : files_of(path)) {
      hash.add(file);
      auto text = read_file(file, kFileBytesMax);
      hash.add(text ? *text : text.error().message);
    }
    hash.add(path);
  }
  return hash.value();
}

uint64_t stamp_of(const std::vector<std::string>& paths) {
  Hash hash;
  for (const std::string& path : paths) {
    for (const std::string& file : files_of(path)) {
      hash.add(file);
      struct stat st {};
      if (::stat(file.c_str(), &st) != 0) continue;
      for (uint64_t number : {uint64_t{st.st_dev}, uint64_t{st.st_ino}, static_cast<uint64_t>(st.st_size),
                              static_cast<uint64_t>(st.st_mtim.tv_sec), static_cast<uint64_t>(st.st_mtim.tv_nsec),
                              static_cast<uint64_t>(st.st_ctim.tv_sec), static_cast<uint64_t>(st.st_ctim.tv_nsec)})
        hash.add_number(number);
    }
    hash.add(path);
  }
  return hash.value();
}

}  // namespace tiercel::reload
