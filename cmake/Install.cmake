# What is installed, and where: the only list of it. The .deb, the .rpm and `cmake --install` all come from here; what is of
# no use to a host that runs Tiercel is not in the component. The agent looks for its configuration in /etc and for its rules
# in /usr/share, so the prefix is /usr.
include(GNUInstallDirs)
if(CMAKE_INSTALL_PREFIX_INITIALIZED_TO_DEFAULT)
  set(CMAKE_INSTALL_PREFIX /usr CACHE PATH "Where it is installed" FORCE)
endif()

# install() with a destination below the prefix (or an absolute one), all in the component that packages are made of.
macro(tiercel_install destination)
  install(${ARGN} DESTINATION ${destination} COMPONENT tiercel)
endmacro()
set(share ${CMAKE_INSTALL_DATADIR}/tiercel)

tiercel_install(${CMAKE_INSTALL_BINDIR} TARGETS tiercel_program RUNTIME)

# Rules are data of this version, which an upgrade replaces; the host's own are read after them, from rules.d.
file(GLOB files CONFIGURE_DEPENDS rules/*.yaml)
tiercel_install(${share}/rules FILES ${files})
tiercel_install(/etc/tiercel FILES packaging/etc/tiercel.yaml)
install(DIRECTORY DESTINATION /etc/tiercel/rules.d COMPONENT tiercel)
tiercel_install(lib/systemd/system FILES packaging/systemd/tiercel.service)

# For the manager and its dashboard, with the folders that install.sh expects around it.
file(GLOB files CONFIGURE_DEPENDS packaging/wazuh-manager/*.sh siem/dashboard/*.sh)
foreach(file IN LISTS files)
  cmake_path(RELATIVE_PATH file BASE_DIRECTORY ${PROJECT_SOURCE_DIR})
  cmake_path(GET file PARENT_PATH folder)
  tiercel_install(${share}/${folder} PROGRAMS ${file})
endforeach()
tiercel_install(${share}/packaging/wazuh-manager FILES packaging/wazuh-manager/active-response.xml)
tiercel_install(${share}/packaging/wazuh-agent FILES packaging/wazuh-agent/localfile.xml)
tiercel_install(${share}/decoders DIRECTORY decoders/wazuh)
tiercel_install(${share}/rules DIRECTORY rules/wazuh)
tiercel_install(${share}/siem/dashboard FILES siem/dashboard/tiercel.ndjson siem/dashboard/index_template.yaml)

# Manual pages NAME.SECTION.
file(GLOB files CONFIGURE_DEPENDS packaging/man/*.[1-9])
foreach(file IN LISTS files)
  cmake_path(GET file EXTENSION LAST_ONLY section)
  string(SUBSTRING ${section} 1 -1 section)
  tiercel_install(${CMAKE_INSTALL_MANDIR}/man${section} FILES ${file})
endforeach()

# Completions of shells, from the build (agent/CMakeLists.txt), where Debian has them; packaging/package.sh knows the rpm's place.
if(NOT CMAKE_CROSSCOMPILING OR CMAKE_CROSSCOMPILING_EMULATOR)
  set(completions ${PROJECT_BINARY_DIR}/completions)
  tiercel_install(${CMAKE_INSTALL_DATADIR}/bash-completion/completions FILES ${completions}/tiercel)
  tiercel_install(${CMAKE_INSTALL_DATADIR}/zsh/vendor-completions FILES ${completions}/_tiercel)
  tiercel_install(${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d FILES ${completions}/tiercel.fish)
endif()

# Licences of what is linked into the program, as the distribution that it was built on has them.
if(TIERCEL_PORTABLE)
  foreach(package IN ITEMS libbpf-dev libcli11-dev libexpected-dev libfmt-dev libre2-dev libspdlog-dev libsqlite3-dev libyaml-cpp-dev rapidjson-dev)
    install(FILES /usr/share/doc/${package}/copyright DESTINATION ${CMAKE_INSTALL_DOCDIR}/third-party RENAME ${package}
      COMPONENT tiercel OPTIONAL)
  endforeach()
endif()
