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
pkg_check_modules(re2 REQUIRED IMPORTED_TARGET re2)
pkg_check_modules(sqlite REQUIRED IMPORTED_TARGET sqlite3>=3.35)
add_library(libbpf ALIAS PkgConfig::libbpf)
add_library(libcurl ALIAS PkgConfig::libcurl)
add_library(re2 ALIAS PkgConfig::re2)
add_library(sqlite ALIAS PkgConfig::sqlite)
add_library(rapidjson INTERFACE)
target_compile_definitions(rapidjson INTERFACE RAPIDJSON_HAS_STDSTRING=1)
# RapidJSON 1.1 reserves on its empty stack by adding to a null pointer, which clang's sanitizer stops at, and compares
# its iterators in a way of before C++20.
target_compile_options(rapidjson INTERFACE
  $<$<CXX_COMPILER_ID:Clang>:-fno-sanitize=pointer-overflow -Wno-ambiguous-reversed-operator>)
