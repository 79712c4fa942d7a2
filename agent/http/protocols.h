// What libcurl may speak for us: HTTP and HTTPS, also where a redirect would lead. It would read file:// for whoever
// writes a URL. Inner to agent/http.
#pragma once

namespace tiercel::http {

// `easy`: a CURL*. False: this libcurl cannot be limited, and must not be asked for anything.
[[nodiscard]] bool limit_protocols(void* easy);

}  // namespace tiercel::http
