#include "siem/aws/credentials.h"

#include <doctest/doctest.h>

#include <deque>
#include <fstream>
#include <map>

#include "siem_support.h"

using namespace tiercel;
using namespace tiercel::aws;
using siem::test::TempDir;

namespace {

// What the services answer, in turn, and what they were asked.
struct World {
  std::map<std::string, std::string> variables;
  std::deque<http::Response> answers;
  std::vector<http::Request> asked;
  FakeClock clock;
  Environment environment = [this](const char* name) {
    const auto it = variables.find(name);
    return it == variables.end() ? std::string() : it->second;
  };
  Ask ask = [this](const http::Request& request) -> tl::expected<http::Response, http::Failure> {
    asked.push_back(request);
    if (answers.empty()) {
      http::Failure failure;
      failure.message = request.url + ": nobody";
      return tl::unexpected<http::Failure>(failure);
    }
    http::Response response = answers.front();
    answers.pop_front();
    return response;
  };
  Metadata metadata{environment, ask, clock};

  World() { variables["HOME"] = "/nonexistent"; }
  CredentialChain chain(const std::string& profile = "") { return {profile, environment, ask, metadata, clock}; }
};

http::Response ok(std::string body) {
  return {200, {}, std::move(body), {}};
}

// The fake clock begins at 2023-11-14T22:13:21Z.
std::string keys(const std::string& id, const std::string& until) {
  return R"({"AccessKeyId":")" + id + R"(","SecretAccessKey":"s","Token":"t","Expiration":")" + until + R"("})";
}

void write(const std::string& path, const std::string& text) {
  std::ofstream(path) << text;
}

}  // namespace

TEST_CASE("the order of the sources; a profile that is named comes first") {
  const TempDir folder;
  World world;
  write(folder / "c", "[default]\naws_access_key_id=PROFILE\naws_secret_access_key=s\n");
  world.variables["AWS_SHARED_CREDENTIALS_FILE"] = folder / "c";
  world.variables["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"] = "/x";
  world.variables["AWS_ACCESS_KEY_ID"] = "ENV";
  CHECK((*world.chain().get("eu-west-1"))->key_id == "PROFILE");  // half of a pair is none
  world.variables["AWS_SECRET_ACCESS_KEY"] = "s";
  CHECK((*world.chain().get("eu-west-1"))->key_id == "ENV");
  CHECK((*world.chain("default").get("eu-west-1"))->key_id == "PROFILE");
  CHECK(world.asked.empty());
  world.variables.erase("AWS_ACCESS_KEY_ID");
  world.variables.erase("AWS_SHARED_CREDENTIALS_FILE");
  world.answers = {ok(keys("ECS", "2023-11-15T00:00:00Z"))};
  CHECK((*world.chain().get("eu-west-1"))->key_id == "ECS");
  CHECK(world.asked[0].url == "http://169.254.170.2/x");
  CHECK(world.asked[0].direct);
}

TEST_CASE("renewed five minutes before the end; the old ones serve until it; then an error") {
  World world;
  world.variables["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"] = "/x";
  CredentialChain chain = world.chain();
  world.answers = {ok(keys("ONE", "2023-11-14T23:13:21Z"))};  // an hour
  CHECK((*chain.get("r"))->key_id == "ONE");
  world.clock.advance_ms(54 * 60 * 1000);
  CHECK((*chain.get("r"))->key_id == "ONE");
  CHECK(world.asked.size() == 1);
  world.clock.advance_ms(90 * 1000);  // 4.5 minutes before: tried, fails, not tried again at once
  CHECK((*chain.get("r"))->key_id == "ONE");
  CHECK((*chain.get("r"))->key_id == "ONE");
  CHECK(world.asked.size() == 2);
  world.clock.advance_ms(5 * 60 * 1000);
  const auto ended = chain.get("r");
  REQUIRE_FALSE(ended.has_value());
  CHECK(ended.error().message.find("the container's endpoint") != std::string::npos);
  world.answers = {ok(keys("TWO", "2023-11-15T01:13:21Z"))};
  CHECK((*chain.get("r"))->key_id == "TWO");
  chain.forget();
  world.answers = {ok(keys("THREE", "2023-11-15T01:13:21Z"))};
  CHECK((*chain.get("r"))->key_id == "THREE");
}

TEST_CASE("metadata: a token first; 401 brings another; a role's name is checked before it is asked for") {
  World world;
  world.answers = {ok("tok1"), http::Response{401, {}, "", {}}, ok("tok2"), ok("role"),
                   ok(keys("IMDS", "2023-11-15T00:00:00Z"))};
  CHECK((*world.chain().get("r"))->key_id == "IMDS");
  REQUIRE(world.asked.size() == 5);
  CHECK(world.asked[0].method == "PUT");
  CHECK(*http::find(world.asked[3].headers, "x-aws-ec2-metadata-token") == "tok2");
  CHECK(world.asked[4].url.ends_with("/security-credentials/role"));
  World other;
  other.answers = {ok("tok"), ok("../../x y")};
  CHECK_FALSE(other.chain().get("r").has_value());
  CHECK(other.asked.size() == 2);
  World off;
  off.variables["AWS_EC2_METADATA_DISABLED"] = "true";
  CHECK_FALSE(off.chain().get("r").has_value());
  CHECK(off.asked.empty());
}

