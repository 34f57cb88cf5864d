# SPDX-License-Identifier: LGPL-2.1-or-later
sumac_fuzz(websocket SOURCES websocket.c LINK sumac-net sumac-core sumac-base
    CORPUS ${CMAKE_CURRENT_SOURCE_DIR}/corpus/websocket ATLEAST 4)
