// enrolment.yaml: what `tiercel enroll` writes is what load() reads, and tiercel.yaml's own words count more.
#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "agent/config/enrolment.h"
#include "agent/config/load.h"

using namespace tiercel;
using namespace tiercel::config;

TEST_SUITE("config_enrolment") {
  TEST_CASE("config: what an enrolment wrote is read back, whatever is in a name") {
    Wazuh wazuh;
    wazuh.managers = {{.host = "wazuh.example.com", .enrol_port = 11515}, {.host = "10.0.0.2"}};
    wazuh.agent_name = "it's-${HOME}";
    wazuh.groups = {"web", "a: b # c"};
    wazuh.ca_file = "/etc/tiercel/ca \"x\".pem";
    const auto text = enrolment_text(wazuh);
    REQUIRE(text.has_value());
    Diagnostics diagnostics;
    const auto read = parse(*text, "enrolment.yaml", diagnostics);
    REQUIRE(read.has_value());
    CHECK(read->wazuh.managers == wazuh.managers);
    CHECK(read->wazuh.agent_name == wazuh.agent_name);
    CHECK(read->wazuh.groups == wazuh.groups);
    CHECK(read->wazuh.ca_file == wazuh.ca_file);
    wazuh.agent_name = "two\nlines";
    CHECK_FALSE(enrolment_text(wazuh).has_value());
  }

  TEST_CASE("config: tiercel.yaml's own managers and names count more than the enrolment's") {
    std::string folder = (std::filesystem::temp_directory_path() / "tiercel-enrolment-XXXXXX").string();
    REQUIRE(::mkdtemp(folder.data()) != nullptr);
    const std::string file = folder + "/tiercel.yaml";
    std::ofstream(enrolment_file_of(file))
        << "wazuh: {managers: [{host: from-enrolment}], agent_name: theirs, groups: [g]}\n";
    std::ofstream(file) << "wazuh: {agent_name: mine}\n";
    Diagnostics diagnostics;
    auto config = load(file, diagnostics);
    REQUIRE(config.has_value());
    REQUIRE(config->wazuh.managers.size() == 1);
    CHECK(config->wazuh.managers[0].host == "from-enrolment");
    CHECK(config->wazuh.agent_name == "mine");
    CHECK(config->wazuh.groups == std::vector<std::string>{"g"});
    std::ofstream(file) << "wazuh: {managers: [{host: own}]}\n";
    config = load(file, diagnostics);
    REQUIRE(config.has_value());
    REQUIRE(config->wazuh.managers.size() == 1);
    CHECK(config->wazuh.managers[0].host == "own");
    std::ofstream(enrolment_file_of(file)) << "wazuh: {managres: []}\n";  // a mistake there is told, with its file
    CHECK_FALSE(load(file, diagnostics).has_value());
    CHECK(diagnostics.render_all(false).find("enrolment.yaml:1") != std::string::npos);
    std::filesystem::remove_all(folder);
  }
}
