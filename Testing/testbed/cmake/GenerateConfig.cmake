# What include(${Slicer_EXTENSION_GENERATE_CONFIG}) leaves in the build tree: the file by which another
# extension finds this one.

file(WRITE "${CMAKE_BINARY_DIR}/${EXTENSION_NAME}Config.cmake"
  "set(${EXTENSION_NAME}_SOURCE_DIR \"${CMAKE_SOURCE_DIR}\")\n")
