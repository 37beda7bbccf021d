find_package(nlohmann_json REQUIRED)

add_executable(tracefmt_test tracefmt_formats_test.cpp tracefmt_test.cpp)
target_link_libraries(tracefmt_test PRIVATE etw_cli etw_flags nlohmann_json::nlohmann_json
                                            GTest::gmock GTest::gtest_main)
target_compile_definitions(tracefmt_test PRIVATE
  ETW_SHARED_DIR="${ETW_SHARED_DIR}" ETW_GOLDEN_DIR="${PROJECT_SOURCE_DIR}/tests/golden"
  ETW_TRACEFMT="$<TARGET_FILE:tracefmt>")
add_dependencies(tracefmt_test tracefmt)
gtest_discover_tests(tracefmt_test TEST_PREFIX tracefmt. PROPERTIES LABELS unit TIMEOUT 300)

add_executable(message_tools_test message_tools_test.cpp)
target_include_directories(message_tools_test PRIVATE ${PROJECT_SOURCE_DIR}/tests)
target_link_libraries(message_tools_test PRIVATE etw_decode etw_flags nlohmann_json::nlohmann_json
                                                 GTest::gmock GTest::gtest_main)
target_compile_definitions(message_tools_test PRIVATE ETW_TOOLS="${CMAKE_RUNTIME_OUTPUT_DIRECTORY}")
add_dependencies(message_tools_test tracefmt tracepdb traceview)
gtest_discover_tests(message_tools_test TEST_PREFIX tools. PROPERTIES LABELS unit TIMEOUT 300)
