#include "agent/http/protocols.h"

#include <curl/curl.h>

namespace tiercel::http {
namespace {

constexpr const char* kNames = "http,https";
constexpr long kBits = CURLPROTO_HTTP | CURLPROTO_HTTPS;

// A program that is built where libcurl is young runs with an older one, which knows the option of before 7.85 alone
// (Ubuntu 22.04: 7.81, RHEL 9: 7.76).
bool limit(CURL* easy, CURLoption by_names, CURLoption by_bits) {
  return ::curl_easy_setopt(easy, by_names, kNames) == CURLE_OK || ::curl_easy_setopt(easy, by_bits, kBits) == CURLE_OK;
}

}  // namespace

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
bool limit_protocols(void* easy) {
  return limit(easy, CURLOPT_PROTOCOLS_STR, CURLOPT_PROTOCOLS) &&
         limit(easy, CURLOPT_REDIR_PROTOCOLS_STR, CURLOPT_REDIR_PROTOCOLS);
}
#pragma GCC diagnostic pop

}  // namespace tiercel::http
