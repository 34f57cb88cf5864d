/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* fake_qxl.h: a QXL device without a machine, with a guest driver that plays on it.
 *
 * It uses the public interface of libspice-server alone (<spice.h>), so it drives any library that has that
 * interface. It owns the guest's memory, the command and the cursor ring, and a record of everything that was
 * handed to the server; it has no thread, clock or socket of its own.
 *
 *   guest side    fake_qxl_cursor_set() and the like put commands in the rings; fake_qxl_primary_create() and
 *                 the like call the server, as a device model does when the guest writes to an I/O port.
 *   server side   the QXLInterface callbacks. They touch atomics, and the memory of what is released.
 *   accounting    every command that the server took must come back exactly once, every cookie must complete
 *                 exactly once, and so on (FakeQxlReport). What breaks a rule is written down, never fatal.
 *                 Memory that the server gave back is overwritten at once, so that later use shows in what
 *                 clients see, and it is checked that nobody writes to it.
 *
 * Order        new; spice_server_add_interface(fake_qxl_instance()); fake_qxl_connect(); guest actions;
 *              spice_server_remove_interface() or _destroy(); fake_qxl_check(final); free.
 * Ownership    the caller owns the FakeQxl; it must stay until the server has let the instance go.
 * Thread       guest side: one thread at a time (the host's lock). Server side: where the server calls (the
 *              worker). The rings are single producer, single consumer; block states are atomics.
 * Choices      random ones are asked from a FakeQxlChoice, so that a simulator, a list or a seed decides.
 * Errors       a guest action returns false when it cannot be done now (ring full, no memory, nothing to act
 *              on) and has then changed nothing.
 * Source       <spice/qxl_dev.h>; reference/wire-protocol.md section 6, reference/api-and-behaviour.md 2.5.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <spice.h>

typedef struct FakeQxl FakeQxl;

#define FAKE_QXL_POISON 0xdb /* each byte of memory that is nobody's */

/* One decision: a number below `n` (n >= 1). `site` is a constant name. Guest side only. */
typedef struct FakeQxlChoice {
    uint32_t (*choose)(void *opaque, const char *site, uint32_t n);
    void *opaque;
} FakeQxlChoice;

/* A choice by seed: {fake_qxl_prng_choose, &seed}. `opaque` is a uint64_t, the state; any start value will
 * do. */
uint32_t fake_qxl_prng_choose(void *opaque, const char *site, uint32_t n);

typedef struct FakeQxlConfig {
    int id;            /* of the channel pair */
    size_t ram_bytes;  /* commands, cursors, images; 0: 4 MiB */
    size_t vram_bytes; /* surfaces; 0: 16 MiB */
    uint32_t surfaces; /* ids that the device announces; 0: 64 */
    bool strict; /* the server under test keeps deadlines: nothing of a memslot is used once it is deleted */
    bool
        own_clients; /* nobody else draws what it draws: also what others do not survive, and other primaries than xRGB */
    FakeQxlChoice choice;
    /* NULL: nobody. Called at the end of the callbacks that deal with rings and resources, where the server calls those. */
    void (*inside)(void *opaque, QXLInstance *instance);
    void *inside_opaque;
} FakeQxlConfig;

FakeQxl *fake_qxl_new(const FakeQxlConfig *config);
void fake_qxl_free(FakeQxl *qxl); /* NULL is allowed */
QXLInstance *fake_qxl_instance(FakeQxl *qxl);

/* After spice_server_add_interface(): maps guest memory (sync calls), so that commands have addresses. */
void fake_qxl_connect(FakeQxl *qxl);
/* The host says so before it calls spice_server_vm_start() and after spice_server_vm_stop() has returned:
 * rings must not be read in between. A device starts stopped. */
void fake_qxl_running(FakeQxl *qxl, bool running);

/* Takes back what was released, finishes what completed. Every guest action does so first. */
void fake_qxl_poll(FakeQxl *qxl);

/* ---- Cursor ring ---- */

/* A cursor's shape, a function of its unique id, so that whoever sees it can tell whether it is whole. */
typedef struct FakeQxlShape {
    uint64_t unique; /* 0: not to be cached */
    uint16_t type;   /* SPICE_CURSOR_TYPE_ALPHA or _MONO */
    uint16_t width, height, hot_x, hot_y;
    uint32_t bytes;
} FakeQxlShape;

/* `seed` stands in for the unique id where that is 0. */
FakeQxlShape fake_qxl_shape(uint64_t unique, uint64_t seed);
void fake_qxl_shape_fill(const FakeQxlShape *shape, uint64_t seed, uint8_t *data);

