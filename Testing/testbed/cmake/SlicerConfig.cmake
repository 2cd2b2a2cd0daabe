# A stand-in for the SlicerConfig.cmake of a Slicer 5.12 build: what this extension's CMake uses, so
# that it can be configured, built and installed where there is no Slicer.
#
#   cmake -S . -B build -DSlicer_DIR=Testing/testbed/cmake
#   cmake --build build
#   cmake --install build --prefix build/tree
#
# With --toolchain Testing/testbed/cmake/NoCompiler.cmake no compiler is needed: there is nothing to
# compile. What it leaves out: byte-compiling, tests, CPack, macOS' bundle layout, every module that
# is not scripted. With -DSLICER_SOURCE_DIR=… and -DCTK_SOURCE_DIR=… the macros are Slicer's own.

set(Slicer_VERSION_MAJOR 5)
set(Slicer_VERSION_MINOR 12)
set(Slicer_VERSION "${Slicer_VERSION_MAJOR}.${Slicer_VERSION_MINOR}")
set(Slicer_MAIN_PROJECT_APPLICATION_NAME "Slicer")
set(Slicer_USE_PYTHONQT ON)

set(Slicer_CMAKE_DIR "${CMAKE_CURRENT_LIST_DIR}")
set(Slicer_USE_FILE "${Slicer_CMAKE_DIR}/UseSlicer.cmake")
set(Slicer_EXTENSION_GENERATE_CONFIG "${Slicer_CMAKE_DIR}/GenerateConfig.cmake")
set(Slicer_EXTENSION_CPACK "${Slicer_CMAKE_DIR}/Package.cmake")

# Relative to the build tree, and below the prefix in the install tree.
set(_versioned "${Slicer_MAIN_PROJECT_APPLICATION_NAME}-${Slicer_VERSION}")
set(Slicer_QTSCRIPTEDMODULES_SUBDIR "qt-scripted-modules")
set(Slicer_QTSCRIPTEDMODULES_LIB_DIR "lib/${_versioned}/${Slicer_QTSCRIPTEDMODULES_SUBDIR}")
set(Slicer_SHARE_DIR "share/${_versioned}")
unset(_versioned)
