/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* spice-qxl.h: a graphics device of the machine. Each QXLInstance has a worker thread of its own.
 *
 * The device's commands are fetched by the worker through the callbacks of QXLInterface; what the host wants
 * of the worker it says with the spice_qxl_* functions. Those marked A come from any thread, so that a vcpu
 * can serve an I/O port directly; calls for one instance are carried out in the order in which they were
 * made. A function that waits holds its caller until the worker has done the job: while it waits, the worker
 * may make callbacks marked W, but it needs no callback marked M, so the caller may hold the host's lock.
 * Functions named ..._async return at once and end with async_complete(cookie), always and once.
 *
 * Addresses in commands (QXLPHYSICAL) are the guest's and name a memslot, a generation and an offset; the
 * server reads guest memory only inside the memslots the host has announced, and treats all it finds there as
 * untrusted. What a command refers to must stay readable until release_resource.
 */
#ifndef SPICE_QXL_H_
#define SPICE_QXL_H_

#if !defined(SPICE_H_INSIDE) && !defined(SPICE_SERVER_INTERNAL)
#error "Include <spice.h> instead of this file."
#endif

#include "spice-core.h"

SPICE_BEGIN_DECLS

/* Bytes in the client capabilities that a guest sees in its QXLRom. */
#ifndef SPICE_CAPABILITIES_SIZE
#define SPICE_CAPABILITIES_SIZE (sizeof(((QXLRom *)0)->client_capabilities))
#endif

#define SPICE_INTERFACE_QXL "qxl"
#define SPICE_INTERFACE_QXL_MAJOR 3
#define SPICE_INTERFACE_QXL_MINOR 3

typedef struct QXLInterface QXLInterface;
typedef struct QXLInstance QXLInstance;
typedef struct QXLState QXLState;
typedef struct QXLWorker QXLWorker; /* nothing: hosts of long ago were given one */
typedef struct QXLDevMemSlot QXLDevMemSlot;
typedef struct QXLDevSurfaceCreate QXLDevSurfaceCreate;

/* What get_init_info fills in; constant for the life of the instance. */
typedef struct QXLDevInitInfo {
    uint32_t num_memslots_groups; /* at least 1 */
    uint32_t num_memslots;        /* per group, at least 1 */
    uint8_t memslot_gen_bits;     /* of an address, below those of the id */
    uint8_t memslot_id_bits;      /* of an address, the uppermost */
    uint32_t qxl_ram_size;        /* bytes */
    uint8_t internal_groupslot_id;
    uint32_t n_surfaces; /* ids are below this; at most 1024 count */
} QXLDevInitInfo;

/* A piece of guest memory. Generation must be that of the addresses to be valid. */
struct QXLDevMemSlot {
    uint32_t slot_group_id;
    uint32_t slot_id;
    uint32_t generation;
    uintptr_t virt_start; /* in this process */
    uintptr_t virt_end;   /* first byte behind it */
    uint64_t addr_delta;  /* added to the offset in an address, gives the address in this process */
    uint32_t qxl_ram_size;
};

struct QXLDevSurfaceCreate {
    uint32_t width; /* pixels */
    uint32_t height;
    int32_t stride;  /* bytes from line to line; negative: the last line comes first in memory */
    uint32_t format; /* SPICE_SURFACE_FMT_* */
    uint32_t position;
    uint32_t mouse_mode; /* non-zero: clients may send absolute positions */
    uint32_t flags;      /* QXL_SURF_FLAG_* */
    uint32_t type;       /* QXL_SURF_TYPE_* */
    uint64_t mem;        /* QXLPHYSICAL of the pixels */
    uint32_t group_id;   /* memslot group of `mem` */
};

/* W: called by the worker, must not block and may not call functions that wait; get_command and its kind are
 * called only between spice_server_vm_start() and _stop(). M: see spice.h. Every member must be set unless
 * said otherwise. */
struct QXLInterface {
    SpiceBaseInterface base;

    /* M, inside spice_server_add_interface(): the worker exists, functions may be called. May be NULL. The
     * second form is given the instance as its worker. */
    union {
        void (*attached_worker)(QXLInstance *qin);
        void (*attache_worker)(QXLInstance *qin, QXLWorker *qxl_worker) SPICE_GNUC_DEPRECATED;
    };

    /* M, when added and when it changes. 1: images go out as QUIC and nothing becomes video; 0: otherwise. */
    void (*set_compression_level)(QXLInstance *qin, int level);

