# What include(${Slicer_EXTENSION_CPACK}) installs: the description that Slicer's extensions manager
# reads, one "key value" a line. Refuses missing or misnamed files as Slicer does; makes no package.

foreach(file README LICENSE)
  if(NOT EXISTS "${EXTENSION_${file}_FILE}")
    message(FATAL_ERROR "EXTENSION_${file}_FILE names '${EXTENSION_${file}_FILE}', which does not exist")
  endif()
endforeach()

set(description "")
foreach(key DEPENDS HOMEPAGE CONTRIBUTORS ICONURL DESCRIPTION SCREENSHOTURLS)
  if("${EXTENSION_${key}}" STREQUAL "")
    message(FATAL_ERROR "EXTENSION_${key} is empty")
  endif()
  string(TOLOWER "${key}" name)
  string(REPLACE ";" " " value "${EXTENSION_${key}}")
  string(APPEND description "${name} ${value}\n")
endforeach()

set(description_file "${CMAKE_BINARY_DIR}/${EXTENSION_NAME}.s4ext")
file(WRITE "${description_file}" "${description}")
install(FILES "${description_file}" DESTINATION "${Slicer_SHARE_DIR}" COMPONENT RuntimeLibraries)
