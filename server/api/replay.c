/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* replay.c: spice_replay_*: a recording of QXL commands, read for a host that plays it to a server.
 *
 * Recorded surface ids are given out anew, lowest first, and 0 stays the primary's: a recording that was cut out of a
 * longer one finds room. Of the recorded calls those are made that give the surfaces their life; the rest says nothing
 * about pixels.
 *
 * Ownership  the host frees commands one by one, then the replay. The primary's memory is the replay's.
 * Thread     spice_replay_next_cmd() as the main domain, not from a worker; spice_replay_free_cmd() any.
 * Errors     where the recording is damaged it ends, with one line.
 * Source     reference/api-and-behaviour.md sections 1.8, 3.2, 8.2.
 */
#include <glib.h>
#include <spice/qxl_dev.h>
#include <inttypes.h>
#include <stddef.h>

#include "api/replay.h"
#include "api/replay_commands.h"
#include "api/server.h"

#define FORMAT_VERSION 1
#define REPLAY_SURFACES_MAX 65536

/* What an event is about. */
#define EVENT_COMMAND 0
#define EVENT_CALL 1

/* The calls that are made again, by the existing server's message numbers. */
#define CALL_DESTROY_SURFACES 19
#define CALL_CREATE_PRIMARY 20
#define CALL_DESTROY_PRIMARY 21
#define CALL_DESTROY_SURFACES_ASYNC 28
#define CALL_CREATE_PRIMARY_ASYNC 29
#define CALL_DESTROY_PRIMARY_ASYNC 30

typedef struct ReplayCommand {
    QXLCommandExt ext; /* first: the host's pointer to it is ours to the whole */
    ReplayBlocks blocks;
} ReplayCommand;

struct SpiceReplay {
    ReplayReader reader;
    GHashTable *ids;   /* recorded id to ours */
    uint8_t *is_taken; /* of our ids */
    uint32_t ids_max;
    bool has_primary;
    ReplayBlocks primary;
    QXLDevSurfaceCreate primary_as; /* while there is one */
};

SpiceReplay *spice_replay_new(FILE *file, int nsurfaces)
{
    ReplayReader reader = {.file = file, .failed = file == NULL || nsurfaces < 1};

    if (replay_named(&reader, "SPICE_REPLAY") != FORMAT_VERSION || reader.failed) {
        api_warn(NULL, "spice_replay_new: this is no recording of version %d", FORMAT_VERSION);
        return NULL;
    }
    SpiceReplay *replay = g_new0(SpiceReplay, 1);
    replay->reader = reader;
    replay->ids = g_hash_table_new(g_direct_hash, g_direct_equal);
    replay->ids_max = (uint32_t)MIN(nsurfaces, REPLAY_SURFACES_MAX);
    replay->is_taken = g_malloc0(replay->ids_max);
    return replay;
}

void spice_replay_free(SpiceReplay *replay)
{
    if (replay == NULL) {
        return;
    }
    fclose(replay->reader.file);
    replay_blocks_free(&replay->primary);
    g_hash_table_destroy(replay->ids);
    g_free(replay->is_taken);
    g_free(replay);
}

void spice_replay_free_cmd(SpiceReplay *replay, QXLCommandExt *command)
{
    (void)replay;
    if (command != NULL) {
        void *start = command; /* its first member, and packed only for the compiler */
        ReplayCommand *whole = start;
        replay_blocks_free(&whole->blocks);
        g_free(whole);
    }
}

/* ---- Surfaces ---------------------------------------------------------------------------------------------
 */

static bool find_surface(void *opaque, uint32_t recorded, uint32_t *ret_id)
{
    SpiceReplay *replay = opaque;

    *ret_id =
        recorded == 0 ? 0 : GPOINTER_TO_UINT(g_hash_table_lookup(replay->ids, GUINT_TO_POINTER(recorded)));
    return recorded == 0 || *ret_id != 0;
}

static void forget_surfaces(SpiceReplay *replay)
{
    g_hash_table_remove_all(replay->ids);
    memset(replay->is_taken, 0, replay->ids_max);
}

/* Gives the command our id. False: there is none. */
static bool place_surface(SpiceReplay *replay, QXLSurfaceCmd *command)
{
    gpointer key = GUINT_TO_POINTER(command->surface_id);
    uint32_t id;

    if (command->surface_id == 0) {
        return false;
    }
    if (command->type != QXL_SURFACE_CMD_CREATE) {
        if (!find_surface(replay, command->surface_id, &id)) {
            return false;
        }
        g_hash_table_remove(replay->ids, key);
        replay->is_taken[id] = 0;
        command->surface_id = id;
        return true;
    }
    const uint8_t *free_one =
        replay->ids_max > 1 ? memchr(replay->is_taken + 1, 0, replay->ids_max - 1) : NULL;
    if (free_one == NULL || find_surface(replay, command->surface_id, &id)) {
        return false;
    }
    id = (uint32_t)(free_one - replay->is_taken);
    replay->is_taken[id] = 1;
    g_hash_table_insert(replay->ids, key, GUINT_TO_POINTER(id));
    command->surface_id = id;
    return true;
}

