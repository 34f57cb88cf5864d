# SPDX-License-Identifier: LGPL-2.1-or-later
# Seeds are whole handshakes of every kind, tickets encrypted for the key that the target uses.
set(link_seeds ${CMAKE_CURRENT_BINARY_DIR}/seeds/link)
file(MAKE_DIRECTORY ${link_seeds})
add_executable(link-seeds link_seeds.c link_server.c)
target_include_directories(link-seeds PRIVATE ${CMAKE_SOURCE_DIR})
target_compile_options(link-seeds PRIVATE ${SUMAC_WARNINGS})
target_link_libraries(link-seeds PRIVATE sumac-link)
add_custom_command(TARGET link-seeds POST_BUILD COMMAND link-seeds ${link_seeds})

sumac_fuzz(link
    SOURCES link.c link_server.c
    LINK sumac-link sumac-net sumac-wire sumac-core sumac-base
    CORPUS ${link_seeds}
    ATLEAST 12)
add_dependencies(fuzz-link link-seeds)
