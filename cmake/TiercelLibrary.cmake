# One folder, one library. A library sees exactly the folders that it links: each folder is exposed
# through a link of its own under the build tree, so an #include across an edge that is not declared
# here does not find its header and the build fails.
#
#   tiercel_folder(NAME agent/base DEPS ... PRIVATE_DEPS ...)
function(tiercel_expose target folder)
  set(root ${PROJECT_BINARY_DIR}/include-edges/${target})
  get_filename_component(parent ${root}/${folder} DIRECTORY)
  file(MAKE_DIRECTORY ${parent})
  if(NOT EXISTS ${root}/${folder})
    file(CREATE_LINK ${PROJECT_SOURCE_DIR}/${folder} ${root}/${folder} SYMBOLIC)
  endif()
endfunction()

function(tiercel_folder target folder)
  cmake_parse_arguments(ARG "" "" "DEPS;PRIVATE_DEPS" ${ARGN})
  tiercel_expose(${target} ${folder})
  file(GLOB sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/${folder}/*.cpp)
  if(sources)
    add_library(${target} STATIC ${sources})
    set(scope PUBLIC)
    target_compile_options(${target} PRIVATE ${TIERCEL_WARNINGS})
    target_link_libraries(${target} PRIVATE ${ARG_PRIVATE_DEPS})
  else()
    add_library(${target} INTERFACE)
    set(scope INTERFACE)
  endif()
  target_include_directories(${target} ${scope} ${PROJECT_BINARY_DIR}/include-edges/${target})
  target_link_libraries(${target} ${scope} ${ARG_DEPS})
endfunction()

# One header instead of a folder, for what lives beside folders.
function(tiercel_expose_file target file)
  set(link ${PROJECT_BINARY_DIR}/include-edges/${target}/${file})
  get_filename_component(parent ${link} DIRECTORY)
  file(MAKE_DIRECTORY ${parent})
  if(NOT EXISTS ${link})
    file(CREATE_LINK ${PROJECT_SOURCE_DIR}/${file} ${link} SYMBOLIC)
  endif()
endfunction()

# The bytes of FOLDER/NAME.txt as `inline constexpr std::string_view VARIABLE` in "FOLDER/NAME_text.h", for that library's own files.
# A further argument: the folder of that header, where it is another one.
function(tiercel_embed_text target folder name variable namespace)
  set(home ${folder})
  if(ARGC GREATER 5)
    set(home ${ARGV5})
  endif()
  set(source ${PROJECT_SOURCE_DIR}/${folder}/${name})
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${source})
  file(READ ${source} text)
  get_filename_component(stem ${name} NAME_WE)
  file(CONFIGURE OUTPUT ${PROJECT_BINARY_DIR}/embedded/${target}/${home}/${stem}_text.h CONTENT
"// Made from ${folder}/${name}.
#pragma once

#include <string_view>

namespace ${namespace} {
inline constexpr std::string_view ${variable} = R\"text(@text@)text\";
}  // namespace ${namespace}
" @ONLY)
  target_include_directories(${target} PRIVATE ${PROJECT_BINARY_DIR}/embedded/${target})
endfunction()
