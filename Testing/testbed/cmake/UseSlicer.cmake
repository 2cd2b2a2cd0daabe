# What include(${Slicer_USE_FILE}) gives an extension, as far as this one uses it.

set(EXTENSION_NAME "${PROJECT_NAME}")
if("${EXTENSION_NAME}" MATCHES "^$|^Slicer$|^Project$")
  message(FATAL_ERROR "project(<extension name>) has to come before include(\${Slicer_USE_FILE})")
endif()

set(Slicer_INSTALL_QTSCRIPTEDMODULES_LIB_DIR "${Slicer_QTSCRIPTEDMODULES_LIB_DIR}")
set(Slicer_INSTALL_QTSCRIPTEDMODULES_SHARE_DIR
  "${Slicer_SHARE_DIR}/${Slicer_QTSCRIPTEDMODULES_SUBDIR}")

option(BUILD_TESTING "Check the tests' registration; there is no Slicer here to run them." ON)

if(SLICER_SOURCE_DIR AND CTK_SOURCE_DIR)
  include("${CMAKE_CURRENT_LIST_DIR}/SlicersOwnMacros.cmake")
else()
  include("${CMAKE_CURRENT_LIST_DIR}/ScriptedModule.cmake")
endif()

# slicer_add_python_unittest(SCRIPT <file>)
function(slicer_add_python_unittest)
  cmake_parse_arguments(TEST "" "SCRIPT;TESTNAME_PREFIX" "SLICER_ARGS" ${ARGN})
  foreach(folder "${CMAKE_CURRENT_SOURCE_DIR}" "${CMAKE_CURRENT_BINARY_DIR}")
    if(EXISTS "${folder}/${TEST_SCRIPT}")
      return()
    endif()
  endforeach()
  message(FATAL_ERROR "slicer_add_python_unittest: there is no '${TEST_SCRIPT}'")
endfunction()
