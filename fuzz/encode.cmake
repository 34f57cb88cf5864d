# SPDX-License-Identifier: LGPL-2.1-or-later
# Seeds and world are canvas.cmake's.
sumac_fuzz(encode SOURCES encode.c ${canvas_world}
    LINK sumac-encode sumac-session sumac-canvas sumac-codec sumac-qxl sumac-wire sumac-base sumac-core-posix sumac-fake-client
    CORPUS ${canvas_seeds} ATLEAST 64)
add_dependencies(fuzz-encode canvas-seeds)
