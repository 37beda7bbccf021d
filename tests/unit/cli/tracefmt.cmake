find_package(nlohmann_json REQUIRED)

if(NOT WIN32)  # pipes, signals, links
  set(posix_only tracefmt_posix_test.cpp)
endif()
add_executable(tracefmt_test tracefmt_filter_test.cpp tracefmt_formats_test.cpp
                             tracefmt_manifests_test.cpp tracefmt_report_test.cpp tracefmt_test.cpp ${posix_only})
target_link_libraries(tracefmt_test PRIVATE etw_cli etw_test_support etw_flags nlohmann_json::nlohmann_json
                                            GTest::gmock GTest::gtest_main)
target_compile_definitions(tracefmt_test PRIVATE
  ETW_GOLDEN_DIR="${PROJECT_SOURCE_DIR}/tests/golden"
  ETW_TRACEFMT="$<TARGET_FILE:tracefmt>")
add_dependencies(tracefmt_test tracefmt)
etw_add_cases(tracefmt_test tracefmt)

add_executable(message_tools_test message_tools_test.cpp)
target_link_libraries(message_tools_test PRIVATE etw_decode etw_test_support etw_flags nlohmann_json::nlohmann_json
                                                 GTest::gmock GTest::gtest_main)
target_compile_definitions(message_tools_test PRIVATE ETW_TOOLS="${CMAKE_RUNTIME_OUTPUT_DIRECTORY}")
add_dependencies(message_tools_test tracefmt tracepdb traceview)
etw_add_cases(message_tools_test tools)
