#include "agent/rule/open_cache.h"

#include <cstddef>
#include <cstring>
#include <span>

#include "agent/match/exact_texts.h"

namespace tiercel::rule {
namespace {

constexpr size_t kFd = offsetof(ev_open, fd), kBehindFd = kFd + sizeof(ev_open::fd);

uint64_t hash_of(const decoders::Record& record, const ev_open& open) {
  constexpr uint64_t kMix = 0x9E3779B97F4A7C15u;
  const uint64_t file = open.ino ^ uint64_t { open.flags } << 24 ^ uint64_t { open.head.type } << 56;
  const uint64_t hash = match::hash_text(record.text(open.name)) ^ file * kMix;
  return (hash ^ hash >> 32 ^ record.bytes().size()) * kMix;
}

// What a relative path without a folder is relative to is not in the record.
bool is_whole(const decoders::Record& record, const ev_open& open) {
  const std::string_view name = record.text(open.name);
  return !record.text(open.base).empty() || name.starts_with('/');
}

}  // namespace

void OpenCache::bind(uint32_t places) {
  places_ = places;
  for (Entry& entry : entries_) entry = Entry();
}

bool OpenCache::same(const Entry& entry, const decoders::Record& record, const ev_open& open) {
  const std::span<const std::byte> bytes = record.bytes();
  const auto alike = [&](size_t from, size_t to) {
    return std::memcmp(entry.bytes.data() + from, bytes.data() + from, to - from) == 0;
  };
  return entry.bytes.size() == bytes.size() && entry.type == open.head.type && entry.flags == open.head.flags &&
         entry.failed == (open.fd < 0) && alike(sizeof(ev_head), kFd) && alike(kBehindFd, bytes.size());
}

FoundTexts* OpenCache::of(const context::Event& event) {
  const decoders::Record& record = event.record();
  const auto* open = record.as<ev_open>();
  if (open == nullptr || record.bytes().size() > kBytesMax || !is_whole(record, *open)) return nullptr;
  const uint64_t hash = hash_of(record, *open);
  Entry& entry = entries_[hash >> (64 - kSizeBits)];
  if (same(entry, record, *open)) return &entry.texts;
  if (entry.came != hash) {
    entry.came = hash;
    return nullptr;
  }
  entry.type = open->head.type;
  entry.flags = open->head.flags;
  entry.failed = open->fd < 0;
  entry.bytes.assign(record.bytes().begin(), record.bytes().end());
  entry.texts.restart(places_);
  return &entry.texts;
}

}  // namespace tiercel::rule
