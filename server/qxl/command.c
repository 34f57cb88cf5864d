/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "qxl/command.h"

#include <string.h>

#include "qxl/guest_copy.h"

#define MESSAGE_PART_BYTES 512u

static Status surface_read(const Memslots *slots, uint32_t group, const GuestRange *range,
                           QxlSurface *ret_surface, QxlFault *ret_fault)
{
    QXLSurfaceCmd command;

    if (range->left < sizeof command) {
        return qxl_fault(ret_fault, "a surface command across the end of its memslot", range->left);
    }
    guest_copy(&command, range->host, sizeof command);
    if (command.surface_id == 0) {
        return qxl_fault(ret_fault, "a surface command for the primary surface", 0);
    }
    *ret_surface = (QxlSurface){.id = command.surface_id, .destroy = command.type == QXL_SURFACE_CMD_DESTROY};
    if (ret_surface->destroy) {
        return STATUS_OK;
    }
    if (command.type != QXL_SURFACE_CMD_CREATE) {
        return qxl_fault(ret_fault, "no such surface command", command.type);
    }
    const QXLSurface *create = &command.u.surface_create;
    ret_surface->keep_data = (command.flags & QXL_SURF_FLAG_KEEP_DATA) != 0;
    ret_surface->geometry = (QxlGeometry){create->width, create->height, create->format, create->stride};
    ret_surface->address = create->data;
    return qxl_surface_check(slots, group, create->data, &ret_surface->geometry, ret_fault);
}

static Status update_read(const GuestRange *range, bool compat, QxlUpdate *ret_update, QxlFault *ret_fault)
{
    /* The older layout is the same without its last field. */
    QXLUpdateCmd command = {.surface_id = 0};
    const size_t bytes = compat ? sizeof(QXLCompatUpdateCmd) : sizeof command;

    if (range->left < bytes) {
        return qxl_fault(ret_fault, "an update across the end of its memslot", range->left);
    }
    guest_copy(&command, range->host, bytes);
    if (command.area.left > command.area.right || command.area.top > command.area.bottom) {
        return qxl_fault(ret_fault, "an update of an area that is inside out", (uint32_t)command.area.left);
    }
    *ret_update = (QxlUpdate){command.area, command.update_id, command.surface_id};
    return STATUS_OK;
}

static Status message_read(const GuestRange *range, QxlMessage *ret_message, uint64_t *work,
                           QxlFault *ret_fault)
{
    const uint64_t behind = range->left - sizeof(QXLReleaseInfo);
    const uint64_t most = behind < QXL_MESSAGE_BYTES_MAX ? behind : QXL_MESSAGE_BYTES_MAX;
    char part[MESSAGE_PART_BYTES];

    memset(ret_message->text, 0, sizeof ret_message->text);
    for (uint64_t at = 0; at < most; at += sizeof part) {
        const size_t bytes = most - at < sizeof part ? (size_t)(most - at) : sizeof part;
        guest_copy(part, range->host + sizeof(QXLReleaseInfo) + at, bytes);
        *work += 2 * bytes / QXL_BYTES_PER_STEP; /* and its end is looked for */
        const size_t length = strnlen(part, bytes);
        if (at == 0) {
            const size_t kept = length < sizeof ret_message->text ? length : sizeof ret_message->text - 1;
            for (size_t i = 0; i < kept; i++) { /* printable: it is for a log */
                ret_message->text[i] = part[i] >= ' ' && part[i] <= '~' ? part[i] : '?';
            }
        }
        if (length < bytes) {
            return STATUS_OK;
        }
    }
    return qxl_fault(ret_fault, "a message without an end", most);
}

static bool ring_carries(QxlRing ring, uint32_t type)
{
    switch (type) {
    case QXL_CMD_DRAW:
    case QXL_CMD_UPDATE:
    case QXL_CMD_MESSAGE:
    case QXL_CMD_SURFACE:
        return ring == QXL_RING_COMMANDS;
    case QXL_CMD_CURSOR:
        return ring == QXL_RING_CURSOR;
    default:
        return false;
    }
}

Status qxl_command_read(const Memslots *slots, const QxlHost *host, QxlRing ring,
                        const QXLCommandExt *command, QxlCommand *ret_command, QxlFault *ret_fault)
{
    const bool compat = (command->flags & QXL_COMMAND_FLAG_COMPAT) != 0;
    GuestRange range;

    *ret_command = (QxlCommand){.type = command->cmd.type, .group = command->group_id};
    const Status status =
        memslots_find(slots, command->group_id, command->cmd.data, sizeof(QXLReleaseInfo), &range, ret_fault);
    if (status != STATUS_OK) {
        return status;
    }
    ret_command->slot = range.slot;
    ret_command->release = (QXLReleaseInfoExt){(QXLReleaseInfo *)range.host, command->group_id};
    if (!ring_carries(ring, command->cmd.type)) {
        return qxl_fault(ret_fault, "not a command of that ring", command->cmd.type);
    }
    switch (command->cmd.type) {
    case QXL_CMD_DRAW:
        return qxl_drawable_read(slots, host, command->group_id, &range, command->flags,
                                 &ret_command->u.drawable, &ret_command->work, ret_fault);
    case QXL_CMD_UPDATE:
        return update_read(&range, compat, &ret_command->u.update, ret_fault);
    case QXL_CMD_MESSAGE:
        return message_read(&range, &ret_command->u.message, &ret_command->work, ret_fault);
    case QXL_CMD_SURFACE:
        return surface_read(slots, command->group_id, &range, &ret_command->u.surface, ret_fault);
    default:
        return qxl_cursor_read(slots, command->group_id, &range, &ret_command->u.cursor, ret_fault);
    }
}
