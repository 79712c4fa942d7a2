#include "wazuh_support.h"

#include <doctest/doctest.h>
#include <rapidjson/document.h>

#include <cstdlib>

#include "agent/alert/json.h"
#include "agent/base/fd.h"

namespace tiercel::wazuh::test {
namespace {

std::vector<Vector> read_vectors() {
  const char* shared = std::getenv("TIERCEL_SHARED");
  const std::string folder = shared != nullptr ? shared : TIERCEL_SOURCE_DIR "/../shared";
  const auto text = read_file(folder + "/reference/wazuh-vectors.json", 4u << 20);
  REQUIRE_MESSAGE(text.has_value(), "set TIERCEL_SHARED to the folder with the references");
  rapidjson::Document document;
  document.Parse(text->c_str());
  REQUIRE(document.IsArray());
  std::vector<Vector> read;
  for (const auto& entry : document.GetArray()) {
    const auto word = [&entry](const char* key) {
      return std::string(entry[key].GetString(), entry[key].GetStringLength());
    };
    Vector v;
    v.source = word("source");
    v.id = word("id");
    v.name = word("name");
    v.raw_key = word("raw_key");
    v.derived_key = word("derived_key");
    v.message = word("message");
    v.plaintext = from_hex(word("checksummed_plaintext_hex"));
    v.zlib = from_hex(word("zlib9_hex"));
    v.padded = from_hex(word("padded_hex"));
    v.wire = from_hex(word("wire_hex"));
    v.cipher = word("method") == "aes" ? Cipher::kAes : Cipher::kBlowfish;
    v.from_agent = word("direction") == ">";
    v.random = static_cast<uint16_t>(entry["random"].GetUint());
    v.counter = {entry["global_counter"].GetUint(), entry["local_counter"].GetUint()};
    read.push_back(std::move(v));
  }
  return read;
}

}  // namespace

const std::vector<Vector>& vectors() {
  static const std::vector<Vector> all = read_vectors();
  return all;
}

std::string from_hex(std::string_view hex) {
  std::string bytes;
  for (size_t i = 0; i + 1 < hex.size(); i += 2)
    bytes += static_cast<char>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16));
  return bytes;
}

std::string to_hex(std::string_view bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string hex;
  for (const char c : bytes) {
    hex += kDigits[static_cast<unsigned char>(c) >> 4];
    hex += kDigits[static_cast<unsigned char>(c) & 15];
  }
  return hex;
}

alert::AlertPtr make_alert(uint64_t number, alert::Priority priority) {
  auto alert = std::make_shared<alert::Alert>();
  alert->id = "alert-" + std::to_string(number);
  alert->time_ns = 1'700'000'000'000'000'000 + number;
  alert->priority = priority;
  alert->rule = "Reverse Shell";
  alert->source = "syscall";
  alert->tags = {"T1059.004"};
  alert->message = "a shell, number " + std::to_string(number);
  alert->event_json = R"({"tiercel":{"schema":"1","id":")" + alert->id + R"(","rule":"Reverse Shell","priority":")" +
                      std::string(alert::display_name(priority)) + R"(","output":"caf\u00e9 )" +
                      "\xc3\xa9 \\\"quoted\\\"" + R"("},"srcip":"192.0.2.1"})";
  return alert;
}

}  // namespace tiercel::wazuh::test
