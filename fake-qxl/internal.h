/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* internal.h: what the files of the fake device share. See fake_qxl.h for threads and ownership.
 *
 * Three files hold the state: memory.c (guest memory in blocks), device.c (rings, callbacks, cookies,
 * accounting), calls.c (what exists: slots, primary, surfaces). guest.c, lies.c and workload.c only use them.
 */
#pragma once

#include "fake_qxl.h"

#include <stdatomic.h>

#define RING_ITEMS 32u /* as the real rings */
#define BLOCKS_MAX 2048u
#define BLOCK_NONE UINT32_MAX
#define COOKIES_MAX 8u
#define SURFACES_MAX 1024u
#define VIOLATION_TEXTS_MAX 32u
#define VIOLATION_BYTES 200u

/* Guest memory is handed out in units; an area's owner map has one entry per unit. */
#define UNIT_BYTES 64u
#define POISON_BYTE FAKE_QXL_POISON
#define POISON_WORD UINT64_C(0xdbdbdbdbdbdbdbdb)
#define AREA_BASE UINT64_C(0x10000) /* guest offset of an area's first byte, so that no address is 0 */

#define GROUP_HOST 0u
#define GROUP_GUEST 1u
#define GROUPS 2u
#define SLOTS 8u
#define GENERATION_BITS 8u
#define SLOT_BITS 8u
#define MONITORS_MAX 16u

typedef enum AreaId { AREA_RAM, AREA_VRAM, AREA_SPARE, AREAS } AreaId;

typedef struct Area {
    uint8_t *memory;
    size_t bytes;
    _Atomic uint32_t *owner; /* per unit: block index + 1; 0: free */
    uint32_t units, used;    /* all there are, and those that the guest uses: the first */
    bool writable;           /* all of it, from the beginning: then it is used as a whole */
    uint32_t next;           /* where the search for free units goes on */
    uint32_t generation;     /* of its slot in the guest's group */
    bool mapped;
} Area;

typedef enum BlockState {
    BLOCK_FREE,
    BLOCK_HELD,     /* the guest's: being written, or data without release info */
    BLOCK_QUEUED,   /* a command in a ring */
    BLOCK_TAKEN,    /* a command the server took: owed */
    BLOCK_RELEASED, /* came back, overwritten; the guest side frees it */
    BLOCK_BAIT,     /* never to be released (or, if optional, as it likes) */
} BlockState;

typedef struct Block {
    _Atomic uint32_t state; /* BlockState */
    bool optional;          /* of a lie that may or may not be released */
    bool refused;           /* of a lie that must do nothing */
    bool shape;             /* a cursor's, to be held until the next one */
    bool drawing;           /* its pixels may be read later: deadlines are about those */
    AreaId area;
    uint32_t unit, units;
    uint32_t group;      /* that the release must name */
    uint64_t release_id; /* in the release info */
    const char *what;
} Block;

typedef struct RingItem {
    QXLCommandExt command;
    uint32_t block; /* BLOCK_NONE: the address is a lie, nothing can come back */
} RingItem;

typedef struct Ring {
    _Atomic uint32_t produced; /* run freely */
    _Atomic uint32_t consumed;
    _Atomic bool armed; /* the server wants a wakeup */
    RingItem items[RING_ITEMS];
} Ring;

typedef enum CookieKind {
    COOKIE_PRIMARY_CREATE,
    COOKIE_PRIMARY_DESTROY,
    COOKIE_SURFACE_DESTROY,
    COOKIE_SURFACES_DESTROY,
    COOKIE_MONITORS,
    COOKIE_UPDATE_AREA,
    COOKIE_FLUSH,
    COOKIE_SPARE_ADD,
} CookieKind;

typedef enum CookieState { COOKIE_FREE, COOKIE_PENDING, COOKIE_DONE } CookieState;

typedef struct Cookie {
    _Atomic uint32_t state; /* CookieState */
    _Atomic bool updated;   /* update_area_complete came */
    CookieKind kind;
    uint64_t value;
    uint32_t surface;
    uint32_t block; /* freed when done; or BLOCK_NONE */
    QXLRect area;
} Cookie;

typedef enum SurfaceState { SURFACE_NONE, SURFACE_COMING, SURFACE_LIVE, SURFACE_DYING } SurfaceState;

/* Surface 0 is the primary: no commands, only data. */
typedef struct GuestSurface {
    SurfaceState state;
    bool call_pending;              /* dying by a call that has not completed */
    uint32_t create, destroy, data; /* blocks, or BLOCK_NONE */
    uint32_t width, height, format;
    int32_t stride;
} GuestSurface;

struct FakeQxl {
    QXLInstance instance; /* first: callbacks get its address */
    QXLInterface interface;
    FakeQxlConfig config;

