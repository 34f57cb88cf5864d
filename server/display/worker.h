/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* worker.h: RedWorker, the thread that serves one QXL device: its rings, its display channel and its cursor channel.
 *
 * It is what a host sees as QXLInstance.st. Four files share it:
 *
 *   worker.c    life; the ways in for other threads (requests, wakeups)
 *   rings.c     when the rings are read, and when the worker sleeps
 *   commands.c  what a command does
 *   requests.c  what the host asks for, carried out in the worker's thread
 *
 * Ownership  red_worker_new() ... red_worker_free(). Owns its loop, its thread, both channels, the memslots, the surfaces,
 *            and every command that the device lent it. Borrows the instance.
 * Thread     the first group of fields is constant between new and free; the second is the main domain's; the third the
 *            worker's. red_worker_call(), _post(), _wakeup() and _oom() may be called from any thread that the host
 *            lets call; all else here is the main domain's.
 * Waiting    red_worker_call() waits for the worker, which waits for nobody.
 * Errors     what the guest does wrong is one line, at most one per second; what the host does wrong is one line.
 * Source     reference/api-and-behaviour.md sections 1.5, 2.5, 6.1, 6.2, 6.8; DESIGN sections 5 and 7.
 */
#pragma once

#include <spice.h>

#include "channels/cursor.h"
#include "display/current.h"
#include "display/display_channel.h"
#include "display/recorder.h"
#include "display/rings.h"
#include "display/surfaces.h"
#include "qxl/command.h"

typedef struct QXLState RedWorker;

typedef struct RedWorkerHooks {
    /* Main domain, posted from the worker: how the primary surface is now. */
    void (*primary_changed)(void *opaque, RedWorker *worker, bool exists, uint32_t width, uint32_t height,
                            bool mouse_mode);
    void *opaque;
} RedWorkerHooks;

/* Where the guest's agent finds the device; what spice_qxl_set_device_info() said. */
#define WORKER_DEVICE_ADDRESS_BYTES 256u /* NUL included */
#define WORKER_DEVICE_DISPLAYS_MAX 16u

typedef struct WorkerDeviceInfo {
    char address[WORKER_DEVICE_ADDRESS_BYTES]; /* "": not said */
    uint32_t display_id_start;
    uint32_t display_id_count;
} WorkerDeviceInfo;

#define WORKER_PIN_SLOTS                                                                                     \
    64u /* memslots of a group that are told apart, where drawables keep memory; devices have 8 */

typedef struct WorkerReporter WorkerReporter;

struct QXLState {
    ListNode in_server; /* the owner's */

    /* Constant. */
    RedsState *reds;
    const Core *core;
    QXLInstance *qxl;
    const QXLInterface *interface;
    QXLDevInitInfo init_info;
    CoreLoop *loop;
    CoreThread *thread;
    Dispatcher home;
    DisplayChannel *display;
    CursorChannel *cursor;
    WorkerReporter *reporter;

    /* Main domain. */
    WorkerDeviceInfo device_info;

    /* Any thread posts these. */
    PendingMessage wakeup, oom, mouse_mode;
    _Atomic bool client_mode; /* the mouse mode that `mouse_mode` tells of */

    /* Worker. */
    bool running;
    Memslots *slots;
    Recorder *recorder; /* NULL: nobody wants one */
    SurfaceTable surfaces;
    Current current;
    ListNode drawables;                   /* Drawable.in_worker: all that are needed by somebody */
    uint64_t (*pinned)[WORKER_PIN_SLOTS]; /* drawable_pins() of them all, group by group */
    Spares spare_drawables;               /* for the next commands */
    Spares spare_blocks;                  /* the same for what is read of them (qxl/arena.h) */
    HeldCommand cursor_command;           /* the SET that the cursor is from (R89) */
    WorkerRings rings;
    bool driver_sets_monitors; /* the guest's driver said a monitors config since it was loaded */
    uint32_t monitors_max;
    /* When the guest's next fault may be logged, and how many were not; the second: of those that are usual. */
    uint64_t next_fault_ns[2];
    uint32_t faults_unsaid[2];
};

