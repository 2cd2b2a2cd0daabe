# slicerMacroBuildScriptedModule(NAME <name> SCRIPTS <file>… [RESOURCES <file>…] [WITH_SUBDIR]
#                                [WITH_GENERIC_TESTS] [VERBOSE])
#
# As Slicer's: a listed file that does not exist stops the configuration; the build copies the listed
# files, with their folders, into the build tree's module folder; the installation copies that.
# WITH_SUBDIR puts them into a folder named as the source folder instead.

function(slicerMacroBuildScriptedModule)
  cmake_parse_arguments(MODULE
    "WITH_GENERIC_TESTS;WITH_SUBDIR;VERBOSE" "NAME" "SCRIPTS;RESOURCES" ${ARGN})
  if(NOT MODULE_NAME OR NOT MODULE_SCRIPTS)
    message(FATAL_ERROR "slicerMacroBuildScriptedModule needs NAME and SCRIPTS")
  endif()
  if(MODULE_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "slicerMacroBuildScriptedModule: unknown '${MODULE_UNPARSED_ARGUMENTS}'")
  endif()

  set(subfolder "")
  if(MODULE_WITH_SUBDIR)
    get_filename_component(name "${CMAKE_CURRENT_SOURCE_DIR}" NAME)
    set(subfolder "/${name}")
  endif()
  set(destination "${CMAKE_BINARY_DIR}/${Slicer_QTSCRIPTEDMODULES_LIB_DIR}${subfolder}")

  set(copies "")
  foreach(kind SCRIPTS RESOURCES)
    foreach(file IN LISTS MODULE_${kind})
      if(kind STREQUAL "SCRIPTS" AND NOT file MATCHES "\\.py$")
        string(APPEND file ".py")
      endif()
      if(NOT EXISTS "${CMAKE_CURRENT_SOURCE_DIR}/${file}")
        message(FATAL_ERROR
          "slicerMacroBuildScriptedModule(${MODULE_NAME}): ${kind} names '${file}', "
          "which does not exist in ${CMAKE_CURRENT_SOURCE_DIR}")
      endif()
      add_custom_command(
        OUTPUT "${destination}/${file}"
        COMMAND "${CMAKE_COMMAND}" -E copy
          "${CMAKE_CURRENT_SOURCE_DIR}/${file}" "${destination}/${file}"
        DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/${file}"
        COMMENT "Copying ${file}"
        )
      list(APPEND copies "${destination}/${file}")
    endforeach()
  endforeach()
  add_custom_target(Copy${MODULE_NAME} ALL DEPENDS ${copies})

  install(DIRECTORY "${destination}/"
    DESTINATION "${Slicer_INSTALL_QTSCRIPTEDMODULES_LIB_DIR}${subfolder}"
    COMPONENT RuntimeLibraries
    USE_SOURCE_PERMISSIONS
    )
endfunction()
