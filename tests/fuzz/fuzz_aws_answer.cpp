// What AWS's services, or whoever plays them, answer, and what a damaged spool gives as an event. The first byte
// chooses. Credentials that are read fit into header lines; a finding keeps its format's sizes.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "siem/aws/answers.h"
#include "siem/aws/asff.h"
#include "siem/aws/ocsf.h"
#include "siem/aws/profile.h"

namespace {

using namespace tiercel;

void demand(bool holds) {
  if (!holds) std::abort();
}

void check(const Result<aws::Credentials>& read) {
  if (!read) return;
  demand(aws::is_usable(*read));
  for (const std::string* text : {&read->key_id, &read->secret, &read->token})
    demand(text->find_first_of(" \r\n\t") == std::string::npos);
}

void check_finding(const std::string& bytes) {
  alert::Alert alert;
  alert.event_json = bytes;
  alert.rule = alert.message = bytes.substr(0, 300);
  aws::Finding finding = aws::read_finding(alert);
  demand(finding.id.size() <= 512);
  const aws::Place place{"123456789012", "eu-west-1", "aws", "", "", "", "", ""};
  demand(aws::asff(finding, place, 1, false).size() <= aws::kFindingSizeMax);
  demand(!aws::ocsf(finding, place, 1, true).empty());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] % 6) {
    case 0:
      check(aws::read_json_credentials(bytes));
      break;
    case 1:
      check(aws::read_sts_credentials(bytes));
      (void)aws::read_caller_account(bytes);
      break;
    case 2:
      (void)aws::read_instance(bytes);
      break;
    case 3: {
      const aws::ServiceError error = aws::read_error({400, {{"x-amzn-errortype", bytes.substr(0, 40)}}, bytes, {}});
      demand(error.message.size() <= 1200 && error.message.find('\n') == std::string::npos);
      break;
    }
    case 4:
      (void)aws::read_import_answer(bytes);
      (void)aws::section_of(bytes, "default");
      break;
    default:
      check_finding(bytes);
  }
  return 0;
}
