# A toolchain for machines without a compiler: project() of an extension enables C and C++, as Slicer
# wants it, and this extension compiles nothing.

foreach(language C CXX)
  set(CMAKE_${language}_COMPILER "${CMAKE_COMMAND}")
  set(CMAKE_${language}_COMPILER_ID_RUN TRUE)
  set(CMAKE_${language}_COMPILER_FORCED TRUE)
endforeach()
