# cmake --install: tools, libraries, headers, man pages, the example, and find_package(openetw).
include(CMakePackageConfigHelpers)

if(NOT WIN32)
  set(host etwd)
  set(provider_libraries etw_provider etw_provider_shared)
endif()
install(TARGETS tracelog tracefmt tracepdb traceview ${host} RUNTIME
        DESTINATION ${CMAKE_INSTALL_BINDIR})
install(TARGETS etw ${provider_libraries} EXPORT openetwTargets
        ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}
        INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(DIRECTORY include/etw include_${ETW_SYSTEM}/etw DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(FILES share/system.tmf DESTINATION ${CMAKE_INSTALL_DATADIR}/openetw)
install(FILES scripts/gdb/etw_gdb.py DESTINATION ${CMAKE_INSTALL_DATADIR}/openetw/gdb)
install(DIRECTORY docs/man/ DESTINATION ${CMAKE_INSTALL_MANDIR}/man1 FILES_MATCHING PATTERN "*.1")
install(DIRECTORY docs/man/ DESTINATION ${CMAKE_INSTALL_MANDIR}/man8 FILES_MATCHING PATTERN "*.8")
# Each shell looks for a file of the command's name; zsh for any that names the commands it is for.
foreach(tool IN ITEMS tracelog traceview tracefmt tracepdb)
  install(FILES completions/openetw.bash RENAME ${tool}
          DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
endforeach()
install(FILES completions/_openetw DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/site-functions)
# systemd looks in lib/systemd/system of its own prefix, /usr; nothing is enabled.
configure_file(scripts/packaging/openetw-boot.service.in openetw-boot.service @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/openetw-boot.service DESTINATION lib/systemd/system)
install(DIRECTORY tests/samples/ DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/openetw/examples
        FILES_MATCHING PATTERN "*.c" PATTERN "*.cpp" PATTERN "*.h")

configure_package_config_file(cmake/openetwConfig.cmake.in openetwConfig.cmake
  INSTALL_DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/openetw)
write_basic_package_version_file(openetwConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/openetwConfig.cmake
              ${PROJECT_BINARY_DIR}/openetwConfigVersion.cmake
        DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/openetw)
install(EXPORT openetwTargets NAMESPACE openetw:: DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/openetw)
