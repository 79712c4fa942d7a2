#include "tests/bench/recorded.h"

#include <fmt/core.h>

#include <chrono>
#include <cstdlib>
#include <cstring>

#include "agent/rule/load.h"
#include "agent/sensor/recording.h"

namespace tiercel::bench {

void die(const std::string& why) {
  fmt::print(stderr, "bench: {}\n", why);
  std::exit(2);
}

Recording read(const std::string& path) {
  Recording out{path, 0, {}};
  auto replay = sensor::open_recording(path);
  if (!replay) die(replay.error().message);
  out.realtime_offset_ns = replay->realtime_offset_ns;
  const sensor::RecordHandler keep = [&](std::span<const std::byte> bytes) {
    auto& words = out.records.emplace_back((bytes.size() + 7) / 8);
    std::memcpy(words.data(), bytes.data(), bytes.size());
  };
  if (auto started = replay->source->start(keep); !started) die(started.error().message);
  while (!replay->source->finished()) replay->source->drain(keep, 4096);
  return out;
}

Set load(const std::string& argument) {
  const size_t equals = argument.find('=');
  if (equals == std::string::npos) die("a rule set is NAME=PATH[,PATH...], not " + argument);
  Set set;
  set.name = argument.substr(0, equals);
  std::vector<std::string> paths;
  for (size_t at = equals; at != std::string::npos;) {
    const size_t end = argument.find(',', at + 1);
    paths.push_back(argument.substr(at + 1, end == std::string::npos ? end : end - at - 1));
    at = end;
  }
  rule::LoadOptions options;
  options.lint = options.warn_unused = false;
  const auto begun = std::chrono::steady_clock::now();
  const rule::Loaded loaded = rule::load_paths(paths, options);
  set.load_s = std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
  if (!loaded.rules || loaded.diagnostics.errors() > 0) die(loaded.diagnostics.render_all());
  set.rules = loaded.rules;
  return set;
}

decoders::Record parse(const std::vector<uint64_t>& words) {
  const auto& head = *reinterpret_cast<const ev_head*>(words.data());
  const auto record = decoders::Record::parse({reinterpret_cast<const std::byte*>(words.data()), size_t{head.size}});
  if (!record) die("a broken record");
  return *record;
}

}  // namespace tiercel::bench
