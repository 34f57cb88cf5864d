# SPDX-License-Identifier: LGPL-2.1-or-later
# Seeds are the scenarios of the tree, and one text that includes others.
set(scenario_seeds ${CMAKE_CURRENT_BINARY_DIR}/seeds/scenario)
file(MAKE_DIRECTORY ${scenario_seeds})
string(ASCII 12 form_feed)
file(WRITE ${scenario_seeds}/includes
    "let n = 3\nrepeat $n { include \"1\" }\nrace { } with { include \"2\" }\ninclude \"x\"\n${form_feed}pause 1ms\n${form_feed}host stops 2 times\n")
sumac_fuzz(scenario SOURCES scenario.c LINK sumac-scenario sumac-wire sumac-base
    CORPUS ${CMAKE_SOURCE_DIR}/scenarios ${scenario_seeds} ATLEAST 20)
