# SPDX-License-Identifier: LGPL-2.1-or-later
sumac_fuzz(websocket SOURCES websocket.c LINK sumac-net sumac-core sumac-base
    ATLEAST 4)
