/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* drawable.h: a drawing command of the guest (QXLDrawable, QXLCompatDrawable), checked, in memory of our own.
 *
 * Everything but pixels is copied out of guest memory, each byte once, into an arena that belongs to the drawable; the
 * checks acted on the copy. Pixels stay where they are (image.h, data.h), which pins the memslots named in `slots` until
 * the drawable is freed or unpinned.
 *
 *   qxl_command_read() -> QxlDrawable -> any number of looks at it -> [qxl_drawable_unpin()] -> qxl_drawable_free()
 *
 * What is promised: the surface exists and the box lies in it; src_area is not empty and lies in its source; every
 * surface named exists; images, paths, strings are what their headers say. All that was true when the command was read:
 * surfaces can change afterwards.
 *
 * A drawable's effect is the guest's word about what it covers: a hint, whose truth follows from the rest.
 *
 * Ownership  the caller of qxl_command_read() owns it, and owes the command's release apart from that.
 * Thread     any one at a time; nothing in it changes but by qxl_drawable_unpin().
 * Units      pixels, bytes; mm_time in ms.
 * Errors     STATUS_DEVICE_FAULT: the guest wrote nonsense, or more than base/limits.h allows. STATUS_LIMIT: the host has no
 *            memory.
 * Source     reference/wire-protocol.md sections 5, 6.6, 6.7.
 */
#pragma once

#include "qxl/brush.h"
#include "qxl/host.h"
#include "qxl/path.h"
#include "qxl/text.h"

typedef struct QxlClip {
    bool rects_given;     /* else everything is inside */
    uint32_t count;       /* may be 0: then nothing is drawn */
    const QXLRect *rects; /* none of them empty or inside out, in the guest's order */
} QxlClip;

/* `src` is NULL where the drawable's self bitmap is meant. */

typedef struct QxlFill {
    QxlBrush brush;
    uint16_t rop; /* of SPICE_ROPD_* */
    QxlMask mask;
} QxlFill;

typedef struct QxlOpaque {
    const QxlImage *src;
    QXLRect src_area;
    QxlBrush brush;
    uint16_t rop;
    uint8_t scale_mode; /* SPICE_IMAGE_SCALE_MODE_* */
    QxlMask mask;
} QxlOpaque;

typedef struct QxlCopy {
    const QxlImage *src; /* never NULL */
    QXLRect src_area;
    uint16_t rop;
    uint8_t scale_mode;
    QxlMask mask;
} QxlCopy;

typedef struct QxlTransparent {
    const QxlImage *src;
    QXLRect src_area;
    uint32_t src_color, true_color;
} QxlTransparent;

typedef struct QxlAlphaBlend {
    uint8_t flags; /* of SPICE_ALPHA_FLAGS_* */
    uint8_t alpha;
    const QxlImage *src;
    QXLRect src_area;
} QxlAlphaBlend;

typedef struct QxlRop3 {
    const QxlImage *src;
    QXLRect src_area;
    QxlBrush brush;
    uint8_t rop3;
    uint8_t scale_mode;
    QxlMask mask;
} QxlRop3;

typedef struct QxlStroke {
    QxlPath path;
    QxlLine line;
    QxlBrush brush;
    uint16_t fore_mode, back_mode; /* of SPICE_ROPD_* */
} QxlStroke;

typedef struct QxlText {
    QxlString string;
    QXLRect back_area; /* all zero: there is none */
    QxlBrush fore, back;
    uint16_t fore_mode, back_mode;
} QxlText;

/* A 3x2 matrix in 16.16 fixed point, from the place in the box to the place in the source; any values. */
typedef struct QxlTransform {
    int32_t t[2][3];
} QxlTransform;

typedef struct QxlComposite {
    uint32_t
        flags; /* SPICE_COMPOSITE_*, as they go on the wire: HAS_* bits say what is there. The same, taken apart: */
    uint8_t op;                      /* QXL_OP_* */
    uint8_t src_filter, mask_filter; /* 0 ... 4 */
    uint8_t src_repeat, mask_repeat; /* 0 ... 3 */
    const QxlImage *src;
    const QxlImage *mask;               /* NULL: there is none */
    const QxlTransform *src_transform;  /* NULL: there is none */
    const QxlTransform *mask_transform; /* NULL: there is none */
    QXLPoint16 src_origin, mask_origin;
} QxlComposite;

/* Another surface whose pixels the guest says are needed. */
typedef struct QxlDependency {
    uint32_t surface_id; /* it exists */
    QXLRect rect;        /* cut to the surface; all zero: nothing of it */
} QxlDependency;

#define QXL_DEPENDENCIES_MAX 3u
#define QXL_DRAWABLE_IMAGES_MAX 3u

struct QxlDrawable {
    uint32_t group; /* of its memslots */
    uint32_t surface_id;
    uint32_t surface_format;  /* SPICE_SURFACE_FMT_* */
    uint8_t type;             /* QXL_DRAW_*, QXL_COPY_BITS: says which of `u` */
    uint8_t effect;           /* QXL_EFFECT_* */
    bool compat;              /* it came in the older layout, of devices without surfaces */
    bool self_bitmap;         /* its source is what the surface showed before, in self_bitmap_area */
    QXLRect self_bitmap_area; /* inside the surface; not empty if self_bitmap */
    QXLRect box;              /* inside the surface, not empty */
    QxlClip clip;
    uint32_t mm_time;
    QxlDependency dependencies[QXL_DEPENDENCIES_MAX];
    uint32_t dependency_count;
    union {
        QxlFill fill;
        QxlOpaque opaque;
        QxlCopy copy; /* also blend */
        QxlTransparent transparent;
        QxlAlphaBlend alpha_blend;
        QXLPoint copy_bits; /* from here; all of the source lies in the surface */
        QxlRop3 rop3;
        QxlStroke stroke;
        QxlText text;
        QxlMask mask; /* blackness, whiteness, invers */
        QxlComposite composite;
    } u;

    /* Bit (id mod 64) is set for each memslot of `group` that pixels lie in; others may share the bit. 0: nothing is
     * pinned. */
    uint64_t slots;
    uint64_t pinned_bytes; /* of pixels in guest memory */
    uint64_t own_bytes;    /* of our memory */

    /* For qxl_drawable_images() and qxl_drawable_unpin(). */
    QxlImage *images[QXL_DRAWABLE_IMAGES_MAX];
    uint32_t image_count;
    QxlArena arena;
    void *pixels; /* after unpinning */
};

/* `range` is where the command lies; `flags` are QXL_COMMAND_FLAG_*. A drawable in the older layout draws on surface 0.
 * Adds to *work the steps that it took, also to fail. */
Status qxl_drawable_read(const Memslots *slots, const QxlHost *host, uint32_t group, const GuestRange *range,
                         uint32_t flags, QxlDrawable **ret_drawable, uint64_t *work,
                         QxlFault *ret_fault) STATUS_MUST_CHECK;
void qxl_drawable_free(QxlDrawable *drawable); /* NULL is allowed */

/* The images it shows, masks included; returns how many. */
size_t qxl_drawable_images(const QxlDrawable *drawable, const QxlImage *ret_images[QXL_DRAWABLE_IMAGES_MAX]);

/* Copies all pixels to memory of our own, after which nothing refers to guest memory. STATUS_LIMIT: no memory for them,
 * and nothing has changed. */
Status qxl_drawable_unpin(QxlDrawable *drawable) STATUS_MUST_CHECK;
