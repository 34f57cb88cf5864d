# SPDX-License-Identifier: LGPL-2.1-or-later
if(NOT TARGET sumac-canvas)
    return()
endif()
set(canvas_seeds ${CMAKE_CURRENT_BINARY_DIR}/seeds/canvas)
set(canvas_world ${CMAKE_SOURCE_DIR}/tests/canvas/world.c ${CMAKE_SOURCE_DIR}/tests/canvas/world_images.c
    ${CMAKE_SOURCE_DIR}/tests/canvas/world_drawings.c)
file(MAKE_DIRECTORY ${canvas_seeds})
add_executable(canvas-seeds canvas_seeds.c ${canvas_world})
target_include_directories(canvas-seeds PRIVATE ${CMAKE_SOURCE_DIR})
target_compile_options(canvas-seeds PRIVATE ${SUMAC_WARNINGS})
target_link_libraries(canvas-seeds PRIVATE sumac-qxl sumac-codec)
add_custom_command(TARGET canvas-seeds POST_BUILD COMMAND canvas-seeds ${canvas_seeds})

sumac_fuzz(canvas SOURCES canvas.c ${canvas_world} LINK sumac-canvas sumac-qxl sumac-codec sumac-base CORPUS ${canvas_seeds} ATLEAST 64)
add_dependencies(fuzz-canvas canvas-seeds)
