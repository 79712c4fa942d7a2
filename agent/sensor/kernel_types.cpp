#include "agent/sensor/kernel_types.h"

#include <bpf/btf.h>
#include <fmt/core.h>
#include <sys/mman.h>
#include <unistd.h>

#include <map>
#include <mutex>
#include <set>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/base/fd.h"
#include "agent/base/thread.h"

namespace tiercel::sensor {
namespace {

using Kind = std::pair<__u16, std::string_view>;

// "inode___v67" is the kernel's inode, to libbpf: bpf_core_essential_name_len().
std::string_view essential(std::string_view name) {
  const size_t at = name.rfind("___");
  return at == std::string_view::npos || at == 0 ? name : name.substr(0, at);
}

std::set<Kind> named_in(const btf& local) {
  std::set<Kind> named;
  for (__u32 id = 1; id < btf__type_cnt(&local); ++id) {
    const btf_type* type = btf__type_by_id(&local, id);
    const std::string_view name = essential(btf__name_by_offset(&local, type->name_off));
    if (name.empty()) continue;
    if (btf_is_composite(type)) named.emplace(btf_kind(type), name);
    if (btf_is_any_enum(type)) named.insert({{BTF_KIND_ENUM, name}, {BTF_KIND_ENUM64, name}});
  }
  return named;
}

// A copy of some types. What pointers point to and functions take is left out: nobody asks how big that is.
class SmallTypes {
 public:
  explicit SmallTypes(const btf& all) : all_(all), few_(btf__new_empty()) {}
  ~SmallTypes() { btf__free(few_); }
  SmallTypes(const SmallTypes&) = delete;
  SmallTypes& operator=(const SmallTypes&) = delete;

  [[nodiscard]] bool copy(const std::set<Kind>& named) {
    if (!few_) return false;
    for (__u32 id = 1; id < btf__type_cnt(&all_); ++id) {
      const btf_type* type = btf__type_by_id(&all_, id);
      if (!btf_is_composite(type) && !btf_is_any_enum(type)) continue;
      if (named.contains({btf_kind(type), btf__name_by_offset(&all_, type->name_off)})) (void)wanted(id);
    }
    for (size_t n = 0; n < order_.size(); ++n)  // grows meanwhile
      if (!add(order_[n])) return false;
    return true;
  }

  [[nodiscard]] const btf& few() const { return *few_; }

 private:
  // The id that it has, or will have, among the few.
  __u32 wanted(__u32 id) {
    if (id == 0) return 0;
    const auto [at, is_new] = ids_.emplace(id, static_cast<__u32>(order_.size() + 1));
    if (is_new) order_.push_back(id);
    return at->second;
  }

  bool add(__u32 id) {
    const int added = btf__add_type(few_, &all_, btf__type_by_id(&all_, id));
    if (added < 0) return false;
    auto* type = const_cast<btf_type*>(btf__type_by_id(few_, static_cast<__u32>(added)));
    if (btf_is_composite(type)) {
      for (__u16 n = 0; n < btf_vlen(type); ++n) btf_members(type)[n].type = wanted(btf_members(type)[n].type);
    } else if (btf_is_array(type)) {
      btf_array(type)->type = wanted(btf_array(type)->type);
      btf_array(type)->index_type = wanted(btf_array(type)->index_type);
    } else if (btf_is_ptr(type)) {
      type->type = 0;
    } else if (btf_is_mod(type) || btf_is_typedef(type) || btf_is_type_tag(type)) {
      type->type = wanted(type->type);
    }
    return true;
  }

  const btf& all_;
  btf* few_;
  std::map<__u32, __u32> ids_;
  std::vector<__u32> order_;
};

bool write_to(const Fd& file, const btf& types) {
  __u32 size = 0;
  const void* bytes = btf__raw_data(&types, &size);
  return bytes && ::pwrite(file.get(), bytes, size, 0) == static_cast<ssize_t>(size);
}

struct TypesFile {
  Fd file{::memfd_create("tiercel-types", MFD_CLOEXEC)};
  std::string path;
  std::once_flag filled;

  TypesFile() {
    constexpr const char* kAll = "/sys/kernel/btf/vmlinux";
    if (::access(kAll, R_OK) == 0) path = file.valid() ? fmt::format("/proc/self/fd/{}", file.get()) : kAll;
  }
};

TypesFile& types_file() {
  static TypesFile file;  // for as long as we live: programs are loaded at reloads, too
  return file;
}

}  // namespace

std::shared_ptr<const btf> kernel_types() {
  static std::mutex mutex;
  static std::weak_ptr<const btf> held;
  const std::lock_guard lock(mutex);
  auto types = held.lock();
  if (types) return types;
  btf* read = btf__load_vmlinux_btf();
  if (!read) return nullptr;
  types = std::shared_ptr<const btf>(read, [](const btf* gone) { btf__free(const_cast<btf*>(gone)); });
  held = types;
  return types;
}

TypesAhead::TypesAhead() : thread_(start_thread("types", [this] { types_ = kernel_types(); })) {}

TypesAhead::~TypesAhead() {
  thread_.join();
}

const std::string& types_path() {
  return types_file().path;
}

void fill_types(const btf& local) {
  TypesFile& to = types_file();
  if (!to.file.valid()) return;
  std::call_once(to.filled, [&] {
    const auto all = kernel_types();
    if (!all) return;
    SmallTypes few(*all);
    if (!few.copy(named_in(local)) || !write_to(to.file, few.few())) (void)write_to(to.file, *all);
  });
}

}  // namespace tiercel::sensor
