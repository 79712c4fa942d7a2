// Event: one record with everything that a rule may ask about it. It borrows the record's bytes and dies when the
// handler returns: to keep something, make an Alert or copy the field. Deciding thread only.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "agent/context/descriptor.h"
#include "agent/context/process.h"
#include "agent/context/process_table.h"
#include "agent/context/users.h"
#include "decoders/record.h"

namespace tiercel::context {

// Which of a file's two paths is fd.name (ARCHITECTURE.md, "Two paths, one verdict").
enum class PathView : uint8_t { kLexical, kKernel };

class Event {
 public:
  Event(const decoders::Record& record, const decoders::EventInfo& info, uint64_t num, uint64_t wall_ns,
        std::shared_ptr<Process> process, std::shared_ptr<const Image> image, ProcessTable& table, Users& users)
      : record_(record),
        info_(&info),
        num_(num),
        wall_ns_(wall_ns),
        process_(std::move(process)),
        image_(std::move(image)),
        table_(table),
        users_(users) {}
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;

  [[nodiscard]] const decoders::Record& record() const { return record_; }
  [[nodiscard]] const ev_head& head() const { return record_.head(); }
  [[nodiscard]] const decoders::EventInfo& info() const { return *info_; }
  [[nodiscard]] std::string_view type() const { return info_->name; }
  [[nodiscard]] uint64_t num() const { return num_; }          // from 1
  [[nodiscard]] uint64_t wall_ns() const { return wall_ns_; }  // since the epoch

  // A process creation is an event on both sides; this one is the child's.
  [[nodiscard]] bool child_side() const { return child_side_; }
  void set_child_side() { child_side_ = true; }
  [[nodiscard]] uint32_t tid() const;  // of the thread that this event belongs to
  // That thread's id in its own pid namespace; nothing where no record told it.
  [[nodiscard]] std::optional<uint32_t> vtid() const;

  // Wall-clock time of a CLOCK_BOOTTIME instant, and the time since the event before this one (0: it is the first).
  [[nodiscard]] uint64_t wall_ns_of(uint64_t boottime_ns) const { return wall_ns_ - head().time_ns + boottime_ns; }
  [[nodiscard]] uint64_t delta_ns() const { return delta_ns_; }
  void set_delta_ns(uint64_t delta_ns) { delta_ns_ = delta_ns; }

  // Who did it. Never null; the image may be one that the process has left since.
  [[nodiscard]] const Process& process() const { return *process_; }
  [[nodiscard]] const Image& image() const { return *image_; }
  [[nodiscard]] const std::shared_ptr<const Image>& image_ptr() const { return image_; }
  // nullptr: on the host.
  [[nodiscard]] const Container* container() const {
    return process_->container ? process_->container->facts.get() : nullptr;
  }
  // n = 0: the process itself, 1: its parent, ...; nullptr beyond the top.
  [[nodiscard]] const Process* ancestor(size_t n) const;
  // Visits the parent, its parent, ... in one walk, as long as visit(process) says true.
  template <class Visit>
  void each_ancestor(Visit&& visit) const {
    for (Process* at = parent_of(*process_); at && visit(static_cast<const Process&>(*at));) at = parent_of(*at);
  }
  [[nodiscard]] const Process* by_pid(uint32_t pid) const;  // group and session leaders
  // By the number that the process itself would use, in its pid namespace.
  [[nodiscard]] const Process* by_vpid(uint32_t vpid) const;
  // Names for ids, as the process's own passwd and group files have them: the host's, or its container's.
  [[nodiscard]] const User* user(uint32_t uid) const;
  [[nodiscard]] const std::string* group(uint32_t gid) const;
  [[nodiscard]] const User* host_user(uint32_t uid) const { return users_.user(uid); }

  // evt.rawres: the first result of the record (res or fd); nothing when the event has none (procexit has).
  [[nodiscard]] std::optional<int64_t> result() const;

  // The path of the event's file or path argument. Lexical: as the program gave it, made absolute and cleaned, as Falco
  // has it. Kernel: what was opened, as the process sees it. Nothing when the event carries none.
  [[nodiscard]] std::optional<std::string_view> path(PathView view) const;
  [[nodiscard]] std::optional<std::string_view> path_raw() const;
  // True when both exist and differ: conditions are then judged once with each.
  [[nodiscard]] bool has_two_paths() const;
  // Which one fd.name gives right now; set by the engine.
  [[nodiscard]] PathView view() const { return view_; }
  void set_view(PathView view) { view_ = view; }
  // The paths of a call with two; nothing for other events.
  struct TwoPaths {
    std::string_view first, first_base, second, second_base;
  };
  [[nodiscard]] std::optional<TwoPaths> two_paths() const;
  // Any path argument, absolute and cleaned against the record's base directory. Of a pivot_root without one against
  // the process's, as it was known before.
  [[nodiscard]] std::string absolute(std::string_view raw, std::string_view base) const;

  // The descriptor that the event makes, uses or closes, as the kernel saw it. kind is kNone and num -1 where there is
  // none (a call that failed); nothing for events without descriptors.
  struct Descriptor {
    int64_t num = -1;
    FdKind kind = FdKind::kNone;
    const file_part* file = nullptr;
    const sock_part* sock = nullptr;  // only of a socket
  };
  [[nodiscard]] const std::optional<Descriptor>& descriptor() const;
  // fd.name of what is no socket and no path argument.
  [[nodiscard]] std::string descriptor_name(const Descriptor& descriptor) const;

  // The two ends of an IPv4 or IPv6 socket. An end without a family is not known.
  struct End {
    uint16_t family = 0;
    uint16_t port = 0;
    const __u8* address = nullptr;
  };
  struct Ends {
    End local, remote;
    bool has_role = false;  // client and server can be told apart
    bool local_is_server = false;
    uint16_t l4proto = 0;  // IPPROTO_*
    [[nodiscard]] const End& client() const { return local_is_server ? remote : local; }
    [[nodiscard]] const End& server() const { return local_is_server ? local : remote; }
  };
  [[nodiscard]] std::optional<Ends> ends() const;

  // fd.name of a socket event: "10.0.0.1:4000->10.0.0.2:80", "ip:port", "hexsrc->hexdst path".
  [[nodiscard]] std::string socket_name() const;

 private:
  [[nodiscard]] Process* parent_of(Process& process) const;
  [[nodiscard]] std::optional<Descriptor> find_descriptor() const;

  const decoders::Record& record_;
  const decoders::EventInfo* info_;
  uint64_t num_;
  uint64_t wall_ns_;
  std::shared_ptr<Process> process_;
  std::shared_ptr<const Image> image_;
  ProcessTable& table_;
  Users& users_;
  PathView view_ = PathView::kLexical;
  bool child_side_ = false;
  uint64_t delta_ns_ = 0;
  mutable bool descriptor_known_ = false;  // many fields ask for it
  mutable std::optional<Descriptor> descriptor_;
  mutable std::optional<std::string_view> lexical_path_;
  mutable std::string made_path_;
};

}  // namespace tiercel::context
