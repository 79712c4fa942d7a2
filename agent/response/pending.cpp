#include "agent/response/pending.h"

#include <fcntl.h>
#include <rapidjson/document.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>

#include "agent/base/fd.h"
#include "agent/base/log.h"
#include "agent/response/command.h"

namespace tiercel::response {
namespace {

namespace fs = std::filesystem;
constexpr size_t kFileBytesMax = 2 * kCommandBytesMax + 64 * 1024;
constexpr size_t kFilesMax = 10'000;
constexpr size_t kOffendersMax = 10'000;
constexpr uint64_t kNsPerS = 1'000'000'000;

std::string text_at(const rapidjson::Value& object, const char* key) {
  const auto found = object.FindMember(key);
  if (found == object.MemberEnd() || !found->value.IsString()) return {};
  return {found->value.GetString(), found->value.GetStringLength()};
}

uint64_t number_at(const rapidjson::Value& object, const char* key) {
  const auto found = object.FindMember(key);
  return found != object.MemberEnd() && found->value.IsUint64() ? found->value.GetUint64() : 0;
}

// A new name must be on the disk as well as what it names.
void sync_folder(const std::string& folder) {
  const Fd fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (fd.valid()) ::fsync(fd.get());
}

}  // namespace

Result<> PendingStore::open() {
  if (::mkdir(folder_.c_str(), 0700) != 0 && errno != EEXIST)
    return fail_errno("cannot make " + folder_ + ", where responses that must be undone are kept", errno);
  return {};
}

Result<> PendingStore::save(const Pending& entry, uint64_t realtime_ns, uint64_t boottime_ns) const {
  rapidjson::StringBuffer buffer;
  rapidjson::Writer<rapidjson::StringBuffer> writer(buffer);
  const uint64_t left_ns = entry.due_ns > boottime_ns ? entry.due_ns - boottime_ns : 0;
  auto text = [&writer](const char* key, const std::string& value) {
    writer.Key(key);
    writer.String(value.data(), static_cast<rapidjson::SizeType>(value.size()));
  };
  auto number = [&writer](const char* key, uint64_t value) {
    writer.Key(key);
    writer.Uint64(value);
  };
  writer.StartObject();
  text("command", entry.command);
  text("program", entry.program);
  text("key", entry.key);
  text("message", entry.message);
  number("timeout_s", entry.timeout_s);
  number("due_ns", realtime_ns + left_ns);
  number("attempts", entry.attempts);
  writer.EndObject();
  const std::lock_guard lock(writing_);
  auto written = write_file_atomically(path_of(entry.id), {buffer.GetString(), buffer.GetSize()}, 0600);
  if (written) sync_folder(folder_);
  return written;
}

void PendingStore::remove(const std::string& id) const {
  if (::unlink(path_of(id).c_str()) != 0 && errno != ENOENT)
    log::error("cannot remove {}: it will be undone once more at the next start", path_of(id));
}

std::vector<Pending> PendingStore::load(uint64_t realtime_ns, uint64_t boottime_ns) const {
  std::vector<Pending> entries;
  std::error_code error;
  for (const auto& file : fs::directory_iterator(folder_, error)) {
    if (file.path().extension() != ".json" || entries.size() >= kFilesMax) continue;
    rapidjson::Document document;
    auto text = read_file(file.path().string(), kFileBytesMax);
    if (text) document.Parse<rapidjson::kParseIterativeFlag>(text->data(), text->size());
    if (!text || document.HasParseError() || !document.IsObject()) {
      log::error("{} cannot be read: look what it is about, undo that by hand, and remove it", file.path().string());
      continue;
    }
    Pending entry;
    entry.id = file.path().stem().string();
    entry.command = text_at(document, "command");
    entry.program = text_at(document, "program");
    entry.key = text_at(document, "key");
    entry.message = text_at(document, "message");
    entry.timeout_s = static_cast<uint32_t>(number_at(document, "timeout_s"));
    entry.attempts = 0;  // a new start is a new chance
    const uint64_t due_ns = number_at(document, "due_ns");
    const uint64_t left_ns = due_ns > realtime_ns ? due_ns - realtime_ns : 0;
    entry.due_ns = boottime_ns + std::min(left_ns, entry.timeout_s * kNsPerS);
    entries.push_back(std::move(entry));
  }
  return entries;
}

uint32_t Offenders::timeout_s(const std::string& key, uint32_t own_timeout_s) {
  if (minutes_.empty()) return own_timeout_s;
  auto found = std::find_if(last_.begin(), last_.end(), [&](const auto& entry) { return entry.first == key; });
  if (found == last_.end()) {
    if (last_.size() >= kOffendersMax) last_.erase(last_.begin());
    last_.emplace_back(key, own_timeout_s);
    return own_timeout_s;
  }
  for (const uint32_t minutes : minutes_) {
    if (minutes * 60 <= found->second) continue;
    found->second = minutes * 60;
    break;
  }
  return std::max(found->second, own_timeout_s);
}

}  // namespace tiercel::response