    void (*set_mm_time)(QXLInstance *qin, uint32_t mm_time) SPICE_GNUC_DEPRECATED; /* never called */

    void (*get_init_info)(QXLInstance *qin, QXLDevInitInfo *info); /* M */

    /* W. The next drawing or surface command: 1 when `cmd` was filled in, 0 when there is none. */
    int (*get_command)(QXLInstance *qin, struct QXLCommandExt *cmd);

    /* W. Ask to be woken: 1: spice_qxl_wakeup() will come with the next command; 0: one is there already. */
    int (*req_cmd_notification)(QXLInstance *qin);

    /* W (M while the instance is being removed). A command's memory is the guest's again: once for each
     * command that was taken, in any order. */
    void (*release_resource)(QXLInstance *qin, struct QXLReleaseInfoExt release_info);

    /* W. The same two for the cursor ring. */
    int (*get_cursor_command)(QXLInstance *qin, struct QXLCommandExt *cmd);
    int (*req_cursor_notification)(QXLInstance *qin);

    void (*notify_update)(QXLInstance *qin, uint32_t update_id); /* W. A QXLUpdateCmd was rendered */

    /* W. Memory is short: pass released resources on to the guest now. Non-zero: there were some. */
    int (*flush_resources)(QXLInstance *qin);

    /* ---- minor version 1 ---- */

    void (*async_complete)(QXLInstance *qin, uint64_t cookie); /* W; M for a draw without scanout */

    /* W, before the async_complete of an update: what was rendered. The array is the library's, gone on
     * return. */
    void (*update_area_complete)(QXLInstance *qin, uint32_t surface_id, struct QXLRect *updated_rects,
                                 uint32_t num_updated_rects);

    /* ---- minor version 2 ---- */

    /* W, while the machine runs. Is a client there, and what can all of them do: bits SPICE_DISPLAY_CAP_*. */
    void (*set_client_capabilities)(QXLInstance *qin, uint8_t client_present,
                                    uint8_t caps[SPICE_CAPABILITIES_SIZE]);

    /* ---- minor version 3 ---- */

    /* M. A client wants this layout of monitors. 1: the device sees to it; 0: it cannot. NULL: only asks
     * whether it could. May be NULL. */
    int (*client_monitors_config)(QXLInstance *qin, VDAgentMonitorsConfig *monitors_config);
};

struct QXLInstance {
    SpiceBaseInstance base;
    int id; /* of its display and cursor channels; 0 or more, no two alike */
    QXLState *st;
};

/* ---- the rings ---- */

/* A. There are commands (asked for by req_..._notification). Cheap, and never waits. */
void spice_qxl_wakeup(QXLInstance *instance);

/* A. The guest is short of memory: render and release what can be. Does not wait. */
void spice_qxl_oom(QXLInstance *instance);

/* A. This device alone runs; stands still (waits). See spice_server_vm_start(), spice_server_vm_stop(). */
void spice_qxl_start(QXLInstance *instance) SPICE_GNUC_DEPRECATED;
void spice_qxl_stop(QXLInstance *instance) SPICE_GNUC_DEPRECATED;

/* A, waits. Commands restored with a saved machine: cursor and surfaces; others are ignored. */
void spice_qxl_loadvm_commands(QXLInstance *instance, struct QXLCommandExt *ext, uint32_t count);

/* ---- pixels ---- */

/* A, waits. Carries out what is in the ring and renders `area` of a surface into guest memory. `dirty_rects`,
 * if not NULL, receives up to `num_dirty_rects` rectangles that have changed; those left over become empty.
 * Non-zero `clear_dirty_region`: they need not be reported again. */
void spice_qxl_update_area(QXLInstance *instance, uint32_t surface_id, struct QXLRect *area,
                           struct QXLRect *dirty_rects, uint32_t num_dirty_rects,
                           uint32_t clear_dirty_region);

/* A. The same; ends with update_area_complete and async_complete. */
void spice_qxl_update_area_async(QXLInstance *instance, uint32_t surface_id, QXLRect *qxl_area,
                                 uint32_t clear_dirty_region, uint64_t cookie);

/* A. Renders everything that was submitted. */
void spice_qxl_flush_surfaces_async(QXLInstance *instance, uint64_t cookie);

/* ---- guest memory ---- */

/* A; add waits. Announces a memslot. When del or reset has returned, nothing refers to that memory any more.
 */
