/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* batch.h: what is drawn at a time: some drawings of one kind onto each of the world's surfaces.
 *
 * A batch is made from seed, kind and number alone, so that several processes make the same one, each in memory of its own.
 */
#pragma once

#include "tests/canvas/world.h"

#define BATCH_DEPTH 4u /* drawings of a surface, at most */
#define BATCH_DRAWINGS (WORLD_DRAWN * BATCH_DEPTH)

typedef struct Batch {
    World world;
    QXLDrawable *drawings[BATCH_DRAWINGS]; /* in the order of their commands, surfaces mixed */
    unsigned count;
} Batch;

/* Which one it is. */
typedef struct BatchName {
    uint64_t seed;
    uint32_t op; /* index of world_ops */
    uint32_t number;
} BatchName;

/* world_init() was called; what a batch before had is forgotten. */
void batch_make(Batch *batch, const BatchName *name);
