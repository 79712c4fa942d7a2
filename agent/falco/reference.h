// The table of falco.yaml's keys for people and machines: the page in docs/falco.md, lists, a JSON schema. Pure.
#pragma once

#include <string>

namespace tiercel::falco {

[[nodiscard]] std::string keys_markdown();
[[nodiscard]] std::string keys_plain();
[[nodiscard]] std::string keys_json();
// Draft-06, as Falco's --config-schema: what keys there are and of which type.
[[nodiscard]] std::string config_schema();

}  // namespace tiercel::falco
