// systemd-nspawn, libvirt's LXC, LXC, LXD.
#include <doctest/doctest.h>

#include "container_support.h"

using namespace tiercel::container;
using namespace container_test;

namespace {

// As systemd-machined writes them.
std::string machine(const std::string& name, const std::string& unit, const std::string& service,
                    const std::string& kind = "container") {
  return "# This is private data. Do not parse.\nNAME=" + name + "\nSCOPE=" + unit + "\nSERVICE=" + service +
         "\nROOT=/var/lib/machines/my\\040web\nID=0123456789abcdef0123456789abcdef\nLEADER=42\nCLASS=" + kind +
         "\nREALTIME=1795802150036294\nMONOTONIC=1\n";
}

const std::string kMachines = "/run/systemd/machines/";
const std::string kLxcConfig =
    "# Template used\nlxc.include = /usr/share/lxc/config/common.conf\nlxc.uts.name = h\n"
    "lxc.rootfs.path = dir:/var/lib/lxc/web/rootfs\nlxc.idmap = u 0 100000 65536\nlxc.idmap = g 0 200000 65536\n"
    "lxc.mount.entry = /srv/data data none bind,ro 0 0\nlxc.net.0.ipv4.address = 10.0.3.5/24 10.0.3.255\n";

}  // namespace

TEST_CASE("a container of systemd-nspawn") {
  Host host;
  host.file(kMachines + "my-web", machine("my-web", "machine-my\\\\x2dweb.scope", "systemd-nspawn"));
  const auto found = host.find("/machine.slice/machine-my\\x2dweb.scope/payload/system.slice/a.service");
  REQUIRE(found);
  const Container& c = found->container;
  CHECK(found->cgroup == "/machine.slice/machine-my\\x2dweb.scope");
  CHECK(c.known);
  CHECK(c.verified == is_root());
  CHECK(c.type == "systemd-nspawn");
  CHECK(c.id == "my-web");
  CHECK(c.name == "my-web");
  CHECK(c.rootfs == "/var/lib/machines/my web");
  CHECK(c.created_ns == 1795802150036294000);
  CHECK(c.missing == 0);
}

TEST_CASE("as a service, in a slice of one's choice") {
  Host host;
  host.file(kMachines + "web", machine("web", "systemd-nspawn@web.service", "systemd-nspawn"));
  for (const char* folder : {"/machine.slice/", "/a.slice/a-b.slice/"}) {
    const auto found = host.find(std::string(folder) + "systemd-nspawn@web.service/payload");
    REQUIRE(found);
    CHECK(found->container.known);
  }
  for (const char* folder : {"/system.slice/x.service/", "/user.slice/user-1.slice/user@1.service/app.slice/", "/"}) {
    const auto found = host.find(std::string(folder) + "systemd-nspawn@web.service/payload");
    REQUIRE(found);
    CHECK(!found->container.known);
    CHECK(found->container.missing == kMissingRecord);
  }
}

TEST_CASE("values in quotes, as newer ones write them") {
  Container c;
  std::string unit;
  REQUIRE(
      read_machine(c, "NAME=web\nCLASS=container\nSCOPE=\"machine-my\\\\x2dweb.scope\"\nROOT=\"/a b\\x20c\"\n", unit));
  CHECK(unit == "machine-my\\x2dweb.scope");
  CHECK(c.rootfs == "/a b c");
}

TEST_CASE("virtual machines are none") {
  Host host;
  host.file(kMachines + "vm", machine("vm", "machine-vm.scope", "some-vmm", "vm"));
  CHECK(!host.find("/machine.slice/machine-vm.scope"));
  CHECK(!host.find("/machine.slice/machine-qemu\\x2d1\\x2dvm.scope"));
  REQUIRE(host.find("/machine.slice/machine-unknown.scope"));
  CHECK(!host.find("/machine.slice/machine-unknown.scope")->container.known);
}

