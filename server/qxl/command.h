/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* command.h: turns a command that the device took from a ring into a checked copy.
 *
 * The guest goes on writing while we read, so each byte is copied once, and what comes out of here refers to guest memory
 * only through what must be given back (release), through addresses that are looked up anew, through a shape's chunks, to
 * be copied before the memslots change, and through a drawable's pixels (drawable.h).
 *
 * Whatever else is wrong with a command, its release info is known as soon as its first 8 bytes lie in a memslot; it is
 * owed back from then on, once. A command of which not even that can be said has nothing to give back (R90).
 *
 * Ownership  the caller owes `release` to the device, also when reading failed; it owns a drawable that was read.
 * Thread     the worker's.
 * Errors     STATUS_DEVICE_FAULT with a reason, or STATUS_LIMIT: no memory for a drawable. Of the result, only type, group,
 *            slot, release and work are then valid.
 * Source     reference/wire-protocol.md sections 6.3 to 6.6, reference/api-and-behaviour.md section 6.2.
 */
#pragma once

#include <spice/qxl_dev.h>

#include "qxl/cursor.h"
#include "qxl/drawable.h"
#include "qxl/surface.h"

#define QXL_MESSAGE_BYTES_MAX 100000u /* bytes until the NUL; as the existing server */
#define QXL_MESSAGE_TEXT_BYTES 128u   /* bytes kept, NUL included: for a log line */

typedef struct QxlSurface {
    bool destroy; /* nothing else but the id counts then */
    bool keep_data;
    uint32_t id;
    QxlGeometry geometry;
    uint64_t address; /* of its pixels, all of which lie in one memslot */
} QxlSurface;

typedef struct QxlUpdate {
    QXLRect area; /* not inside out */
    uint32_t update_id;
    uint32_t surface_id;
} QxlUpdate;

typedef struct QxlMessage {
    char text[QXL_MESSAGE_TEXT_BYTES];
} QxlMessage;

typedef enum QxlRing {
    QXL_RING_COMMANDS, /* draw, update, message, surface */
    QXL_RING_CURSOR,
} QxlRing;

typedef struct QxlCommand {
    uint32_t type; /* QXL_CMD_*: says which of `u` */
    uint32_t group;
    uint32_t slot;             /* where `release` lies */
    QXLReleaseInfoExt release; /* info NULL: nothing to give back */
    uint64_t work;             /* steps that it took to read (guest_copy.h) */
    union {
        QxlDrawable *drawable; /* the caller's from here on */
        QxlUpdate update;
        QxlMessage message;
        QxlSurface surface;
        QxlCursor cursor;
    } u;
} QxlCommand;

Status qxl_command_read(const Memslots *slots, const QxlHost *host, QxlRing ring,
                        const QXLCommandExt *command, QxlCommand *ret_command,
                        QxlFault *ret_fault) STATUS_MUST_CHECK;
