#include "agent/context/image.h"

#include <cstring>

namespace tiercel::context {

void set_argv(Image& image, std::string_view bytes) {
  image.argv.clear();
  image.args.clear();
  if (!bytes.empty() && bytes.back() == '\0')
    bytes.remove_suffix(1);
  else if (bytes.empty())
    return;
  for (;;) {
    const size_t end = bytes.find('\0');
    image.argv.emplace_back(bytes.substr(0, end));
    if (image.argv.size() > 1) {
      if (image.argv.size() > 2) image.args += ' ';
      image.args += image.argv.back();
    }
    if (end == std::string_view::npos) return;
    bytes.remove_prefix(end + 1);
  }
}

std::string_view without_deleted(std::string_view path) {
  constexpr std::string_view kDeleted = " (deleted)";
  if (path.ends_with(kDeleted)) path.remove_suffix(kDeleted.size());
  return path;
}

std::string comm_of(const ev_head& head) {
  return {head.comm, ::strnlen(head.comm, sizeof head.comm)};
}

std::shared_ptr<Image> make_image(const decoders::Record& record, const ev_exec& exec) {
  auto image = std::make_shared<Image>();
  image->exec_id = exec.head.exec_id;
  image->exec_time_ns = exec.head.time_ns;
  image->comm = comm_of(exec.head);
  image->exepath = without_deleted(record.text(exec.exepath));
  image->filename = record.text(exec.filename);
  image->env = record.text(exec.env);
  image->argv_size = exec.argv_size;
  image->argv_cut = exec.argv_size > exec.argv.len;
  image->exe_ino = exec.exe_ino;
  image->exe_ino_ctime = exec.exe_ino_ctime;
  image->exe_ino_mtime = exec.exe_ino_mtime;
  image->exe_dev = exec.exe_dev;
  image->exe_flags = exec.flags;
  const std::string_view argv = record.text(exec.argv);
  if (image->argv_cut && argv.size() == TIERCEL_ARGV_WHOLE_MAX) {
    // Head and tail of a long command line: what lies between is named, so that nobody takes them for neighbours.
    std::string joined(argv.substr(0, TIERCEL_ARGV_HEAD));
    joined += "[..." + std::to_string(exec.argv_size - TIERCEL_ARGV_WHOLE_MAX) + " bytes cut...]";
    joined += argv.substr(TIERCEL_ARGV_HEAD);
    set_argv(*image, joined);
  } else {
    set_argv(*image, argv);
  }
  return image;
}

}  // namespace tiercel::context
