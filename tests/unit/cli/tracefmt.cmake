find_package(nlohmann_json REQUIRED)

add_executable(tracefmt_test tracefmt_manifests_test.cpp tracefmt_test.cpp)
target_link_libraries(tracefmt_test PRIVATE etw_cli etw_flags nlohmann_json::nlohmann_json
                                            GTest::gmock GTest::gtest_main)
target_compile_definitions(tracefmt_test PRIVATE
  ETW_SHARED_DIR="${ETW_SHARED_DIR}" ETW_GOLDEN_DIR="${PROJECT_SOURCE_DIR}/tests/golden"
  ETW_TRACEFMT="$<TARGET_FILE:tracefmt>")
add_dependencies(tracefmt_test tracefmt)
gtest_discover_tests(tracefmt_test TEST_PREFIX tracefmt. PROPERTIES LABELS unit TIMEOUT 300)
