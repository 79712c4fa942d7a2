// Recordings: records to a file and back. The file is: "TIERCEL1", the schema's digest, the wall-clock offset, then per
// record its length (32 bits, little-endian) and its bytes. One thread.
#pragma once

#include <memory>
#include <span>
#include <string>

#include "agent/base/fd.h"
#include "agent/sensor/source.h"

namespace tiercel::sensor {

class Recorder {
 public:
  // Creates the file (mode 0600: command lines may hold secrets). realtime_offset_ns: wall clock minus CLOCK_BOOTTIME.
  static Result<std::unique_ptr<Recorder>> create(const std::string& path, uint64_t realtime_offset_ns);
  // Buffered; the first error is kept and returned by finish().
  void write(std::span<const std::byte> record);
  Result<> finish();
  [[nodiscard]] uint64_t records() const { return records_; }
  [[nodiscard]] uint64_t size_bytes() const { return size_bytes_; }  // of the file, with what is still buffered

 private:
  void flush();
  Fd fd_;
  std::string path_;
  std::string buffer_;
  Result<> status_;
  uint64_t records_ = 0, size_bytes_ = 0;
};

// A recording as a source, without root. start() refuses a file that is no recording or has another schema.
struct Replay {
  std::unique_ptr<Source> source;
  uint64_t realtime_offset_ns = 0;
};
Result<Replay> open_recording(const std::string& path);

}  // namespace tiercel::sensor
