#include "agent/sensor/kernel_responses.h"

#include <bpf/bpf.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <utility>

#include "agent/base/fd.h"

namespace tiercel::sensor {
namespace {

cond_key key_of(uint32_t generation, const cond_text& text) {
  cond_key key{};
  key.generation = generation;
  key.field = text.field;
  std::memcpy(key.text, text.text, sizeof key.text);
  return key;
}

// Appends a response and its program, whose numbers count from its own beginning.
void append(cond_set& set, size_t& insts, uint32_t first_bit, const KernelResponse& response) {
  cond_response& row = set.response[set.responses++];
  row.id = response.id;
  row.signal = static_cast<__u32>(response.signal);
  row.budget_per_min = response.budget_per_min;
  row.entry = static_cast<__u16>(insts);
  row.dry_run = response.dry_run ? 1 : 0;
  const auto base = static_cast<__u16>(insts);
  for (cond_inst inst : response.program) {
    if (inst.test == CT_TEXT) inst.arg = static_cast<__u16>(inst.arg + first_bit);
    if (inst.yes < COND_MISS) inst.yes = static_cast<__u16>(inst.yes + base);
    if (inst.no < COND_MISS) inst.no = static_cast<__u16>(inst.no + base);
    set.inst[insts++] = inst;
  }
  for (const cond_text& text : response.texts) set.fields |= 1u << text.field;
}

}  // namespace

uint64_t kernel_response_id(std::string_view name) {
  uint64_t hash = 0xcbf29ce484222325ull;
  for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ull;
  return hash;
}

bool operator==(const KernelResponse& a, const KernelResponse& b) {
  auto same_inst = [](const cond_inst& x, const cond_inst& y) { return std::memcmp(&x, &y, sizeof x) == 0; };
  auto same_text = [](const cond_text& x, const cond_text& y) { return std::memcmp(&x, &y, sizeof x) == 0; };
  return a.id == b.id && a.signal == b.signal && a.dry_run == b.dry_run && a.budget_per_min == b.budget_per_min &&
         std::equal(a.program.begin(), a.program.end(), b.program.begin(), b.program.end(), same_inst) &&
         std::equal(a.texts.begin(), a.texts.end(), b.texts.begin(), b.texts.end(), same_text);
}

Result<std::vector<bool>> KernelResponses::set(std::span<const KernelResponse> responses) {
  auto set = std::make_unique<cond_set>();
  std::memset(set.get(), 0, sizeof *set);
  set->generation = generation_ + 1;
  size_t insts = 0;
  uint32_t bits = 0;
  std::vector<bool> in_force;
  drop_texts(set->generation);  // of a call that failed half-way
  if (auto kept = keep_budgets(responses); !kept) return tl::unexpected(kept.error());
  for (const KernelResponse& response : responses) {
    const bool fits = set->responses < COND_RESPONSES_MAX && insts + response.program.size() <= COND_INSTS_MAX &&
                      bits + response.bits <= COND_BITS_MAX && !response.program.empty();
    in_force.push_back(fits);
    if (!fits) continue;
    if (auto added = add_texts(response, bits); !added) return tl::unexpected(added.error());
    append(*set, insts, bits, response);
    bits += response.bits;
  }
  const Fd inner(bpf_map_create(BPF_MAP_TYPE_ARRAY, "cond_set", sizeof(uint32_t), sizeof(cond_set), 1, nullptr));
  if (!inner.valid()) return fail_errno("cannot make the map of the kernel's responses", errno);
  const uint32_t zero = 0;
  if (bpf_map_update_elem(inner.get(), &zero, set.get(), BPF_ANY) != 0)
    return fail_errno("cannot fill the map of the kernel's responses", errno);
  // The exchange of an inner map waits for the programs that see the old one (kernel/bpf/syscall.c,
  // maybe_wait_bpf_programs): only then may the old one's texts go, without which a "not" would hold.
  const int inner_fd = inner.get();
  if (bpf_map_update_elem(maps_.sets, &zero, &inner_fd, BPF_ANY) != 0)
    return fail_errno("cannot put the kernel's responses in force", errno);
  drop_texts(std::exchange(generation_, set->generation));
  return in_force;
}

Result<> KernelResponses::add_texts(const KernelResponse& response, uint32_t first_bit) {
  for (const cond_text& text : response.texts) {
    const cond_key key = key_of(generation_ + 1, text);
    cond_bits bits{};
    bpf_map_lookup_elem(maps_.texts, &key, &bits);
    const uint32_t bit = first_bit + text.bit;
    bits.word[bit / 64] |= uint64_t{1} << (bit % 64);
    if (bpf_map_update_elem(maps_.texts, &key, &bits, BPF_ANY) != 0)
      return fail_errno("cannot tell the kernel the texts of its responses", errno);
  }
  return {};
}

void KernelResponses::drop_texts(uint32_t generation) {
  std::vector<cond_key> old;
  cond_key key{}, next{};
  for (bool first = true; bpf_map_get_next_key(maps_.texts, first ? nullptr : &key, &next) == 0; first = false) {
    key = next;
    if (key.generation == generation) old.push_back(key);
  }
  for (const cond_key& row : old) bpf_map_delete_elem(maps_.texts, &row);
}

// A response that goes on, or comes back, keeps what it has spent: rows stay while there is room.
Result<> KernelResponses::keep_budgets(std::span<const KernelResponse> responses) {
  const uint64_t none = 0;
  for (const KernelResponse& response : responses) {
    auto add = [&] {
      return bpf_map_update_elem(maps_.budgets, &response.id, &none, BPF_NOEXIST) == 0 || errno == EEXIST;
    };
    if (add()) continue;
    drop_budgets_except(responses);
    if (!add()) return fail_errno("cannot keep the budget of a response in the kernel", errno);
  }
  return {};
}

void KernelResponses::drop_budgets_except(std::span<const KernelResponse> responses) {
  std::vector<uint64_t> rows;
  uint64_t key = 0, next = 0;
  for (bool first = true; bpf_map_get_next_key(maps_.budgets, first ? nullptr : &key, &next) == 0; first = false)
    rows.push_back(key = next);
  for (const uint64_t id : rows)
    if (std::none_of(responses.begin(), responses.end(), [id](const KernelResponse& r) { return r.id == id; }))
      bpf_map_delete_elem(maps_.budgets, &id);
}

void KernelResponses::know_container(uint64_t cgroup_id, bool is_one) const {
  const uint8_t yes = 1;
  if (is_one)
    bpf_map_update_elem(maps_.containers, &cgroup_id, &yes, BPF_ANY);
  else
    bpf_map_delete_elem(maps_.containers, &cgroup_id);
}

void KernelResponses::protect(uint32_t pid, bool descendants) const {
  const uint32_t kind = CP_ITSELF | (descendants ? CP_DESCENDANTS : 0);
  bpf_map_update_elem(maps_.protected_processes, &pid, &kind, BPF_ANY);
}

std::optional<KernelDeed> KernelResponses::deed(uint64_t id, uint32_t pid, uint64_t start_ns, uint32_t exec_id) const {
  const cond_deed_key key{id, start_ns, pid, exec_id};
  cond_deed_note note{};
  if (bpf_map_lookup_elem(maps_.deeds, &key, &note) != 0) return std::nullopt;
  return KernelDeed{static_cast<cond_deed>(note.deed), -note.error, note.time_ns};
}

}  // namespace tiercel::sensor