TEST_CASE("libvirt's LXC") {
  Host host;
  host.file(kMachines + "lxc-12-web", machine("lxc-12-web", "machine-lxc\\\\x2d12\\\\x2dweb.scope", "libvirt-lxc"));
  const auto found = host.find("/machine.slice/machine-lxc\\x2d12\\x2dweb.scope");
  REQUIRE(found);
  CHECK(found->container.known);
  CHECK(found->container.type == "libvirt-lxc");
  CHECK(found->container.name == "web");
}

TEST_CASE("a container of LXC") {
  Host host;
  host.file("/var/lib/lxc/web/config", kLxcConfig);
  for (const char* path : {"/lxc.payload.web/init.scope", "/lxc/web", "/lxc.payload/web"}) {
    CAPTURE(path);
    const auto found = host.find(path);
    REQUIRE(found);
    const Container& c = found->container;
    CHECK(c.known);
    CHECK(c.verified == is_root());
    CHECK(c.type == "lxc");
    CHECK(c.name == "web");
    CHECK(c.hostname == "h");
    CHECK(c.rootfs == "/var/lib/lxc/web/rootfs");
    CHECK(c.ip == "10.0.3.5");
    REQUIRE(c.uid_map.size() == 1);
    CHECK(c.uid_map[0].host == 100000);
    CHECK(c.gid_map[0].host == 200000);
    REQUIRE(c.mounts.size() == 1);
    CHECK(c.mounts[0].dest == "/data");
    CHECK(!c.mounts[0].rdwr);
    CHECK(c.missing == 0);
  }
  // The next one of the same name, while the first one's cgroup is still there.
  REQUIRE(host.find("/lxc.payload.web-1"));
  CHECK(host.find("/lxc.payload.web-1")->container.name == "web");
  for (const char* path : {"/system.slice/a.service/lxc.payload.web", "/user.slice/user-1000.slice/lxc.payload.web"}) {
    CAPTURE(path);
    REQUIRE(host.find(path));
    CHECK(!host.find(path)->container.known);
  }
  CHECK(!host.find("/lxc.payload.none")->container.known);
}

TEST_CASE("a cgroup folder that LXC was told") {
  Host host;
  host.file("/var/lib/lxc/web/config", kLxcConfig + "lxc.cgroup.dir = team\n");
  REQUIRE(host.find("/team/lxc.payload.web"));
  CHECK(host.find("/team/lxc.payload.web")->container.known);
}

TEST_CASE("LXD and Incus put the project before the name") {
  Host host;
  host.file("/var/snap/lxd/common/lxd/logs/prod_web/lxc.conf", kLxcConfig);
  const auto found = host.find("/lxc.payload.prod_web");
  REQUIRE(found);
  CHECK(found->container.known);
  CHECK(found->container.full_id == "prod_web");
  CHECK(found->container.name == "web");
}

TEST_CASE("machines' files of wrong form") {
  for (const std::string& text : {std::string(), std::string("NAME=a"), std::string("=\n=\n#NAME=a\nCLASS=container"),
                                  std::string("CLASS=container\nNAME="), std::string(3, '\0')}) {
    Container c;
    std::string unit;
    CHECK(!read_machine(c, text, unit));
  }
  Container c;
  std::string unit;
  CHECK(read_machine(c, "NAME=a\nCLASS=container\nREALTIME=99999999999999999999\nROOT=rel\nSCOPE=\\\\\\x\n", unit));
  CHECK(c.created_ns == 0);
  CHECK(c.rootfs.empty());
  CHECK(!read_lxc_config(c, ""));
  CHECK(!read_lxc_config(c, "lxc.uts.name\nother=1\n=2"));
  std::string many;
  for (int i = 0; i < 1000; ++i) many += "lxc.idmap = b 0 1 1\nlxc.mount.entry = a b c d\n";
  CHECK(read_lxc_config(c, many));
  CHECK(c.uid_map.size() == kIdRangesMax);
  CHECK(c.mounts.size() == kMountsMax);
  CHECK(c.cut);
}
