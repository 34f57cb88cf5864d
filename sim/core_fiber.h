/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* core_fiber.h: the Core table of a universe.
 *
 * Each operation is a call with a schedule point before and after it, but entropy(), log() and note(), and goes into
 * the record. core.h says what the operations do.
 */
#pragma once

#include "base/list.h"
#include "sim/world.h"

typedef struct SimFile {
    struct SimFile *next;
    char *path;
    uint8_t *data;
    size_t len;
    bool full; /* cannot be written */
} SimFile;

typedef struct SimCore {
    SimFile *files;
    size_t files_written; /* CoreFiles in existence */
    ListNode loops;
    size_t loops_len;
    size_t allocations; /* in existence */
} SimCore;

void sim_core_init(Sim *sim);
void sim_core_finish(Sim *sim);
/* Adds the timers and watches of the server's own loops. */
void sim_core_count(Sim *sim, size_t *timers, size_t *watches);
