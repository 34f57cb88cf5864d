# SPDX-License-Identifier: LGPL-2.1-or-later
# One CMake target per folder, linking only what DESIGN's arrows allow.

set(SUMAC_WARNINGS -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith -Wvla
    -Wconversion -Wno-missing-field-initializers)
if(SUMAC_WERROR)
    list(APPEND SUMAC_WARNINGS -Werror)
endif()

# sumac_folder(NAME SOURCES... LINK targets...): the static library `sumac-NAME` of one server folder.
function(sumac_folder name)
    cmake_parse_arguments(ARG "" "" "SOURCES;LINK" ${ARGN})
    add_library(sumac-${name} STATIC ${ARG_SOURCES})
    target_include_directories(sumac-${name} PUBLIC ${CMAKE_SOURCE_DIR}/server)
    target_compile_options(sumac-${name} PRIVATE ${SUMAC_WARNINGS})
    target_link_libraries(sumac-${name} PUBLIC ${ARG_LINK})
endfunction()

# sumac_program(NAME): a program that users call: installed with its manual page, it finds the library it was installed with.
function(sumac_program name)
    file(RELATIVE_PATH to_library ${CMAKE_INSTALL_FULL_BINDIR} ${CMAKE_INSTALL_FULL_LIBDIR})
    set_target_properties(${name} PROPERTIES INSTALL_RPATH "$ORIGIN/${to_library}")
    install(TARGETS ${name} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
    install(FILES ${CMAKE_SOURCE_DIR}/docs/man/${name}.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
endfunction()

# sumac_universes(VARIABLE COUNT ADDRESS THREAD): how many universes a test plays: COUNT, fewer where a sanitizer makes them slow,
# but not at night.
function(sumac_universes variable count address thread)
    set(${variable} ${count} PARENT_SCOPE)
    if(NOT SUMAC_NIGHT AND CMAKE_C_FLAGS MATCHES "-fsanitize=[a-z,]*thread")
        set(${variable} ${thread} PARENT_SCOPE)
    elseif(NOT SUMAC_NIGHT AND CMAKE_C_FLAGS MATCHES "-fsanitize")
        set(${variable} ${address} PARENT_SCOPE)
    endif()
endfunction()

# sumac_test(NAME SOURCES... LINK targets... LABELS labels...): a cmocka program run by ctest.
function(sumac_test name)
    cmake_parse_arguments(ARG "" "TIMEOUT" "SOURCES;LINK;LABELS" ${ARGN})
    add_executable(test-${name} ${ARG_SOURCES})
    set_target_properties(test-${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
    target_include_directories(test-${name} PRIVATE ${CMAKE_SOURCE_DIR})
    target_compile_options(test-${name} PRIVATE ${SUMAC_WARNINGS})
    target_link_libraries(test-${name} PRIVATE ${ARG_LINK} PkgConfig::CMOCKA)
    add_test(NAME ${name} COMMAND test-${name})
    if(NOT ARG_LABELS)
        set(ARG_LABELS unit)
    endif()
    if(NOT ARG_TIMEOUT)
        set(ARG_TIMEOUT 300) # with sanitizers, on a machine that does other things as well
    endif()
    if(CMAKE_C_FLAGS MATCHES "-fsanitize=[a-z,]*thread")
        math(EXPR ARG_TIMEOUT "3 * ${ARG_TIMEOUT}") # codecs and canvases, above all
    endif()
    set_tests_properties(${name} PROPERTIES LABELS "${ARG_LABELS}" TIMEOUT ${ARG_TIMEOUT})
endfunction()
