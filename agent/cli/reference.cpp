// tiercel fields | events | operators | codes | evasions
#include <unistd.h>

#include <cstdio>

#include "agent/cli/commands.h"
#include "agent/cli/reference_page.h"

namespace tiercel::cli {
int reference(const std::string& page, const std::string& format) {
  const Page made = page == "fields"      ? fields_page()
                    : page == "events"    ? events_page()
                    : page == "operators" ? operators_page()
                    : page == "codes"     ? codes_page()
                                          : evasions_page();
  std::fputs(render(made, page_format(format).value_or(PageFormat::kText)).c_str(), stdout);
  return 0;
}

}  // namespace tiercel::cli