bool fake_qxl_cursor_set(FakeQxl *qxl, uint64_t unique, int16_t x, int16_t y, bool visible);
bool fake_qxl_cursor_move(FakeQxl *qxl, int16_t x, int16_t y);
bool fake_qxl_cursor_hide(FakeQxl *qxl);
bool fake_qxl_cursor_trail(FakeQxl *qxl, uint16_t length, uint16_t frequency);

/* ---- Command ring ---- */

/* A 32-bit surface of the guest; the lowest free id is taken (never 0). */
bool fake_qxl_surface_create(FakeQxl *qxl, uint32_t width, uint32_t height, uint32_t format);
bool fake_qxl_surface_destroy(FakeQxl *qxl, uint32_t id);
bool fake_qxl_fill(FakeQxl *qxl, uint32_t surface, const QXLRect *box, uint32_t color);
/* A raw 32-bit picture of noise in the size of the box. */
bool fake_qxl_copy(FakeQxl *qxl, uint32_t surface, const QXLRect *box);
/* The same in so many chunks, some of them empty. */
bool fake_qxl_copy_chunks(FakeQxl *qxl, uint32_t surface, const QXLRect *box, uint32_t chunks);
/* A picture that clients may keep: the same number is the same picture, of 48 x 40 pixels. */
bool fake_qxl_copy_picture(FakeQxl *qxl, uint32_t surface, uint32_t number);
/* A picture of two colours, 8 x 8 pixels, somewhere on the surface, whose palette clients may keep: the same
 * number (not 0) is the same palette. */
bool fake_qxl_copy_palette(FakeQxl *qxl, uint32_t surface, uint32_t number);
/* What `from` shows, as far as `surface` has room for it. */
bool fake_qxl_copy_surface(FakeQxl *qxl, uint32_t surface, uint32_t from);
bool fake_qxl_update(FakeQxl *qxl, uint32_t surface, const QXLRect *area);
bool fake_qxl_message(FakeQxl *qxl, const char *text);

/* ---- Calls to the server: synchronous, or asynchronous with a cookie ---- */

typedef struct FakeQxlPrimary {
    uint32_t width, height;
    int32_t stride;      /* bytes; 0: the width's; negative: bottom up. Need not be legal. */
    uint32_t format;     /* SPICE_SURFACE_FMT_...; 0: 32_xRGB */
    uint32_t mouse_mode; /* non-zero: an absolute pointer is possible */
    bool painted;        /* it shows something from the beginning (KEEP_DATA) */
    bool host_group;     /* memory named through the host's own slot, as for VGA modes */
} FakeQxlPrimary;

bool fake_qxl_primary_create(FakeQxl *qxl, const FakeQxlPrimary *primary, bool async);
bool fake_qxl_primary_destroy(FakeQxl *qxl, bool async);
bool fake_qxl_has_primary(const FakeQxl *qxl);

/* What lies in the guest's memory, after fake_qxl_update_area(). */
typedef struct FakeQxlPicture {
    const uint8_t *top; /* the first byte of the uppermost line */
    ptrdiff_t stride;
    uint32_t width, height, format;
} FakeQxlPicture;

bool fake_qxl_picture(FakeQxl *qxl, uint32_t surface, FakeQxlPicture *ret_picture);
/* Also one that is on its way, comes or goes; or that may have come of a lie. */
bool fake_qxl_has_surface(const FakeQxl *qxl, uint32_t surface);
bool fake_qxl_monitors(FakeQxl *qxl, uint32_t count, uint32_t max_allowed); /* side by side on the primary */
bool fake_qxl_update_area(FakeQxl *qxl, uint32_t surface, const QXLRect *area, bool async);
bool fake_qxl_flush_surfaces(FakeQxl *qxl);                    /* async only */
bool fake_qxl_surface_destroy_call(FakeQxl *qxl, uint32_t id); /* destroy_surface_async */
bool fake_qxl_surface_destroy_wait(FakeQxl *qxl, uint32_t id);
bool fake_qxl_surfaces_destroy_all(FakeQxl *qxl, bool async); /* with the primary */
/* A spare slot over a third memory: added; used by cursors and drawings; deleted once no ring has any of them: until then
 * deleting does nothing but keep more from coming. */
bool fake_qxl_spare_slot_add(FakeQxl *qxl, bool async);
bool fake_qxl_has_spare_slot(const FakeQxl *qxl);
bool fake_qxl_spare_slot_delete(FakeQxl *qxl);
/* The machine is saved and loaded: while it stands still and the rings are empty. The same surfaces and primary, their
 * pixels kept, by spice_qxl_loadvm_commands(). */
