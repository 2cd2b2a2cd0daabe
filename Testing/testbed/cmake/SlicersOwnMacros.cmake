# The macros of a Slicer checkout (SLICER_SOURCE_DIR) and a CTK checkout (CTK_SOURCE_DIR) in place of
# ScriptedModule.cmake, to see that both install the same files. Byte-compiles, so Python is needed.

list(APPEND CMAKE_MODULE_PATH "${SLICER_SOURCE_DIR}/CMake" "${CTK_SOURCE_DIR}/CMake")
set(CTK_CMAKE_DIR "${CTK_SOURCE_DIR}/CMake")
set(Slicer_PYTHON_MODULE_TEST_TEMPLATES_DIR "${SLICER_SOURCE_DIR}/Base/QTCore/Testing/Python")

if(NOT PYTHON_EXECUTABLE)
  find_package(Python3 REQUIRED COMPONENTS Interpreter)
  set(PYTHON_EXECUTABLE "${Python3_EXECUTABLE}")
endif()
# Slicer's configuration brings its interpreter along; the macro then does not look for one.
set(PYTHONINTERP_FOUND TRUE)
set(PYTHONLIBS_FOUND TRUE)
set(PYTHON_LIBRARIES "${PYTHON_EXECUTABLE}")

include(ctkFunctionExtractOptimizedLibrary)
include(ctkMacroCompilePythonScript)
include(SlicerMacroConfigureGenericPythonModuleTests)
include(SlicerMacroBuildScriptedModule)