    /* server side writes these */
    _Atomic bool running;
    _Atomic bool attached; /* attached_worker() was called: from then on the device is ready */
    _Atomic bool inside;   /* a ring or release callback is running */
    _Atomic bool client_present;
    _Atomic uint32_t flushable; /* released since flush_resources() was last called */
    _Atomic uint32_t
        cursor; /* block of the newest cursor that was taken; BLOCK_NONE: none that must be held */
    _Atomic bool cursor_lost; /* it was released */
    _Atomic uint64_t taken, released;
    _Atomic uint64_t violations;
    _Atomic bool text_ready[VIOLATION_TEXTS_MAX];
    char texts[VIOLATION_TEXTS_MAX][VIOLATION_BYTES];
    _Atomic uint32_t updates_owed; /* QXL_CMD_UPDATE taken, notify_update() not yet called */
    _Atomic uint64_t updates_notified;

    /* both */
    Ring commands, cursors;
    Block blocks[BLOCKS_MAX];
    Cookie cookies[COOKIES_MAX];

    /* guest side */
    Area areas[AREAS];
    GuestSurface surfaces[SURFACES_MAX];
    uint32_t surface_count;
    uint32_t blocks_next;
    uint32_t bait, bait_end;
    uint64_t serial; /* of release ids, cookies and updates */
    uint64_t shape_serial;
    uint64_t pushed, lies, wakeups;
    bool connected;
    bool spare_leaves; /* the spare slot goes once its commands were taken */
    bool meddled;      /* what was lent was written to */
};

/* device.c */
void violation(FakeQxl *qxl, const char *format, ...) __attribute__((format(printf, 2, 3)));
uint32_t pick(FakeQxl *qxl, const char *site, uint32_t n);
bool ring_has_room(const Ring *ring);
bool ring_is_empty(const Ring *ring);
/* The ring has room. `block` becomes the server's. */
void ring_push(FakeQxl *qxl, Ring *ring, uint32_t type, uint64_t address, uint32_t block);
void ring_push_flags(FakeQxl *qxl, Ring *ring, uint32_t type, uint32_t flags, uint64_t address,
                     uint32_t block);
void ring_push_raw(FakeQxl *qxl, Ring *ring, const QXLCommandExt *command, uint32_t block);
/* NULL: too many are pending. */
Cookie *cookie_new(FakeQxl *qxl, CookieKind kind, uint32_t block);
bool cookie_pending(const FakeQxl *qxl, CookieKind kind);
bool cookies_pending(const FakeQxl *qxl);

/* memory.c */
bool memory_init(FakeQxl *qxl);
void memory_finish(FakeQxl *qxl);
/* Memory of zeroes, BLOCK_HELD; BLOCK_NONE: none left. */
uint32_t block_new(FakeQxl *qxl, AreaId area, size_t bytes, const char *what);
void *block_memory(FakeQxl *qxl, uint32_t block);
uint64_t block_address(FakeQxl *qxl, uint32_t block, size_t offset);
/* Overwrites and frees; guest side. BLOCK_NONE is allowed. */
void block_free(FakeQxl *qxl, uint32_t block);
void block_poison(FakeQxl *qxl, const Block *block);
/* The block whose first byte this is; BLOCK_NONE if it is none's. */
uint32_t block_at(FakeQxl *qxl, const void *memory);
/* Changes bits of a byte of the n-th drawing that is lent, modulo how many there are, but for its release info. False: none
 * is. Sanitizers do not see it. */
bool block_meddle(FakeQxl *qxl, uint32_t n, uint32_t at, uint8_t bits);
/* Frees what was released. */
void blocks_reclaim(FakeQxl *qxl);
/* Is a block of this area in this state? Those of lies that may stay away do not count. */
bool area_has(const FakeQxl *qxl, AreaId area, BlockState state);
/* After a reset nothing can come back: takes what the server kept of commands that may stay away. */
void blocks_forget_optional(FakeQxl *qxl);
/* Free memory must be as it was left. */
void memory_check(FakeQxl *qxl);
uint64_t address_of(uint32_t slot, uint32_t generation, uint64_t offset);
uint64_t host_address(FakeQxl *qxl, uint32_t block); /* of AREA_VRAM, through the host's slot */

/* lies.c */
#define LIE_BYTES 2048u /* a command, and room for what it points to */
uint64_t false_address(FakeQxl *qxl);
/* A block for a command that fits the ring; NULL: not now. */
void *lie_new(FakeQxl *qxl, const Ring *ring, const char *what, uint32_t *ret_block);
uint32_t free_surface_id(const FakeQxl *qxl); /* 0: there is none */

/* lies_draw.c */
bool lie_drawing(FakeQxl *qxl, FakeQxlLie lie);
bool lie_update(FakeQxl *qxl);

/* deadlines.c: after a call that ends the use of guest memory no drawing is held any more. From any side. */
void drawings_deadline(FakeQxl *qxl, const char *call);
/* The cursor need not be held any more. */
void cursor_gone(FakeQxl *qxl);

/* calls.c */
void cookie_finish(FakeQxl *qxl, Cookie *cookie);
void surfaces_reap(FakeQxl *qxl);