void spice_qxl_add_memslot(QXLInstance *instance, QXLDevMemSlot *slot);
void spice_qxl_add_memslot_async(QXLInstance *instance, QXLDevMemSlot *slot, uint64_t cookie);
void spice_qxl_del_memslot(QXLInstance *instance, uint32_t slot_group_id, uint32_t slot_id);
void spice_qxl_reset_memslots(QXLInstance *instance);

/* ---- surfaces ---- */

/* The primary surface, which clients show. `surface_id` is 0. The forms that wait: M; the others: A. Creating
 * one that exists, or with a size or address that makes no sense, is refused and logged. */
void spice_qxl_create_primary_surface(QXLInstance *instance, uint32_t surface_id,
                                      QXLDevSurfaceCreate *surface);
void spice_qxl_create_primary_surface_async(QXLInstance *instance, uint32_t surface_id,
                                            QXLDevSurfaceCreate *surface, uint64_t cookie);
void spice_qxl_destroy_primary_surface(QXLInstance *instance, uint32_t surface_id);
void spice_qxl_destroy_primary_surface_async(QXLInstance *instance, uint32_t surface_id, uint64_t cookie);

/* A; the first waits. One surface. The form that waits is for surface 0. */
void spice_qxl_destroy_surface_wait(QXLInstance *instance, uint32_t surface_id);
void spice_qxl_destroy_surface_async(QXLInstance *instance, uint32_t surface_id, uint64_t cookie);

/* A; the first waits. All of them, after the ring was emptied. */
void spice_qxl_destroy_surfaces(QXLInstance *instance);
void spice_qxl_destroy_surfaces_async(QXLInstance *instance, uint64_t cookie);

/* A, waits. Clients forget cached images; the cursor is as if none had been set. */
void spice_qxl_reset_image_cache(QXLInstance *instance);
void spice_qxl_reset_cursor(QXLInstance *instance);

/* ---- monitors ---- */

/* A. The guest's QXLMonitorsConfig at this address of memslot group `group_id`; one with no heads or more
 * than it says are allowed is ignored, but completed. */
void spice_qxl_monitors_config_async(QXLInstance *instance, QXLPHYSICAL monitors_config, int group_id,
                                     uint64_t cookie);

/* A. The guest driver is gone, and with it its knowledge of monitors. */
void spice_qxl_driver_unload(QXLInstance *instance);

/* M. How many monitors there can be; 0 counts as 1. spice_qxl_set_device_info() says it too. */
void spice_qxl_set_max_monitors(QXLInstance *instance, unsigned int max_monitors) SPICE_GNUC_DEPRECATED;

/* M. Where the guest sees the device, for its agent. `device_address`: "pci/<domain>/<slot>.<function>",
 * bridges on the way first (".../<slot>.<function>"), hexadecimal with 4, 2 and 1 digits; at most 255 bytes,
 * copied. Monitor n of this instance is display `device_display_id_start` + n of that device, for n below
 * `device_display_id_count`, at most 16. So a card with three heads on one instance says 0 and 3, the third
 * of three instances of one card 2 and 1. Refused and logged when too long or too many. */
void spice_qxl_set_device_info(QXLInstance *instance, const char *device_address,
                               uint32_t device_display_id_start, uint32_t device_display_id_count);

/* ---- pictures made by a GPU ---- */

/* M. Show this dma-buf: `format` is a DRM fourcc, `stride` in bytes, non-zero `y_0_top`: the first line is
 * the top one. `fd` becomes the library's. -1 ends the scanout. */
void spice_qxl_gl_scanout(QXLInstance *qxl, int fd, uint32_t width, uint32_t height, uint32_t stride,
                          uint32_t format, int y_0_top);

/* M. The same for up to four planes with a DRM format modifier. The three arrays have `num_planes` members
 * and are read before the return; every descriptor in `fd` becomes the library's. No planes end the scanout
 * (the arrays may then be NULL). More than four are refused and logged, and the descriptors closed. Since
 * 0.16.0. */
void spice_qxl_gl_scanout2(QXLInstance *qxl, const int *fd, uint32_t width, uint32_t height,
                           const uint32_t *offset, const uint32_t *stride, uint32_t num_planes,
                           uint32_t format, uint64_t modifier, int y_0_top);

/* M. This part of the scanout has changed; async_complete when the clients have drawn it. One at a time.
 * Without a scanout it completes at once. */
void spice_qxl_gl_draw_async(QXLInstance *qxl, uint32_t x, uint32_t y, uint32_t w, uint32_t h,
                             uint64_t cookie);

SPICE_END_DECLS

#endif
