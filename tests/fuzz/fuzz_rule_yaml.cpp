// Rule files from anybody: whatever the bytes are, loading ends, tolerant and strict, and what was loaded can be
// listed.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "agent/rule/load.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace tiercel::rule;
  const std::string text(reinterpret_cast<const char*>(data), size);
  for (bool strict : {false, true}) {
    LoadOptions options;
    options.strict = strict;
    const Loaded loaded = load_texts({{"fuzz.yaml", text}}, options);
    if (strict && loaded.diagnostics.errors() > 0 && loaded.rules) std::abort();
    if (loaded.diagnostics.render_all().empty() != loaded.diagnostics.all().empty()) std::abort();
    if (!loaded.rules) continue;
    for (RuleId id = 0; id < loaded.rules->size(); ++id)
      if (loaded.rules->explain(id).empty()) std::abort();
  }
  return 0;
}
