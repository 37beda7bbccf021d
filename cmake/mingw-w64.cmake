# Windows, built on Debian: packages g++-mingw-w64-x86-64-posix and wine64. ETW_WINDOWS_DEPS is where
# scripts/test-windows has put the libraries, built from Debian's sources.
set(CMAKE_SYSTEM_NAME Windows)
set(CMAKE_SYSTEM_PROCESSOR x86_64)
set(CMAKE_C_COMPILER x86_64-w64-mingw32-gcc-posix)
set(CMAKE_CXX_COMPILER x86_64-w64-mingw32-g++-posix)
set(CMAKE_RC_COMPILER x86_64-w64-mingw32-windres)
set(CMAKE_EXE_LINKER_FLAGS_INIT -static)  # a tool is one file
set(CMAKE_CROSSCOMPILING_EMULATOR /usr/lib/wine/wine64)

list(APPEND CMAKE_TRY_COMPILE_PLATFORM_VARIABLES ETW_WINDOWS_DEPS)
set(CMAKE_FIND_ROOT_PATH ${ETW_WINDOWS_DEPS})
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)
