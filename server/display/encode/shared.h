/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* shared.h: coded pictures that several clients of a display are sent: coded once.
 *
 * A Shared belongs to one drawing, or one area of a canvas: what its pictures come to with each codec, as far as somebody
 * was sent them so. Only codecs that remember nothing from picture to picture are shared, so whose encoder it was makes no
 * difference. What a client is told around them (cache, palette, serial) is its own.
 *
 * A ShareStore keeps all of a display to SHARED_BYTES_MAX: what was used longest ago is forgotten first, and coded again if
 * somebody wants it after all.
 *
 * Ownership  the maker of a Shared frees it, before the store. A SharedCoding is reference counted: the stream holds one
 *            until the bytes were sent, which may be after the Shared and the store have gone.
 * Thread     one at a time.
 * Units      bytes.
 * Errors     NULL: no memory, or no room; each client's own coding does then.
 * Source     DESIGN section 7: Shared.
 */
#pragma once

#include "base/list.h"
#include "display/encode/image_coder.h"

#define SHARED_BYTES_MAX (16u << 20) /* bytes, of a display: two screens of photographs, as QUIC */
#define SHARED_CODINGS_MAX 6u        /* of one drawing: its 3 images, for clients of two minds */
#define SHARED_IMAGES_MAX 3u

typedef struct SharedCoding SharedCoding;
typedef struct Shared Shared;

typedef struct ShareStore {
    const Core *core;
    ListNode all; /* Shared that have something, the one used longest ago first */
    size_t bytes;
    uint64_t coded, reused; /* for figures: put here, and found here */
} ShareStore;

void share_store_init(ShareStore *store, const Core *core);
void share_store_finish(ShareStore *store);

Shared *shared_new(ShareStore *store);
void shared_free(Shared *shared); /* NULL is allowed */

/* What this picture comes to with this codec (WIRE_IMAGE_TYPE_*); referenced. NULL: not known. */
SharedCoding *shared_find(Shared *shared, uint32_t image, uint8_t type);
/* How pictures are to be sent, beside their bytes: the same for all who are sent an area of a canvas. */
typedef struct SharedForm {
    uint8_t flags; /* WIRE_IMAGE_FLAG_* */
    bool top_down;
} SharedForm;

/* Now it is: NULL `take_coded`: nothing shorter than the pixels. Takes the bytes; referenced. NULL: nothing was taken. */
SharedCoding *shared_put(Shared *shared, uint32_t image, uint8_t type, SharedForm form, Coded *take_coded);

/* Is this picture a photograph? The first who asks looks (`look`, with `picture`). */
bool shared_is_photo(Shared *shared, uint32_t image, bool (*look)(const void *picture), const void *picture);

/* NULL: it is to be sent as it is. */
const Coded *shared_coding_coded(const SharedCoding *coding);
/* What its bytes lie in. */
uint32_t shared_coding_span_count(const SharedCoding *coding);
void shared_coding_spans(const SharedCoding *coding, Span *ret_spans);
/* As a release function. */
void shared_coding_unref(void *coding);
SharedCoding *shared_coding_ref(SharedCoding *coding);

/* ---- What a thread codes (coding_pool.h) ---- */

/* Pending, with one reference. */
SharedCoding *shared_coding_begin(const Core *core, size_t pixel_bytes, SharedForm form);
/* It went through this codec; NULL: nothing shorter than the pixels. Takes the bytes. */
void shared_coding_finish(SharedCoding *coding, uint8_t type, Coded *take_coded);
/* The codec that nothing follows was tried, and it is to be sent as it is. */
bool shared_coding_is_no_use(const SharedCoding *coding);
bool shared_coding_is_pending(const SharedCoding *coding);
/* Is the caller's the only reference? */
bool shared_coding_is_forgotten(const SharedCoding *coding);
SharedForm shared_coding_form(const SharedCoding *coding);
/* The same as shared_find(), or one that is pending. */
SharedCoding *shared_find_begun(Shared *shared, uint32_t image, uint8_t type);
/* Others may wait for it, too. */
void shared_put_begun(Shared *shared, uint32_t image, uint8_t type, SharedCoding *coding);
