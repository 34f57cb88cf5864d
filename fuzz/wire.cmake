# SPDX-License-Identifier: LGPL-2.1-or-later
# Seeds are made from random messages of every type.
set(seeds ${CMAKE_CURRENT_BINARY_DIR}/seeds)
file(MAKE_DIRECTORY ${seeds}/wire_msg ${seeds}/wire_msgc ${seeds}/wire_guest)
add_executable(wire-seeds wire_seeds.c ${CMAKE_SOURCE_DIR}/tests/wire/families.c)
target_include_directories(wire-seeds PRIVATE ${CMAKE_SOURCE_DIR})
target_compile_options(wire-seeds PRIVATE ${SUMAC_WARNINGS})
target_link_libraries(wire-seeds PRIVATE sumac-wire-random)
add_custom_command(TARGET wire-seeds POST_BUILD COMMAND wire-seeds ${seeds})

foreach(target msg msgc guest)
    sumac_fuzz(wire-${target}
        SOURCES wire_${target}.c ${CMAKE_SOURCE_DIR}/tests/wire/families.c
        LINK sumac-wire-random sumac-wire sumac-base
        CORPUS ${seeds}/wire_${target}
        ATLEAST 90)
    add_dependencies(fuzz-wire-${target} wire-seeds)
endforeach()
