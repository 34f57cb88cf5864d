/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* requests.h: what the host asks of a device's worker, as jobs for red_worker_call() and its kind (worker.h).
 *
 * Each takes a pointer to the arguments beside it. None waits for a client; none touches the rings while the machine stands
 * still (R47). Ids are looked up after the commands that were submitted before (R45). What ends the use of guest memory
 * returns when nothing refers to it any more: what is pending is drawn, what clients are still to be sent is copied.
 *
 * Thread     the worker's.
 * Errors     what makes no sense is logged and ignored.
 * Source     reference/api-and-behaviour.md sections 1.5 and 6.8.
 */
#pragma once

#include "display/worker.h"

typedef struct RequestMemslot {
    uint32_t group, id;
} RequestMemslot;

typedef struct RequestPrimary {
    uint32_t surface_id;
    QXLDevSurfaceCreate create;
} RequestPrimary;

typedef struct RequestUpdateArea {
    uint32_t surface_id;
    QXLRect area;
    QXLRect *dirty; /* NULL: none wanted; written before the return */
    uint32_t dirty_len;
    bool clear;     /* what is reported is not dirty any more */
    bool completes; /* update_area_complete() is wanted */
} RequestUpdateArea;

typedef struct RequestCommands {
    const QXLCommandExt *commands;
    uint32_t count;
} RequestCommands;

typedef struct RequestMonitors {
    QXLPHYSICAL address;
    uint32_t group;
} RequestMonitors;

void request_add_memslot(RedWorker *worker, void *args, uint64_t now_ns);       /* Memslot */
void request_del_memslot(RedWorker *worker, void *args, uint64_t now_ns);       /* RequestMemslot */
void request_reset_memslots(RedWorker *worker, void *args, uint64_t now_ns);    /* none */
void request_create_primary(RedWorker *worker, void *args, uint64_t now_ns);    /* RequestPrimary */
void request_destroy_primary(RedWorker *worker, void *args, uint64_t now_ns);   /* uint32_t: surface id */
void request_destroy_surface(RedWorker *worker, void *args, uint64_t now_ns);   /* uint32_t: surface id */
void request_destroy_surfaces(RedWorker *worker, void *args, uint64_t now_ns);  /* none */
void request_update_area(RedWorker *worker, void *args, uint64_t now_ns);       /* RequestUpdateArea */
void request_flush_surfaces(RedWorker *worker, void *args, uint64_t now_ns);    /* none */
void request_reset_image_cache(RedWorker *worker, void *args, uint64_t now_ns); /* none */
void request_reset_cursor(RedWorker *worker, void *args, uint64_t now_ns);      /* none */
void request_loadvm_commands(RedWorker *worker, void *args, uint64_t now_ns);   /* RequestCommands */
void request_monitors_config(RedWorker *worker, void *args, uint64_t now_ns);   /* RequestMonitors */
void request_driver_unload(RedWorker *worker, void *args, uint64_t now_ns);     /* none */
void request_set_max_monitors(RedWorker *worker, void *args, uint64_t now_ns);  /* uint32_t: at least 1 */
void request_nothing(RedWorker *worker, void *args,
                     uint64_t now_ns); /* for what was refused, but completes */