bool fake_qxl_load(FakeQxl *qxl);
/* What a device looks for when the machine is saved: the commands that made the living surfaces, and the newest cursor,
 * must still be held. */
void fake_qxl_save(FakeQxl *qxl);
/* Overwrites what lies in commands that the server holds: it has its own copies of what it needs. Only after a call that
 * ends the use of guest memory. */
void fake_qxl_poison(FakeQxl *qxl);
/* Is there a drawing that the server has taken and not given back? */
bool fake_qxl_lends(const FakeQxl *qxl);
/* Changes some bytes of one, its image included: the server may have read them, and may read them again. False: there is
 * none. From then on pictures of the device mean nothing. Only where no other thread runs meanwhile, as in a simulator;
 * what looks for races is not told. */
bool fake_qxl_meddle(FakeQxl *qxl);
bool fake_qxl_has_meddled(const FakeQxl *qxl);
void fake_qxl_cursor_reset(FakeQxl *qxl);
/* What a device does at the guest's reset: forgets surfaces, cursor, images and slots, and maps anew. On a machine that
 * runs the rings may be full: destroying all surfaces empties them. On one that does not they must be empty, as what is in
 * them would lose its slots. */
bool fake_qxl_reset(FakeQxl *qxl);
void fake_qxl_oom(FakeQxl *qxl);

/* ---- Workloads ---- */

#define FAKE_QXL_WORK_CURSOR (1u << 0)
#define FAKE_QXL_WORK_SURFACES (1u << 1)
#define FAKE_QXL_WORK_PRIMARY (1u << 2) /* modes come and go, odd strides included */
#define FAKE_QXL_WORK_MONITORS (1u << 3)
#define FAKE_QXL_WORK_MEMSLOTS (1u << 4)
#define FAKE_QXL_WORK_DRAW (1u << 5)
#define FAKE_QXL_WORK_UPDATE (1u << 6) /* update_area and flush, both kinds */
#define FAKE_QXL_WORK_RESET (1u << 7)
#define FAKE_QXL_WORK_LIES (1u << 8)
#define FAKE_QXL_WORK_PAINT (1u << 9) /* drawings of every type (draw.h); lawful, but for servers that draw */
#define FAKE_QXL_WORK_HONEST 0xffu

#define FAKE_QXL_ANY UINT32_MAX
/* A drawing of that type (QXL_DRAW_*) on that surface; FAKE_QXL_ANY: of any. */
bool fake_qxl_paint(FakeQxl *qxl, uint32_t surface, uint32_t type);

/* One random action out of those kinds. False: that one could not be done now. */
bool fake_qxl_step(FakeQxl *qxl, uint32_t work);

/* ---- Lies: what a hostile guest writes. The server must drop it and live. ---- */

