# Third parties, all from the distribution. Each has one door in the sources (ARCHITECTURE.md).
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
find_package(fmt REQUIRED)
find_package(spdlog REQUIRED)
find_package(tl-expected REQUIRED)
find_package(OpenSSL REQUIRED)
find_package(ZLIB REQUIRED)
find_package(yaml-cpp REQUIRED)
pkg_check_modules(libbpf REQUIRED IMPORTED_TARGET libbpf)
# 7.87: CURLOPT_QUICK_EXIT
pkg_check_modules(libcurl REQUIRED IMPORTED_TARGET libcurl>=7.87)
pkg_check_modules(libcapng REQUIRED IMPORTED_TARGET libcap-ng)
pkg_check_modules(libseccomp REQUIRED IMPORTED_TARGET libseccomp>=2.5)
pkg_check_modules(libsystemd REQUIRED IMPORTED_TARGET libsystemd)
pkg_check_modules(re2 REQUIRED IMPORTED_TARGET re2)
pkg_check_modules(sqlite REQUIRED IMPORTED_TARGET sqlite3>=3.35)
pkg_check_modules(ncurses REQUIRED IMPORTED_TARGET ncursesw)
add_library(libcapng ALIAS PkgConfig::libcapng)
add_library(libseccomp ALIAS PkgConfig::libseccomp)
add_library(libsystemd ALIAS PkgConfig::libsystemd)

# A program that is built on one distribution and runs on others: libraries whose names or versions distributions disagree
# on go into it. The others (OpenSSL, libcurl, libelf, zlib) keep their names, and the distribution's security updates count.
option(TIERCEL_PORTABLE "Link third parties that distributions disagree on statically" OFF)

# pkg-config's target, or with TIERCEL_PORTABLE the archive ARCHIVE and what it needs (NEEDS).
function(tiercel_third_party name archive)
  cmake_parse_arguments(ARG "" "" "NEEDS" ${ARGN})
  if(NOT TIERCEL_PORTABLE)
    add_library(${name} ALIAS PkgConfig::${name})
    return()
  endif()
  find_library(TIERCEL_ARCHIVE_${name} ${archive} REQUIRED)
  get_target_property(folders PkgConfig::${name} INTERFACE_INCLUDE_DIRECTORIES)
  add_library(${name} INTERFACE)
  if(folders)
    target_include_directories(${name} SYSTEM INTERFACE ${folders})
  endif()
  target_link_libraries(${name} INTERFACE ${TIERCEL_ARCHIVE_${name}} ${ARG_NEEDS})
endfunction()
tiercel_third_party(libbpf libbpf.a NEEDS elf ZLIB::ZLIB)
tiercel_third_party(re2 libre2.a NEEDS Threads::Threads)
tiercel_third_party(sqlite libsqlite3.a NEEDS m)
tiercel_third_party(ncurses libncursesw.a NEEDS -l:libtinfo.a)

if(TIERCEL_PORTABLE)
  add_library(fmt STATIC ${PROJECT_SOURCE_DIR}/cmake/fmt.cpp)
  target_include_directories(fmt SYSTEM PUBLIC $<TARGET_PROPERTY:fmt::fmt,INTERFACE_INCLUDE_DIRECTORIES>)
  add_library(spdlog INTERFACE)  # its headers alone: one file uses it
  target_compile_definitions(spdlog INTERFACE SPDLOG_FMT_EXTERNAL)
  target_link_libraries(spdlog INTERFACE fmt Threads::Threads)
  find_library(TIERCEL_ARCHIVE_yaml_cpp libyaml-cpp.a REQUIRED)
  add_library(yaml INTERFACE)
  target_link_libraries(yaml INTERFACE ${TIERCEL_ARCHIVE_yaml_cpp})
  # Not libgcc: its archive asks for a younger glibc than libgcc_s does. What nothing uses goes, and so do the symbols that
  # libstdc++ has only for that.
  add_link_options(-static-libstdc++ -Wl,--gc-sections)
else()
  add_library(fmt ALIAS fmt::fmt)
  add_library(spdlog ALIAS spdlog::spdlog)
  add_library(yaml ALIAS yaml-cpp)
endif()

# Debian gives libcurl's symbols a version, CURL_OPENSSL_4, that other distributions' libcurl.so.4 does not have: their loader
# would complain at each start, and their package managers would refuse the package. So the program is linked against a
# library of that name which has the symbols that it uses without one; a versioned library satisfies those, too.
if(TIERCEL_PORTABLE)
  file(GLOB sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/agent/http/*.cpp)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${sources})
  set(names "")
  foreach(source IN LISTS sources)
    file(STRINGS ${source} lines REGEX "curl_[a-z_]+")
    string(REGEX MATCHALL "curl_[a-z_]+" words "${lines}")
    list(APPEND names ${words})
  endforeach()
  list(REMOVE_DUPLICATES names)
  list(TRANSFORM names REPLACE "^.+$" "void \\0(void)@body@")
  list(JOIN names "\n" names)
  string(REPLACE "@body@" " {}" names "${names}")
  file(CONFIGURE OUTPUT ${PROJECT_BINARY_DIR}/curl-names/names.c CONTENT "@names@\n" @ONLY)
  add_library(curl_names SHARED ${PROJECT_BINARY_DIR}/curl-names/names.c)
  set_target_properties(curl_names PROPERTIES OUTPUT_NAME curl SOVERSION 4
    LIBRARY_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/curl-names)
  set(CMAKE_SKIP_BUILD_RPATH ON)  # what runs is to find the real one
  add_library(libcurl INTERFACE)
  target_link_libraries(libcurl INTERFACE curl_names)
else()
  add_library(libcurl ALIAS PkgConfig::libcurl)
endif()
add_library(rapidjson INTERFACE)
target_compile_definitions(rapidjson INTERFACE RAPIDJSON_HAS_STDSTRING=1)
# RapidJSON 1.1 reserves on its empty stack by adding to a null pointer, which clang's sanitizer stops at, and compares
# its iterators in a way of before C++20.
target_compile_options(rapidjson INTERFACE
  $<$<CXX_COMPILER_ID:Clang>:-fno-sanitize=pointer-overflow -Wno-ambiguous-reversed-operator>)
