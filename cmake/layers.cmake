# Flags of every target of ours; nothing is set globally.
add_library(etw_flags INTERFACE)
if(MSVC)  # clang-cl included
  target_compile_options(etw_flags INTERFACE
    /W4 /utf-8 /permissive- /Zc:__cplusplus /bigobj $<$<BOOL:${ETW_WERROR}>:/WX>)
  # Functions of the standard library that its headers warn about, in favour of their own.
  target_compile_definitions(etw_flags INTERFACE _CRT_SECURE_NO_WARNINGS)
else()
  target_compile_options(etw_flags INTERFACE
    -Wall -Wextra -Wpedantic -Wshadow $<$<COMPILE_LANGUAGE:CXX>:-Wconversion>
    # g++ 12 warns about std::string's own operator+ when it is inlined (GCC bug 105651).
    $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict>
    $<$<BOOL:${ETW_WERROR}>:-Werror>)
endif()
if(ETW_SANITIZE AND MSVC)
  target_compile_options(etw_flags INTERFACE /fsanitize=${ETW_SANITIZE})
elseif(ETW_SANITIZE)
  target_compile_options(etw_flags INTERFACE -fsanitize=${ETW_SANITIZE} -fno-omit-frame-pointer)
  target_link_options(etw_flags INTERFACE -fsanitize=${ETW_SANITIZE})
endif()

if(ETW_FUZZ)  # coverage of everything that a target reaches, not of the target alone
  target_compile_options(etw_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()

# What a source that writes events is given: <TraceLoggingProvider.h> as on Windows, <etw/...> too.
# Headers of every system, then those of this one; installed they are one folder. On Windows, only
# where the compiler comes without TraceLoggingProvider.h. No header may have the name of one of
# libc's.
set(ETW_PROVIDER_INCLUDE)
foreach(folder IN ITEMS include include_${ETW_SYSTEM})
  list(APPEND ETW_PROVIDER_INCLUDE ${PROJECT_SOURCE_DIR}/${folder} ${PROJECT_SOURCE_DIR}/${folder}/etw)
endforeach()

# etw_layer(NAME SOURCES ... DEPENDS ...): the static library etw_NAME of lib/NAME. DEPENDS names
# layers; what a layer may depend on is checked by scripts/check_layers.py.
function(etw_layer name)
  cmake_parse_arguments(arg "" "" "SOURCES;DEPENDS" ${ARGN})
  add_library(etw_${name} STATIC ${arg_SOURCES})
  target_include_directories(etw_${name} PUBLIC
    $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/lib> $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>)
  list(TRANSFORM arg_DEPENDS PREPEND etw_)
  target_link_libraries(etw_${name} PUBLIC ${arg_DEPENDS} PRIVATE $<BUILD_INTERFACE:etw_flags>)
endfunction()
