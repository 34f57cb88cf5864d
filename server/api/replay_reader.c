/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "api/replay_reader.h"

#include <glib.h>
#include <string.h>
#include <zlib.h>

#define WORD_BYTES 64
#define CHUNKS_MAX 131072

struct ReplayBlock {
    ReplayBlock *next;
    max_align_t bytes[];
};

void *replay_blocks_take(ReplayBlocks *blocks, size_t bytes)
{
    ReplayBlock *block = g_try_malloc0(sizeof *block + bytes);

    if (block == NULL) {
        return NULL;
    }
    block->next = blocks->last;
    blocks->last = block;
    return block->bytes;
}

void replay_blocks_free(ReplayBlocks *blocks)
{
    while (blocks->last != NULL) {
        ReplayBlock *block = blocks->last;
        blocks->last = block->next;
        g_free(block);
    }
}

/* ---- Words ------------------------------------------------------------------------------------------------
 */

static int next_byte(ReplayReader *reader)
{
    return reader->failed ? EOF : getc(reader->file);
}

static bool is_space(int c)
{
    return c == ' ' || c == '\n';
}

/* Up to the next blank, which is used up, or a colon, which is too. Empty at the end. */
static void next_word(ReplayReader *reader, char word[WORD_BYTES])
{
    size_t len = 0;
    int c;

    do {
        c = next_byte(reader);
    } while (is_space(c));
    while (c != EOF && !is_space(c) && c != ':') {
        if (len == WORD_BYTES - 1) {
            reader->failed = true;
            break;
        }
        word[len++] = (char)c;
        c = next_byte(reader);
    }
    word[len] = '\0';
}

void replay_expect(ReplayReader *reader, const char *word)
{
    char found[WORD_BYTES];

    next_word(reader, found);
    if (strcmp(found, word) != 0) {
        reader->failed = true;
    }
}

bool replay_begins(ReplayReader *reader, const char *word)
{
    char found[WORD_BYTES];

    next_word(reader, found);
    if (found[0] != '\0' && strcmp(found, word) != 0) {
        reader->failed = true;
    }
    return !reader->failed && found[0] != '\0';
}

int64_t replay_number(ReplayReader *reader)
{
    char word[WORD_BYTES];
    char *end;

    next_word(reader, word);
    /* Ids of images have 64 bits, and are written with and without a sign. */
    const int64_t value =
        word[0] == '-' ? g_ascii_strtoll(word, &end, 10) : (int64_t)g_ascii_strtoull(word, &end, 10);
    if (word[0] == '\0' || *end != '\0' || end == word) {
        reader->failed = true;
    }
    return reader->failed ? 0 : value;
}

int64_t replay_named(ReplayReader *reader, const char *name)
{
    replay_expect(reader, name);
    return replay_number(reader);
}

/* ---- Blobs ------------------------------------------------------------------------------------------------
 */

static bool inflate_blob(ReplayReader *reader, uint8_t *to, size_t len)
{
    const int64_t packed_len = replay_number(reader);
    uLongf inflated = len;
    bool good = false;

    if (reader->failed || packed_len < 0 || packed_len > (int64_t)REPLAY_BLOB_BYTES_MAX) {
        return false;
    }
    uint8_t *packed = g_try_malloc((size_t)packed_len + 1);
    if (packed != NULL && fread(packed, 1, (size_t)packed_len, reader->file) == (size_t)packed_len) {
        good = uncompress(to, &inflated, packed, (uLong)packed_len) == Z_OK && inflated == len;
    }
    g_free(packed);
    return good;
}

/* The header of a blob: how long it is. */
static int64_t blob_begin(ReplayReader *reader, const char *name, bool *ret_packed)
{
    replay_expect(reader, "binary");
    const int64_t packed = replay_number(reader);
    const int64_t len = replay_named(reader, name);
    if (packed < 0 || packed > 1 || len < 0 || len > (int64_t)REPLAY_BLOB_BYTES_MAX) {
        reader->failed = true;
    }
    *ret_packed = packed == 1;
    return reader->failed ? -1 : len;
}

static void blob_read(ReplayReader *reader, bool packed, uint8_t *to, size_t len)
{
    if (packed ? !inflate_blob(reader, to, len) : fread(to, 1, len, reader->file) != len) {
        reader->failed = true;
    }
}

uint8_t *replay_blob(ReplayReader *reader, ReplayBlocks *blocks, const char *name, size_t room,
                     int64_t len_wanted, uint32_t *ret_len)
{
    bool packed;
    const int64_t len = blob_begin(reader, name, &packed);
    uint8_t *block = NULL;

    *ret_len = 0;
    if (len >= 0 && (len_wanted < 0 || len == len_wanted)) {
        block = replay_blocks_take(blocks, room + (size_t)len + 1);
    }
    if (block == NULL) {
        reader->failed = true;
        return NULL;
    }
    blob_read(reader, packed, block + room, (size_t)len);
    *ret_len = (uint32_t)len;
    return reader->failed ? NULL : block;
}

uint8_t *replay_chunks(ReplayReader *reader, ReplayBlocks *blocks, const char *name, size_t room,
                       uint32_t *ret_len)
{
    const int64_t more = replay_named(reader, "data_chunks");
    const int64_t total = replay_number(reader);
    uint8_t *block = NULL;
    size_t done = 0;

    *ret_len = 0;
    if (!reader->failed && more >= 0 && more < CHUNKS_MAX && total >= 0 &&
        total <= (int64_t)REPLAY_BLOB_BYTES_MAX) {
        block = replay_blocks_take(blocks, room + (size_t)total);
    }
    if (block == NULL) {
        reader->failed = true;
        return NULL;
    }
    for (int64_t i = 0; i <= more && !reader->failed; i++) {
        bool packed;
        const int64_t len = blob_begin(reader, name, &packed);
        if (len < 0 || (size_t)len > (size_t)total - done) {
            reader->failed = true;
            return NULL;
        }
        blob_read(reader, packed, block + room + done, (size_t)len);
        done += (size_t)len;
    }
    if (done != (size_t)total) {
        reader->failed = true;
    }
    *ret_len = (uint32_t)total;
    return reader->failed ? NULL : block;
}
