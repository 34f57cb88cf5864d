# SPDX-License-Identifier: LGPL-2.1-or-later
# Seeds are of no meaning but length: enough choices for a client to come, act and go.
set(universe_seeds ${CMAKE_CURRENT_BINARY_DIR}/seeds/universe)
file(MAKE_DIRECTORY ${universe_seeds})
foreach(number RANGE 1 12)
    math(EXPR length "${number} * 100")
    string(RANDOM LENGTH ${length} RANDOM_SEED ${number} bytes)
    file(WRITE ${universe_seeds}/${number} "${bytes}")
endforeach()
sumac_fuzz(universe SOURCES universe.c
    LINK sumac-workload sumac-explore sumac-sim sumac-api sumac-fake-client sumac-fake-qxl sumac-wire sumac-base
    CORPUS ${universe_seeds} ATLEAST 12)