typedef enum FakeQxlLie {
    FAKE_QXL_LIE_COMMAND_ADDRESS,    /* a command somewhere outside every slot */
    FAKE_QXL_LIE_COMMAND_GENERATION, /* of yesterday's slot */
    FAKE_QXL_LIE_COMMAND_SLOT,       /* a slot id that does not exist */
    FAKE_QXL_LIE_COMMAND_GROUP,
    FAKE_QXL_LIE_COMMAND_STRADDLE, /* starts inside its slot, ends outside */
    FAKE_QXL_LIE_COMMAND_TYPE,     /* unknown, and those of the other ring */
    FAKE_QXL_LIE_CURSOR_KIND,
    FAKE_QXL_LIE_SHAPE_ADDRESS,
    FAKE_QXL_LIE_SHAPE_TYPE,
    FAKE_QXL_LIE_SHAPE_HUGE, /* 65535 x 65535, and next to no data */
    FAKE_QXL_LIE_SHAPE_SHORT,
    FAKE_QXL_LIE_CHUNK_LOOP, /* of empty or full chunks */
    FAKE_QXL_LIE_CHUNK_ADDRESS,
    FAKE_QXL_LIE_CHUNK_SIZE, /* past the end of the slot; 2^32 - 1 */
    FAKE_QXL_LIE_SURFACE_ID,
    FAKE_QXL_LIE_SURFACE_TWICE,
    FAKE_QXL_LIE_SURFACE_FORMAT,
    FAKE_QXL_LIE_SURFACE_STRIDE,
    FAKE_QXL_LIE_SURFACE_SIZE,
    FAKE_QXL_LIE_SURFACE_DATA,
    FAKE_QXL_LIE_SURFACE_UNKNOWN, /* destroy what is not there; an unknown kind of command */
    FAKE_QXL_LIE_DRAW_SURFACE,
    FAKE_QXL_LIE_DRAW_BOX,
    FAKE_QXL_LIE_MONITORS_ADDRESS,
    FAKE_QXL_LIE_MONITORS_COUNT,
    FAKE_QXL_LIE_MONITORS_HEADS,
    FAKE_QXL_LIE_PRIMARY,   /* sizes, strides, formats, addresses; only while there is none */
    FAKE_QXL_LIE_MEMSLOT,   /* numbers past the announced ones, start after end */
    FAKE_QXL_LIE_DRAW_TYPE, /* a drawing of an unknown type */
    FAKE_QXL_LIE_DRAW_BRUSH,
    FAKE_QXL_LIE_DRAW_MASK, /* false, in colour, too small for what it masks */
    FAKE_QXL_LIE_DRAW_CLIP,
    FAKE_QXL_LIE_DRAW_AREA, /* of the source: outside it, inside out */
    FAKE_QXL_LIE_DRAW_SELF, /* the same of the surface itself */
    FAKE_QXL_LIE_DRAW_FROM, /* a copy on the surface, from outside it */
    FAKE_QXL_LIE_DRAW_PATH,
    FAKE_QXL_LIE_DRAW_DASHES,
    FAKE_QXL_LIE_DRAW_TEXT, /* counts, sizes and places of glyphs */
    FAKE_QXL_LIE_DRAW_COMPOSITE,
    FAKE_QXL_LIE_DRAW_ROP, /* rops, scale modes and effects that mean nothing */
    FAKE_QXL_LIE_PALETTE,
    FAKE_QXL_LIE_IMAGE_ADDRESS,
    FAKE_QXL_LIE_IMAGE_TYPE,
    FAKE_QXL_LIE_IMAGE_SIZE,
    FAKE_QXL_LIE_IMAGE_STRIDE, /* less than a row */
    FAKE_QXL_LIE_IMAGE_FORMAT,
    FAKE_QXL_LIE_IMAGE_DATA,  /* pixels outside every slot */
    FAKE_QXL_LIE_IMAGE_SHORT, /* fewer pixels than announced */
    FAKE_QXL_LIE_IMAGE_CHUNK_LOOP,
    FAKE_QXL_LIE_IMAGE_CHUNK_ADDRESS,
    FAKE_QXL_LIE_IMAGE_CHUNK_SIZE,
    FAKE_QXL_LIE_IMAGE_ID,        /* one of the server's own */
    FAKE_QXL_LIE_IMAGE_SURFACE,   /* of a surface that does not exist */
    FAKE_QXL_LIE_QUIC,            /* more coded bytes than there are */
    FAKE_QXL_LIE_UPDATE_SURFACE,  /* an update of what does not exist */
    FAKE_QXL_LIE_SURFACE_PRIMARY, /* a command to create or destroy surface 0 */
    FAKE_QXL_LIE_SHAPE_EMPTY,     /* without width or height */
    FAKE_QXL_LIE_DRAW_DEPENDENCY, /* on a surface that does not exist */
    FAKE_QXL_LIE_DRAW_COMPAT,     /* in the older layout: a false box, or a type that it did not have */
    FAKE_QXL_LIE_MESSAGE,         /* a text without an end, as far as it is the message's */
    FAKE_QXL_LIES,
} FakeQxlLie;

const char *fake_qxl_lie_name(FakeQxlLie lie);
bool fake_qxl_lie(FakeQxl *qxl, FakeQxlLie lie);

/* ---- Accounting ---- */

typedef struct FakeQxlReport {
    uint64_t pushed;      /* commands put in the rings */
    uint64_t taken;       /* commands the server took */
    uint64_t released;    /* commands that came back */
    uint64_t outstanding; /* taken, owed, and not back; those of living surfaces included */
    uint64_t cookies;     /* asynchronous calls not completed */
    uint64_t violations;  /* rules the server broke since new */
    uint64_t lies;
    uint64_t wakeups;   /* spice_qxl_wakeup() calls made */
    uint64_t unflushed; /* came back since flush_resources() was last called */
    bool client_present;
} FakeQxlReport;

/* Also looks for writes to released memory. With `final` (the server has let the instance go) whatever is
 * outstanding is a violation. Returns the number of violations. */
uint64_t fake_qxl_check(FakeQxl *qxl, bool final, FakeQxlReport *ret_report);
/* The texts of the first violations, as long as the device lives; NULL past the last one. */
const char *fake_qxl_violation(const FakeQxl *qxl, size_t index);
