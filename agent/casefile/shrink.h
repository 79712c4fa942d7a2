// Taking out of a draft what makes no difference. Used by from_event.cpp only.
#pragma once

#include <functional>

#include "agent/casefile/draft.h"

namespace tiercel::casefile {

// Takes entries out, the last ones first, as long as `same` says that nothing changed; of the parents only the
// farthest. What is `wanted` stays.
void shrink(Draft& draft, const std::function<bool()>& same);

}  // namespace tiercel::casefile
