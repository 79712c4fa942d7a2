#include "agent/casefile/process_reader.h"

#include <algorithm>

#include <fmt/core.h>

#include "agent/casefile/container_reader.h"
#include "agent/casefile/descriptor_reader.h"
#include "agent/casefile/map_reader.h"

namespace tiercel::casefile {
namespace {

using rule::YamlNode;

constexpr uint32_t kFirstUser = 1000;
constexpr uint32_t kPts = 136u << 8;  // /dev/pts/0: its device number
constexpr uint64_t kAllCaps = (1ull << 41) - 1;
constexpr uint64_t kSecond = 1'000'000'000;
constexpr uint64_t kParentAge = 10 * kSecond;  // older than its child by this much
constexpr int64_t kAgeMax = 1'000'000'000;
constexpr int64_t kIdMax = UINT32_MAX;
constexpr int64_t kPidMax = 4'194'304;  // PID_MAX_LIMIT

// 64 hexadecimal digits that depend on the name only.
std::string made_id(std::string_view name) {
  uint64_t hash = 0xcbf29ce484222325ull;
  std::string out;
  for (int part = 0; part < 4; ++part) {
    for (char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ull;
    out += fmt::format("{:016x}", hash);
  }
  return out;
}

std::string base_name(const std::string& path) {
  return path.substr(path.rfind('/') + 1);
}

class ProcessReader {
 public:
  ProcessReader(People& people, Diagnostics& diagnostics) : people_(people), diagnostics_(diagnostics) {}

  // Keys that are in the map replace what spec has.
  void read(const YamlNode& node, const std::string& what, ProcessSpec& spec) {
    MapReader map(node, what, diagnostics_);
    read_program(map, spec);
    read_ids(map, spec);
    if (auto cwd = map.text("cwd")) spec.cwd = *cwd;
    if (const YamlNode* env = map.node("env")) read_env(map, *env, spec);
    if (const YamlNode* tty = map.node("tty")) read_tty(map, *tty, spec);
    if (auto age = map.number("age", 0, kAgeMax)) spec.age_ns = static_cast<uint64_t>(*age) * kSecond;
    read_number(map, "flags", decoders::Kind::kEXE_FLAGS,
                [&](int64_t v) { spec.exe_flags = static_cast<uint32_t>(v); });
    read_caps(map, spec);
    read_figures(map, spec);
    read_stdio(map, spec);
    if (const YamlNode* container = map.node("container")) read_container_of(*container, map, spec);
    (void)map.node("parents");  // the caller's
    map.finish();
  }

 private:
  void read_program(MapReader& map, ProcessSpec& spec) {
    const auto cmdline = map.text("cmdline");
    const auto name = map.text("name"), exe = map.text("exe"), exepath = map.text("exepath");
    const auto script = map.text("script");
    const YamlNode* args = map.node("args");
    if (cmdline || name || exe || exepath || script) {  // another program: nothing of the shared one stays
      spec.name = spec.exe = spec.exepath = spec.script = {};
      spec.args.clear();
    }
    if (cmdline) {
      std::vector<std::string> words = split_words(*cmdline);
      if (words.empty()) map.error(*map.map().find("cmdline"), "`cmdline` is empty");
      if (!words.empty()) {
        spec.exe = words.front();
        spec.args.assign(words.begin() + 1, words.end());
      }
    }
    if (exe) spec.exe = *exe;
    if (exepath) spec.exepath = *exepath;
    if (name) spec.name = *name;
    if (script) {
      spec.script = *script;
      if (spec.exe.empty() && spec.exepath.empty())
        map.error(*map.map().find("script"), "`script` needs its interpreter",
                  "for example `script: ./x.sh` with `cmdline: /bin/sh ./x.sh`, as the kernel starts it");
    }
    if (args) {
      if (args->is_scalar())
        spec.args = split_words(args->str());
      else if (auto words = texts_of(*args))
        spec.args = *words;
      else
        map.error(*args, "`args` takes a text or a list of texts", "the arguments after the program's name");
    }
    if (spec.name.empty()) spec.name = base_name(spec.script);  // as the kernel names it
    if (spec.name.empty()) spec.name = base_name(!spec.exepath.empty() ? spec.exepath : spec.exe);
    if (spec.name.empty()) return;
    if (spec.exe.empty()) spec.exe = spec.name;
    if (spec.exepath.empty())
      spec.exepath =
          spec.exe.starts_with('/') ? spec.exe : "/usr/bin/" + (spec.script.empty() ? spec.name : base_name(spec.exe));
  }

  void read_ids(MapReader& map, ProcessSpec& spec) {
    const auto user = map.text("user"), group = map.text("group");
    const auto uid = map.number("uid", 0, kIdMax), gid = map.number("gid", 0, kIdMax);
    if (user && uid) people_.users.insert(people_.users.begin(), {static_cast<uint32_t>(*uid), *user});
    if (group && gid) people_.groups.insert(people_.groups.begin(), {static_cast<uint32_t>(*gid), *group});
    if (user || uid) {
      spec.uid = uid ? static_cast<uint32_t>(*uid) : People::id_of(people_.users, *user);
      spec.gid = spec.uid;
    }
    if (group || gid) spec.gid = gid ? static_cast<uint32_t>(*gid) : People::id_of(people_.groups, *group);
    const decoders::IdsOf ids = people_.ids();
    if (const YamlNode* login = map.node("loginuid")) {
      const auto id = decoders::parse_number(decoders::Kind::kUID, login->is_scalar() ? login->str() : "", ids);
      if (id)
        spec.loginuid = static_cast<uint32_t>(*id);
      else
        map.error(*login, "`loginuid`: " + id.error().message, id.error().hint);
    }
    for (auto [key, member] : {std::pair{"pid", &ProcessSpec::pid}, std::pair{"vpid", &ProcessSpec::vpid},
                               std::pair{"sid", &ProcessSpec::sid}, std::pair{"pgid", &ProcessSpec::pgid},
                               std::pair{"vsid", &ProcessSpec::vsid}, std::pair{"vpgid", &ProcessSpec::vpgid},
                               std::pair{"tid", &ProcessSpec::tid}})
      if (auto number = map.number(key, 1, kPidMax)) spec.*member = static_cast<uint32_t>(*number);
  }

  template <class Put>
  void read_number(MapReader& map, std::string_view key, decoders::Kind kind, Put&& put) {
    const YamlNode* node = map.node(key);
    if (!node) return;
    const auto value = decoders::parse_number(kind, node->is_scalar() ? node->str() : "", {});
    if (value)
      put(*value);
    else
      map.error(*node, "`" + std::string(key) + "`: " + value.error().message, value.error().hint);
  }

  static void read_env(MapReader& map, const YamlNode& env, ProcessSpec& spec) {
    spec.env.clear();
    const char* hint = "for example `env: {PATH: /bin, LD_PRELOAD: /tmp/x.so}`";
    if (env.kind == YamlNode::Kind::kMap) {
      for (const auto& [key, value] : env.entries) {
        if (key.is_scalar() && (value.is_scalar() || value.kind == YamlNode::Kind::kNull))
          spec.env.push_back(key.str() + "=" + value.str());
        else
          map.error(value, "`env` is a map of names and texts", hint);
      }
    } else if (auto words = texts_of(env)) {
      spec.env = *words;
      for (const std::string& word : *words)
        if (word.find('=') == std::string::npos) map.error(env, "`env`: '" + word + "' is no NAME=value", hint);
    } else if (env.kind != YamlNode::Kind::kNull) {
      map.error(env, "`env` is a map of names and texts", hint);
    }
  }

  static void read_tty(MapReader& map, const YamlNode& tty, ProcessSpec& spec) {
    const std::string text = tty.is_scalar() ? tty.str() : std::string();
    const std::string_view digits =
        text.starts_with("pts/") ? std::string_view(text).substr(4) : std::string_view(text);
    const auto number = decoders::parse_number(decoders::Kind::kUINT32, digits, {});
    if (text == "true")
      spec.tty = kPts;
    else if (text == "false")
      spec.tty = 0;
    else if (number && *number <= kIdMax)
      spec.tty = static_cast<uint32_t>(*number) + (text.starts_with("pts/") ? kPts : 0);
    else
      map.error(tty, "`tty` is true, false, pts/NUMBER or a device number");
  }

  static std::optional<uint64_t> caps_of(MapReader& map, const char* key) {
    const YamlNode* node = map.node(key);
    if (!node) return std::nullopt;
    const std::string name = std::string("`") + key + "`";
    const auto words = texts_of(*node);
    if (!words) {
      map.error(*node, name + " takes names of capabilities, all, or none");
      return std::nullopt;
    }
    uint64_t out = 0;
    for (const std::string& word : *words) {
      if (word == "none") continue;
      const auto value = word == "all" ? decoders::Composed<int64_t>(static_cast<int64_t>(kAllCaps))
                                       : decoders::parse_number(decoders::Kind::kCAPS, word, {});
      if (!value) {
        map.error(*node, name + ": " + value.error().message, value.error().hint);
        return std::nullopt;
      }
      out |= static_cast<uint64_t>(*value);
    }
    return out;
  }

  static void read_caps(MapReader& map, ProcessSpec& spec) {
    if (const auto caps = caps_of(map, "caps")) spec.cap_permitted = spec.cap_effective = *caps;
    if (const auto caps = caps_of(map, "cap_permitted")) spec.cap_permitted = *caps;
    if (const auto caps = caps_of(map, "cap_effective")) spec.cap_effective = *caps;
    if (const auto caps = caps_of(map, "cap_inheritable")) spec.cap_inheritable = *caps;
  }

  static void read_figures(MapReader& map, ProcessSpec& spec) {
    UsageSpec& usage = spec.usage;
    for (auto [key, member] : {std::pair{"fdlimit", &UsageSpec::fdlimit}, std::pair{"pfmajor", &UsageSpec::pgft_maj},
                               std::pair{"pfminor", &UsageSpec::pgft_min}})
      if (auto number = map.number(key, 0, INT64_MAX)) usage.*member = static_cast<uint64_t>(*number);
    for (auto [key, member] : {std::pair{"vmsize", &UsageSpec::vm_size}, std::pair{"vmrss", &UsageSpec::vm_rss},
                               std::pair{"vmswap", &UsageSpec::vm_swap}})
      if (auto number = map.number(key, 0, UINT32_MAX)) usage.*member = static_cast<uint32_t>(*number);
    if (auto number = map.number("nthreads", 1, kPidMax)) usage.threads = static_cast<uint32_t>(*number);
    if (auto number = map.number("exe_ino", 1, INT64_MAX)) spec.exe_ino = static_cast<uint64_t>(*number);
    if (auto age = map.number("exe_modified", 0, kAgeMax))
      spec.exe_mtime_age_ns = spec.exe_ctime_age_ns = static_cast<uint64_t>(*age) * kSecond;
    if (auto age = map.number("exe_changed", 0, kAgeMax)) spec.exe_ctime_age_ns = static_cast<uint64_t>(*age) * kSecond;
    const YamlNode* cgroups = map.node("cgroups");
    if (!cgroups) return;
    if (cgroups->kind != YamlNode::Kind::kMap)
      return map.error(*cgroups, "`cgroups` is a map of controllers and paths", "for example {cpu: /docker/4711}");
    spec.cgroups.clear();
    for (const auto& [key, value] : cgroups->entries) {
      if (!key.is_scalar() || !value.is_scalar())
        return map.error(value, "`cgroups` is a map of controllers and paths", "for example {cpu: /docker/4711}");
      spec.cgroups.append(key.str() + "=" + value.str()).push_back('\0');
    }
  }

  static void read_stdio(MapReader& map, ProcessSpec& spec) {
    constexpr const char* kNames[] = {"stdin", "stdout", "stderr"};
    for (unsigned number = 0; number < 3; ++number) {
      const YamlNode* node = map.node(kNames[number]);
      if (!node) continue;
      auto descriptor = parse_descriptor(node->is_scalar() ? node->str() : "", number);
      if (descriptor)
        spec.stdio[number] = std::move(*descriptor);
      else
        map.error(*node, "`" + std::string(kNames[number]) + "`: " + descriptor.error().message,
                  descriptor.error().hint);
    }
  }

  void read_container_of(const YamlNode& node, MapReader& outer, ProcessSpec& spec) {
    if (node.is_scalar() && node.str() == "host") {
      spec.container.reset();
      return;
    }
    auto out = read_container(node, outer, diagnostics_);
    if (!out) return;
    spec.container_age_ns = 0;
    if (const YamlNode* age = node.find("age"))  // read_container() has said what is wrong with it
      if (auto seconds = decoders::parse_number(decoders::Kind::kUINT64, age->is_scalar() ? age->str() : "", {}))
        spec.container_age_ns = static_cast<uint64_t>(*seconds) * kSecond;
    if (out->full_id.empty()) out->full_id = made_id(out->name);
    out->id = out->full_id.substr(0, 12);
    spec.container = std::move(*out);
  }

  People& people_;
  Diagnostics& diagnostics_;
};

// `process: bash -i` is short for `process: {cmdline: bash -i}`.
YamlNode as_map(const YamlNode& cmdline) {
  YamlNode out;
  out.kind = YamlNode::Kind::kMap;
  out.mark = cmdline.mark;
  YamlNode key;
  key.kind = YamlNode::Kind::kScalar;
  key.mark = cmdline.mark;
  key.text.append("cmdline", cmdline.mark);
  out.entries.push_back({std::move(key), cmdline});
  return out;
}

// What stands above a process when nobody says: its container's shim, and the host's first process.
std::vector<ProcessSpec> usual_parents(const ProcessSpec& child) {
  std::vector<ProcessSpec> out;
  auto add = [&](const char* name, std::vector<std::string> args) {
    ProcessSpec spec;
    spec.name = spec.exe = name;
    spec.exepath = std::string("/usr/bin/") + name;
    spec.args = std::move(args);
    spec.age_ns = (out.empty() ? child.age_ns : out.back().age_ns) + kParentAge;
    out.push_back(std::move(spec));
  };
  if (child.container) add("containerd-shim", {"-namespace", "moby"});
  add("systemd", {"--system"});
  return out;
}

}  // namespace

uint32_t People::id_of(std::vector<std::pair<uint32_t, std::string>>& known, const std::string& name) {
  if (name == "root") return 0;
  uint32_t next = kFirstUser;
  for (const auto& [id, other] : known) {
    if (other == name) return id;
    if (id >= next) next = id + 1;
  }
  known.emplace_back(next, name);
  return next;
}

decoders::IdsOf People::ids() const {
  auto find = [](const auto& known, std::string_view name) -> std::optional<uint32_t> {
    if (name == "root") return 0;
    for (const auto& [id, other] : known)
      if (other == name) return id;
    return std::nullopt;
  };
  return {[known = users, find](std::string_view name) { return find(known, name); },
          [known = groups, find](std::string_view name) { return find(known, name); }};
}

std::vector<ProcessSpec> read_line(const YamlNode* shared, const YamlNode* node, People& people,
                                   Diagnostics& diagnostics) {
  ProcessReader reader(people, diagnostics);
  ProcessSpec self;
  const YamlNode* parents = nullptr;
  for (const YamlNode* map : {shared, node}) {
    if (!map) continue;
    reader.read(map->is_scalar() ? as_map(*map) : *map, "the process", self);
    if (const YamlNode* given = map->find("parents")) parents = given;
  }
  if (self.name.empty()) {
    const Position at = node ? node->mark.position() : shared ? shared->mark.position() : Position{};
    diagnostics.error(at, "the process has no name", "give `name`, `cmdline`, `exe` or `exepath`");
  }
  std::vector<ProcessSpec> line{std::move(self)};
  if (!parents) {
    for (ProcessSpec& parent : usual_parents(line.front())) line.push_back(std::move(parent));
    return line;
  }
  const std::vector<YamlNode> one{*parents};
  for (const YamlNode& item : parents->kind == YamlNode::Kind::kSequence ? parents->items : one) {
    ProcessSpec parent;
    parent.container = line.back().container;
    parent.container_age_ns = line.back().container_age_ns;
    parent.uid = line.back().uid;
    parent.gid = line.back().gid;
    parent.age_ns = line.back().age_ns + kParentAge;
    reader.read(item.is_scalar() ? as_map(item) : item, "the parent", parent);
    if (const YamlNode* more = item.find("parents"))
      diagnostics.error(more->mark.position(), "a parent has no `parents` of its own",
                        "`parents` is one list: the nearest first");
    if (parent.name.empty())
      diagnostics.error(item.mark.position(), "the parent has no name", "give `name`, `cmdline`, `exe` or `exepath`");
    line.push_back(std::move(parent));
  }
  return line;
}

ProcessSpec read_sibling(const ProcessSpec& first, const YamlNode& node, People& people, Diagnostics& diagnostics) {
  ProcessSpec out = first;
  out.name = out.exe = out.exepath = out.script = {};
  out.args.clear();
  out.stdio = {};
  out.pid = out.vpid = out.tid = 0;
  ProcessReader(people, diagnostics).read(node.is_scalar() ? as_map(node) : node, "the process", out);
  if (out.name.empty())
    diagnostics.error(node.mark.position(), "the process has no name", "give `name`, `cmdline`, `exe` or `exepath`");
  if (const YamlNode* parents = node.find("parents"))
    diagnostics.error(parents->mark.position(), "an event's `process` has no `parents` of its own",
                      "it is another child of the parent that the case's process has");
  return out;
}

}  // namespace tiercel::casefile