TEST_CASE("where credentials may be fetched from") {
  for (const char* url : {"https://any.example/x", "http://localhost:1/x", "http://127.0.0.1/x", "http://[::1]:8/x",
                          "http://169.254.170.2/x", "http://169.254.170.23/x", "http://[fd00:ec2::23]/x"})
    CHECK(is_container_endpoint(url));
  for (const char* url :
       {"http://example/", "http://169.254.170.2.example/", "http://127.0.0.1.example/", "file:///x",
        "http://user@169.254.170.2/", "http://evil.example\\@127.0.0.1/", "http://[fd00:ec2::23", "https://"})
    CHECK_FALSE(is_container_endpoint(url));
}

TEST_CASE("a source that is set up and fails is told, and nobody else's name is used") {
  const TempDir folder;
  World world;
  write(folder / "token", "SECRETTOKEN\n");
  world.variables["AWS_ROLE_ARN"] = "arn:aws:iam::1:role/r";
  world.variables["AWS_WEB_IDENTITY_TOKEN_FILE"] = folder / "token";
  world.answers = {
      {403, {}, "<ErrorResponse><Error><Code>AccessDenied</Code><Message>SECRETTOKEN</Message></Error>", {}}};
  const auto failed = world.chain().get("cn-north-1");
  REQUIRE_FALSE(failed.has_value());
  CHECK(failed.error().message.find("AccessDenied") != std::string::npos);
  CHECK(failed.error().message.find("SECRETTOKEN") == std::string::npos);
  CHECK(world.asked.size() == 1);
  CHECK(world.asked[0].url == "https://sts.cn-north-1.amazonaws.com.cn/");
  CHECK(world.asked[0].body.find("WebIdentityToken=SECRETTOKEN") != std::string::npos);
  write(folder / "c", "[p]\ncredential_process = /bin/x\n");
  world.variables["AWS_SHARED_CREDENTIALS_FILE"] = folder / "c";
  CHECK(world.chain("p").get("r").error().message.find("credential_process") != std::string::npos);
}

TEST_CASE("answers: credentials, errors, partial failures") {
  CHECK_FALSE(read_json_credentials("[]").has_value());
  CHECK_FALSE(read_json_credentials(R"({"Code":"AssumeRoleUnauthorizedAccess"})").has_value());
  CHECK_FALSE(read_json_credentials(keys("A\\r\\nx", "2023-11-15T00:00:00Z")).has_value());
  CHECK_FALSE(read_json_credentials(keys("A", "soon")).has_value());
  const auto sts = read_sts_credentials(
      "<x><Credentials><SessionToken>a&amp;lt;b</SessionToken><SecretAccessKey>s</SecretAccessKey>"
      "<AccessKeyId>K</AccessKeyId><Expiration>2023-11-15T00:00:00.123Z</Expiration></Credentials></x>");
  REQUIRE(sts.has_value());
  CHECK(sts->token == "a&lt;b");
  CHECK(sts->expires_ns == 1'700'006'400'000'000'000);
  CHECK_FALSE(read_sts_credentials("<Credentials><AccessKeyId>").has_value());
  const ServiceError error =
      read_error({400, {{"x-amzn-errortype", "ThrottlingException:http://x/"}}, R"({"message":"slow\ndown"})", {}});
  CHECK(error.code == "ThrottlingException");
  CHECK(error.message == "slow down");
  CHECK(is_throttling(error.code));
  CHECK(read_error({400, {}, R"({"__type":"com.amazon#ExpiredTokenException"})", {}}).code == "ExpiredTokenException");
  const auto answer = read_import_answer(
      R"({"SuccessCount":1,"FailedCount":1,"FailedFindings":[{"Id":"i","ErrorCode":"InvalidInput","ErrorMessage":"m"}]})");
  REQUIRE(answer.has_value());
  CHECK(answer->failures[0].id == "i");
  CHECK_FALSE(read_import_answer("{}").has_value());
  CHECK_FALSE(read_import_answer(R"({"SuccessCount":"1","FailedCount":1})").has_value());
  CHECK(read_import_answer(R"({"SuccessCount":1,"FailedCount":1,"FailedFindings":[7,null]})").has_value());
}

TEST_CASE("regions, partitions, endpoints, times") {
  const Environment none = [](const char*) { return std::string(); };
  CHECK(partition_of("us-gov-west-1") == "aws-us-gov");
  CHECK(endpoint_of(none, "securityhub", "us-gov-west-1") == "https://securityhub.us-gov-west-1.amazonaws.com");
  CHECK(endpoint_of(none, "securityhub", "cn-north-1") == "https://securityhub.cn-north-1.amazonaws.com.cn");
  CHECK_FALSE(is_region("eu-central-1.evil.example/"));
  CHECK_FALSE(is_account("12345678901a"));
  CHECK(utc_ns("2023-11-14T22:13:20Z") == 1'700'000'000'000'000'000);
  CHECK(utc_ns("2023-11-14T22:13:20.5+00:00") == 1'700'000'000'000'000'000);
  CHECK(utc_ns("2023-11-14T22:13:20") == 0);
  CHECK(utc_ns("2023-11-14T22:13:20.") == 0);
  CHECK(utc_ns("") == 0);
  const auto settings = section_of("[a]\nx = 1\n nested = 2\n[b] # c\ny=3\n# z = 4\n\n=5\n", "b");
  CHECK(settings == std::map<std::string, std::string>{{"", "5"}, {"y", "3"}});
}
