# fathom_room(NAME [DEPENDS room...] [LIBRARIES target...])
#
# A room is a folder src/NAME: every *.cc in it becomes the static library fathom_NAME, every *_test.cc
# beside them becomes part of the test program NAME_test.
function(fathom_room name)
  cmake_parse_arguments(ROOM "" "" "DEPENDS;LIBRARIES" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cc)
  set(tests ${sources})
  list(FILTER sources EXCLUDE REGEX "_test\\.cc$")
  list(FILTER tests INCLUDE REGEX "_test\\.cc$")

  set(scope PUBLIC)
  if(sources)
    add_library(fathom_${name} STATIC ${sources})
  else()
    add_library(fathom_${name} INTERFACE)
    set(scope INTERFACE)
  endif()
  target_include_directories(fathom_${name} ${scope} ${PROJECT_SOURCE_DIR}/src)
  foreach(room IN LISTS ROOM_DEPENDS)
    target_link_libraries(fathom_${name} ${scope} fathom_${room})
  endforeach()
  target_link_libraries(fathom_${name} ${scope} ${ROOM_LIBRARIES})

  if(FATHOM_TESTS AND tests)
    fathom_test(${name}_test SOURCES ${tests} ROOMS ${name})
  endif()
endfunction()

# fathom_test(NAME SOURCES file... ROOMS room...): a GoogleTest program; every test of it is one ctest test.
function(fathom_test name)
  cmake_parse_arguments(TEST "" "" "SOURCES;ROOMS;LIBRARIES" ${ARGN})
  add_executable(${name} ${TEST_SOURCES})
  foreach(room IN LISTS TEST_ROOMS)
    target_link_libraries(${name} PRIVATE fathom_${room})
  endforeach()
  target_link_libraries(${name} PRIVATE fathom_testing GTest::gmock GTest::gtest_main ${TEST_LIBRARIES})
  gtest_discover_tests(${name} DISCOVERY_MODE PRE_TEST PROPERTIES TIMEOUT 600)
endfunction()
