#include "siem/aws/hub_place.h"

namespace tiercel::aws {

Whereabouts::Whereabouts(const SecurityHubOptions& options, Ask ask, const Clock& clock)
    : options_(options),
      ask_(std::move(ask)),
      metadata_(options.environment, ask_, clock),
      chain_(options.profile, options.environment, ask_, metadata_, clock) {}

Result<const Place*> Whereabouts::place() {
  if (place_.region.empty()) {
    auto region = find_region(options_.region, options_.profile, options_.environment, metadata_);
    if (!region) return fail(region.error().message, Fault::kUser);
    place_.region = *region;
    place_.partition = partition_of(*region);
  }
  if (place_.account.empty()) {
    auto found = account();
    if (!found) return fail(found.error().message, Fault::kUser);
    place_.account = *found;
    if (const auto instance = metadata_.instance(); instance && !instance->id.empty()) {
      place_.instance_id = instance->id;
      place_.instance_arn = "arn:" + partition_of(instance->region) + ":ec2:" + instance->region + ":" +
                            instance->account + ":instance/" + instance->id;
      place_.instance_type = instance->type;
      place_.image_id = instance->image;
      place_.zone = instance->zone;
    }
  }
  return &place_;
}

// Findings must be of the account whose credentials bring them.
Result<std::string> Whereabouts::account() {
  if (!options_.account.empty()) {
    if (!is_account(options_.account)) return fail("`account` of the output is not 12 digits");
    return options_.account;
  }
  const auto credentials = chain_.get(place_.region);
  if (!credentials) return fail(credentials.error().message);
  const auto instance = metadata_.instance();
  if ((*credentials)->source == "instance metadata" && instance) return instance->account;
  auto caller = caller_account();
  if (!caller && instance) return instance->account;
  return caller;
}

Result<std::string> Whereabouts::caller_account() {
  auto signature = sign("sts");
  if (!signature) return fail(signature.error().message);
  http::Request request;
  request.method = "POST";
  request.url = endpoint_of(options_.environment, "sts", place_.region) + "/";
  request.headers = {{"content-type", "application/x-www-form-urlencoded"}};
  request.body_size_max = 64u << 10;
  request.body = "Action=GetCallerIdentity&Version=2011-06-15";
  request.sign = std::move(*signature);
  const auto response = ask_(request);
  if (!response)
    return fail("whose account this is: " + response.error().message + "; `account` of the output says it too");
  if (response->status == 200) return read_caller_account(response->body);
  const ServiceError error = read_error(*response);
  if (is_expired(error.code)) chain_.forget();
  return fail("whose account this is: GetCallerIdentity answers HTTP " + std::to_string(response->status) + " " +
              error.code + "; `account` of the output says it too");
}

Result<http::Sign> Whereabouts::sign(const std::string& service) {
  const auto credentials = chain_.get(place_.region);
  if (!credentials) return fail(credentials.error().message, Fault::kUser);
  return http::Sign{place_.region, service, (*credentials)->key_id, (*credentials)->secret, (*credentials)->token};
}

}  // namespace tiercel::aws