/* Inside spice_server_add_interface(): asks the instance for its init info, makes loop, thread and channels, and tells the
 * instance; `level` is for its set_compression_level(). NULL: its id is negative, above 255 or taken, its interface lacks
 * a function, or the system has no loop or thread for us; logged, and nothing is left behind. */
RedWorker *red_worker_new(RedsState *reds, QXLInstance *qxl, const RedWorkerHooks *hooks, int level);
/* Waits for the worker to close its clients and to give everything back; runs both channels' completions. */
void red_worker_free(RedWorker *worker);

RedsState *red_worker_reds(const RedWorker *worker);
QXLInstance *red_worker_instance(const RedWorker *worker);
uint32_t red_worker_ram_bytes(const RedWorker *worker);
const WorkerDeviceInfo *red_worker_device_info(const RedWorker *worker);

void red_worker_start(RedWorker *worker);
/* When it returns, the rings are no longer read and guest memory is no longer written. */
void red_worker_stop(RedWorker *worker);
void red_worker_set_mouse_mode(RedWorker *worker, bool client_mode);
void red_worker_set_compression_level(RedWorker *worker, int level);
/* Of images, SPICE_IMAGE_COMPRESSION_*; also for clients that are there. */
void red_worker_set_image_compression(RedWorker *worker, int compression);
/* The same for slow links: JPEG, and zlib over GLZ. */
void red_worker_set_wan_compression(RedWorker *worker, spice_wan_compression_t jpeg,
                                    spice_wan_compression_t zlib_glz);

/* ---- From any thread ---- */

/* Carried out in the worker's thread. `args` are the caller's (call), or a copy of them (post). */
typedef void (*WorkerJob)(RedWorker *worker, void *args, uint64_t now_ns);

void red_worker_call(RedWorker *worker, const char *name, WorkerJob job, void *args);
void red_worker_post(RedWorker *worker, const char *name, WorkerJob job, const void *args, size_t args_bytes);
/* The same, and then async_complete(cookie). */
void red_worker_post_async(RedWorker *worker, const char *name, WorkerJob job, const void *args,
                           size_t args_bytes, uint64_t cookie);
void red_worker_wakeup(RedWorker *worker);
void red_worker_oom(RedWorker *worker);

/* ---- Worker's thread, for its other files ---- */

void worker_init_drawing(RedWorker *worker);
void worker_finish_drawing(RedWorker *worker);
/* One command out of a ring, or restored with a machine. */
void worker_process(RedWorker *worker, QxlRing ring, const QXLCommandExt *command, uint64_t now_ns);
/* Gives it back, if one is held. */
void worker_release(RedWorker *worker, HeldCommand *held);
/* The guest did something wrong. */
void worker_fault(RedWorker *worker, const QxlFault *fault, const char *what, uint64_t now_ns);

/* `keep`: the pixels mean something already. *ret_pixels: where they lie. */
Status worker_create_surface(RedWorker *worker, uint32_t id, const QxlGeometry *geometry, uint32_t group,
                             uint64_t address, bool keep, HeldCommand *take_command, const void **ret_pixels,
                             QxlFault *ret_fault) STATUS_MUST_CHECK;
/* False: there is none. */
bool worker_destroy_surface(RedWorker *worker, uint32_t id, uint64_t now_ns);
/* Draws all that is pending, and gives back all that drawables hold of the guest's. */
void worker_let_go(RedWorker *worker, uint64_t now_ns);
/* As after a reset: no shape, and its command given back. */
void worker_reset_cursor(RedWorker *worker);
void worker_report_primary(RedWorker *worker, bool exists, uint32_t width, uint32_t height, bool mouse_mode);
void worker_tell_guest_caps(RedWorker *worker);
