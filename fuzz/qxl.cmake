# SPDX-License-Identifier: LGPL-2.1-or-later
# Seeds are images of guests that play by the rules, some for each kind of command.
set(qxl_seeds ${CMAKE_CURRENT_BINARY_DIR}/seeds/qxl)
file(MAKE_DIRECTORY ${qxl_seeds})
add_executable(qxl-seeds qxl_seeds.c)
target_include_directories(qxl-seeds PRIVATE ${CMAKE_SOURCE_DIR})
target_compile_options(qxl-seeds PRIVATE ${SUMAC_WARNINGS})
target_link_libraries(qxl-seeds PRIVATE sumac-fake-qxl PkgConfig::SPICE_PROTOCOL)
add_custom_command(TARGET qxl-seeds POST_BUILD COMMAND qxl-seeds ${qxl_seeds})

sumac_fuzz(qxl SOURCES qxl.c qxl_drawable.c LINK sumac-qxl sumac-base CORPUS ${qxl_seeds} ATLEAST 100)
add_dependencies(fuzz-qxl qxl-seeds)
