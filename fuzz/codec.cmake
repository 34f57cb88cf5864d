# SPDX-License-Identifier: LGPL-2.1-or-later
# The image decoders. Seeds are what our encoders make of generated images.
set(codec_targets lz lz4 quic glz zlib_glz jpeg)
set(codec_seeds ${CMAKE_CURRENT_BINARY_DIR}/seeds)
foreach(target ${codec_targets})
    file(MAKE_DIRECTORY ${codec_seeds}/codec_${target})
endforeach()
add_executable(codec-seeds codec_seeds.c ${CMAKE_SOURCE_DIR}/tests/codec/images.c)
target_include_directories(codec-seeds PRIVATE ${CMAKE_SOURCE_DIR})
target_compile_options(codec-seeds PRIVATE ${SUMAC_WARNINGS})
target_link_libraries(codec-seeds PRIVATE sumac-codec)
add_custom_command(TARGET codec-seeds POST_BUILD COMMAND codec-seeds ${codec_seeds})

foreach(target ${codec_targets})
    string(REPLACE _ - name ${target})
    sumac_fuzz(codec-${name}
        SOURCES codec_${target}.c codec_fuzz.c
        LINK sumac-codec sumac-base
        CORPUS ${codec_seeds}/codec_${target}
        ATLEAST 4)
    add_dependencies(fuzz-codec-${name} codec-seeds)
endforeach()

# The encoders; any bytes are an image.
sumac_fuzz(codec-encode
    SOURCES codec_encode.c codec_fuzz.c ${CMAKE_SOURCE_DIR}/tests/codec/quic_plain.c
    LINK sumac-codec sumac-base
    CORPUS ${codec_seeds}/codec_lz4
    ATLEAST 4)
add_dependencies(fuzz-codec-encode codec-seeds)
