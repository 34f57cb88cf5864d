/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* replay_reader.h: the words, numbers and blobs of a recording of QXL commands.
 *
 * After the first thing that is not as it must be, everything reads as 0 and NULL, and `failed` says so: a reader of a
 * whole command asks once, at its end.
 *
 * Ownership  blobs belong to the ReplayBlocks they are read into.
 * Thread     the one that reads.
 * Errors     a recording is no more trusted than a guest: a blob is as long as the file says only if so many bytes come.
 * Source     reference/api-and-behaviour.md section 3.2.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define REPLAY_BLOB_BYTES_MAX (512u * 1024u * 1024u)

/* Memory that is given back at once. */
typedef struct ReplayBlock ReplayBlock;
typedef struct ReplayBlocks {
    ReplayBlock *last;
} ReplayBlocks;

/* Zeroed; NULL: there is no memory for that much. */
void *replay_blocks_take(ReplayBlocks *blocks, size_t bytes);
void replay_blocks_free(ReplayBlocks *blocks);

typedef struct ReplayReader {
    FILE *file; /* the owner's */
    bool failed;
} ReplayReader;

/* The next word must be this one. */
void replay_expect(ReplayReader *reader, const char *word);
/* The next word is this one: consumed only then... false at the end of the file, which is no failure. */
bool replay_begins(ReplayReader *reader, const char *word);
int64_t replay_number(ReplayReader *reader);
/* `name` and a number. */
int64_t replay_named(ReplayReader *reader, const char *name);

/* A blob of this name, behind `room` zeroed bytes of which the caller makes what he needs, and before one that
 * ends a text. `*ret_len`: its bytes.
 * `len_wanted`: what that must be, or -1. */
uint8_t *replay_blob(ReplayReader *reader, ReplayBlocks *blocks, const char *name, size_t room,
                     int64_t len_wanted, uint32_t *ret_len);
/* The same of data in chunks, as one. */
uint8_t *replay_chunks(ReplayReader *reader, ReplayBlocks *blocks, const char *name, size_t room,
                       uint32_t *ret_len);
