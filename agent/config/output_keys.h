// The keys of `outputs`: each entry has a type, and the keys of its config depend on it. Inner to agent/config.
#pragma once

#include <array>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "agent/config/config.h"
#include "agent/config/reading.h"

namespace tiercel::config {

// One entry as the file says it.
struct OutputDraft {
  std::string type;
  const TreeNode* config = nullptr;
  const TreeNode* type_node = nullptr;
  bool format_given = false;
  Output output;
};

using OutputKey = Key<OutputDraft>;

struct OutputType {
  std::string_view name;
  std::span<const OutputKey> keys;
  Output (*make)();
  // What holds for the config as a whole; may be nullptr.
  void (*check)(Reading& reading, const TreeNode& node, const Output& output) = nullptr;
};
[[nodiscard]] std::span<const OutputType> local_output_types();    // output_keys_local.cpp
[[nodiscard]] std::span<const OutputType> manager_output_types();  // output_keys_manager.cpp
[[nodiscard]] std::span<const OutputType> service_output_types();  // output_keys_service.cpp

inline constexpr uint64_t kPortMax = 65'535;
inline constexpr Word<WazuhManager::Protocol> kProtocols[] = {{"tcp", WazuhManager::Protocol::kTcp},
                                                              {"udp", WazuhManager::Protocol::kUdp}};

// --- What the tables of several types share.
template <class T>
T& part(OutputDraft& draft) {
  return std::get<T>(draft.output.to);
}

void read_output_name(Reading& reading, const TreeNode& node, Output& output);

// The keys that every output has, but that managers have one name together.
inline constexpr OutputKey kFilterKeys[] = {
    {"priority", [](Reading& r, const TreeNode& n, OutputDraft& o) { r.priority(n, o.output.priority); }},
    {"condition", [](Reading& r, const TreeNode& n, OutputDraft& o) { r.text(n, o.output.condition); }},
};
inline constexpr OutputKey kCommonKeys[] = {
    {"name", [](Reading& r, const TreeNode& n, OutputDraft& o) { read_output_name(r, n, o.output); }},
    kFilterKeys[0],
    kFilterKeys[1],
};

// TLS keys of a type whose struct has a `tls`.
template <class T>
inline constexpr OutputKey kCaFileKey = {
    "ca_file", [](Reading& r, const TreeNode& n, OutputDraft& o) { r.absolute_path(n, part<T>(o).tls.ca_file); }};
template <class T>
inline constexpr OutputKey kTlsKeys[] = {
    kCaFileKey<T>,
    {"client_certificate",
     [](Reading& r, const TreeNode& n, OutputDraft& o) { r.absolute_path(n, part<T>(o).tls.client_certificate); }},
    {"client_key",
     [](Reading& r, const TreeNode& n, OutputDraft& o) { r.absolute_path(n, part<T>(o).tls.client_key); }},
};

template <size_t A, size_t B>
constexpr std::array<OutputKey, A + B> joined(const OutputKey (&first)[A], const OutputKey (&second)[B]) {
  return [&]<size_t... I, size_t... J>(std::index_sequence<I...>, std::index_sequence<J...>) {
    return std::array<OutputKey, A + B>{first[I]..., second[J]...};
  }
  (std::make_index_sequence<A>{}, std::make_index_sequence<B>{});
}
template <size_t A, size_t B, size_t C>
constexpr std::array<OutputKey, A + B + C> joined(const OutputKey (&first)[A], const OutputKey (&second)[B],
                                                  const OutputKey (&third)[C]) {
  return [&]<size_t... I, size_t... J, size_t... K>(std::index_sequence<I...>, std::index_sequence<J...>,
                                                    std::index_sequence<K...>) {
    return std::array<OutputKey, A + B + C>{first[I]..., second[J]..., third[K]...};
  }
  (std::make_index_sequence<A>{}, std::make_index_sequence<B>{}, std::make_index_sequence<C>{});
}

// Errors if only one of certificate and key is there.
void check_tls(Reading& reading, const TreeNode& node, const Tls& tls);
// http:// or https:// with a host; never shown.
void read_url(Reading& reading, const TreeNode& node, Secret& into);

// given: whether the file has the key at all.
void read_outputs(Reading& reading, const TreeNode& node, std::vector<OutputDraft>& outputs, bool& given);
// Two outputs of one name.
void check_output_names(Reading& reading, const std::vector<OutputDraft>& drafts);

}  // namespace tiercel::config