/* ---- Calls ------------------------------------------------------------------------------------------------
 */

static void destroy_primary(SpiceReplay *replay, QXLInstance *instance)
{
    if (replay->has_primary) {
        spice_qxl_destroy_primary_surface(instance, 0);
        replay->has_primary = false;
    }
    replay_blocks_free(&replay->primary);
}

static void create_primary(SpiceReplay *replay, QXLInstance *instance)
{
    ReplayReader *reader = &replay->reader;
    QXLDevSurfaceCreate create = {0};
    uint32_t len;

    create.width = (uint32_t)replay_number(reader);
    create.height = (uint32_t)replay_number(reader);
    create.stride = (int32_t)replay_number(reader);
    create.format = (uint32_t)replay_number(reader);
    create.position = (uint32_t)replay_number(reader);
    create.mouse_mode = (uint32_t)replay_number(reader);
    create.flags = (uint32_t)replay_number(reader);
    create.type = (uint32_t)replay_number(reader);
    destroy_primary(replay, instance);
    const uint64_t line = (uint64_t)ABS((int64_t)create.stride);
    const int64_t wanted = (int64_t)MIN(line * create.height, (uint64_t)INT64_MAX);
    create.mem = (QXLPHYSICAL)(uintptr_t)replay_blob(reader, &replay->primary, "data", 0, wanted, &len);
    if (!reader->failed) {
        replay->primary_as = create;
        spice_qxl_create_primary_surface(instance, 0, &create);
        replay->has_primary = true;
    }
}

static void replay_call(SpiceReplay *replay, QXLInstance *instance, int64_t number)
{
    switch (number) {
    case CALL_CREATE_PRIMARY:
    case CALL_CREATE_PRIMARY_ASYNC:
        create_primary(replay, instance);
        break;
    case CALL_DESTROY_PRIMARY:
    case CALL_DESTROY_PRIMARY_ASYNC:
        destroy_primary(replay, instance);
        break;
    case CALL_DESTROY_SURFACES:
    case CALL_DESTROY_SURFACES_ASYNC:
        spice_qxl_destroy_surfaces(instance);
        forget_surfaces(replay);
        replay->has_primary = false; /* its memory stays until the next one comes */
        break;
    default:
        break;
    }
}

const QXLDevSurfaceCreate *replay_primary(const SpiceReplay *replay)
{
    return replay->has_primary ? &replay->primary_as : NULL;
}

bool replay_is_damaged(const SpiceReplay *replay)
{
    return replay->reader.failed;
}

/* ---- Commands ---------------------------------------------------------------------------------------------
 */

static QXLCommandExt *replay_command(SpiceReplay *replay, int64_t type)
{
    ReplayCommand *command = g_new0(ReplayCommand, 1);
    ReplayScribe scribe = {&replay->reader, &command->blocks, find_surface, replay};
    QXLReleaseInfo *info = NULL; /* every command begins with it */

    switch (type) {
    case QXL_CMD_DRAW:
        info = (QXLReleaseInfo *)replay_drawable(&scribe);
        break;
    case QXL_CMD_UPDATE:
        info = (QXLReleaseInfo *)replay_update(&scribe);
        break;
    case QXL_CMD_CURSOR:
        info = (QXLReleaseInfo *)replay_cursor(&scribe);
        break;
    case QXL_CMD_MESSAGE:
        info = (QXLReleaseInfo *)replay_message(&scribe);
        break;
    case QXL_CMD_SURFACE: {
        QXLSurfaceCmd *surface = replay_surface(&scribe);
        info = surface != NULL && place_surface(replay, surface) ? (QXLReleaseInfo *)surface : NULL;
        break;
    }
    default:
        break;
    }
    if (info == NULL) {
        replay->reader.failed = true;
        spice_replay_free_cmd(replay, &command->ext);
        return NULL;
    }
    info->id = (uintptr_t)&command->ext;
    command->ext.cmd.type = (uint32_t)type;
    command->ext.cmd.data = (QXLPHYSICAL)(uintptr_t)info;
    return &command->ext;
}

QXLCommandExt *spice_replay_next_cmd(SpiceReplay *replay, QXLInstance *instance)
{
    ReplayReader *reader;
    QXLCommandExt *command = NULL;
    int64_t number = 0;

    if (replay == NULL || instance == NULL || replay->reader.failed) {
        return NULL;
    }
    reader = &replay->reader;
    while (command == NULL && !reader->failed && replay_begins(reader, "event")) {
        number = replay_number(reader);
        const int64_t what = replay_number(reader);
        const int64_t type = replay_number(reader);
        (void)replay_number(reader); /* when it was: nobody waits */
        if (what == EVENT_CALL && !reader->failed) {
            replay_call(replay, instance, type);
        } else if (what == EVENT_COMMAND && type != QXL_CMD_NOP && !reader->failed) {
            command = replay_command(replay, type);
        } else if (what != EVENT_COMMAND) {
            reader->failed = true;
        }
    }
    if (reader->failed) {
        api_warn(NULL, "spice_replay_next_cmd: the recording is damaged at event %" PRIi64, number);
    }
    return command;
}
