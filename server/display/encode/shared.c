/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "display/encode/shared.h"

#include "base/check.h"
#include "wire/wire.h"

struct SharedCoding {
    const Core *core;
    uint32_t refs;
    bool is_pending;
    bool is_coded;
    SharedForm form;
    uint8_t tried;   /* by a thread: WIRE_IMAGE_TYPE_* */
    Coded coded;     /* its chain is empty if the bytes lie here */
    size_t own_len;  /* 0: they lie in the chain */
    size_t cost;     /* all that it takes */
    uint8_t bytes[]; /* a block is large for a small picture */
};

struct Shared {
    ShareStore *store;
    ListNode in_store; /* while it has codings */
    struct {
        SharedCoding *coding;
        uint32_t image;
        uint8_t type;
    } codings[SHARED_CODINGS_MAX];
    uint32_t count;
    enum { PHOTO_UNKNOWN, PHOTO_NO, PHOTO_YES } photo[SHARED_IMAGES_MAX];
};

void share_store_init(ShareStore *store, const Core *core)
{
    *store = (ShareStore){.core = core};
    list_init(&store->all);
}

void share_store_finish(ShareStore *store)
{
    CHECK(list_is_empty(&store->all) && store->bytes == 0);
}

Shared *shared_new(ShareStore *store)
{
    Shared *shared = store->core->alloc(store->core, sizeof *shared);

    if (shared != NULL) {
        *shared = (Shared){.store = store};
        list_init(&shared->in_store);
    }
    return shared;
}

static void forget(Shared *shared)
{
    for (uint32_t i = 0; i < shared->count; i++) {
        shared->store->bytes -= shared->codings[i].coding->cost;
        shared_coding_unref(shared->codings[i].coding);
    }
    shared->count = 0;
    list_remove(&shared->in_store);
}

void shared_free(Shared *shared)
{
    if (shared != NULL) {
        forget(shared);
        shared->store->core->free(shared->store->core, shared);
    }
}

/* ---- Codings ---- */

SharedCoding *shared_coding_ref(SharedCoding *coding)
{
    coding->refs++;
    return coding;
}

void shared_coding_unref(void *opaque)
{
    SharedCoding *coding = opaque;

    CHECK(coding->refs > 0);
    coding->refs--;
    if (coding->refs == 0) {
        if (coding->own_len == 0 && coding->is_coded) {
            block_chain_drop(&coding->coded.bytes);
        }
        coding->core->free(coding->core, coding);
    }
}

static void used(Shared *shared)
{
    list_remove(&shared->in_store);
    list_append(&shared->store->all, &shared->in_store);
}

static SharedCoding *find(Shared *shared, uint32_t image, uint8_t type, bool also_pending)
{
    for (uint32_t i = 0; i < shared->count; i++) {
        SharedCoding *coding = shared->codings[i].coding;
        if (shared->codings[i].image == image && shared->codings[i].type == type &&
            (also_pending || !coding->is_pending)) {
            shared->store->reused++;
            used(shared);
            return shared_coding_ref(coding);
        }
    }
    return NULL;
}

SharedCoding *shared_find(Shared *shared, uint32_t image, uint8_t type)
{
    return find(shared, image, type, false);
}

SharedCoding *shared_find_begun(Shared *shared, uint32_t image, uint8_t type)
{
    return find(shared, image, type, true);
}

/* With the one reference that is the caller's. */
static SharedCoding *coding_new(const Core *core, SharedForm form, Coded *take_coded)
{
    const size_t total = take_coded != NULL ? block_chain_total(&take_coded->bytes) : 0;
    const size_t own_len = total > 0 && take_coded->bytes.count == 1 ? total : 0;
    SharedCoding *coding = core->alloc(core, sizeof *coding + own_len);

    if (coding == NULL) {
        return NULL;
    }
    *coding = (SharedCoding){
        .core = core, .refs = 1, .form = form, .own_len = own_len, .cost = sizeof *coding + own_len};
    if (take_coded == NULL) {
        return coding;
    }
    coding->is_coded = true;
    coding->coded = *take_coded;
    if (own_len > 0) {
        Span all;
        block_chain_spans(&take_coded->bytes, &all); /* one block */
        memcpy(coding->bytes, all.data, own_len);
        block_chain_drop(&take_coded->bytes);
        coding->coded.bytes = take_coded->bytes;
    } else {
        coding->cost += (size_t)take_coded->bytes.count * BLOCK_BYTES;
        take_coded->bytes = block_chain_of(take_coded->bytes.pool);
    }
    return coding;
}

static void put(Shared *shared, uint32_t image, uint8_t type, SharedCoding *coding)
{
    ShareStore *store = shared->store;

    used(shared);
    store->coded++;
    store->bytes += coding->cost;
    shared->codings[shared->count].coding = shared_coding_ref(coding);
    shared->codings[shared->count].image = image;
    shared->codings[shared->count].type = type;
    shared->count++;
    while (store->bytes > SHARED_BYTES_MAX) {
        forget(
            list_first(&store->all, Shared, in_store)); /* not this one: it is the last, and not so large */
    }
}

SharedCoding *shared_put(Shared *shared, uint32_t image, uint8_t type, SharedForm form, Coded *take_coded)
{
    if (shared->count == SHARED_CODINGS_MAX || image >= SHARED_IMAGES_MAX ||
        (take_coded != NULL && block_chain_total(&take_coded->bytes) > SHARED_BYTES_MAX / 2)) {
        return NULL;
    }
    SharedCoding *coding = coding_new(shared->store->core, form, take_coded);
    if (coding != NULL) {
        put(shared, image, type, coding);
    }
    return coding;
}

void shared_put_begun(Shared *shared, uint32_t image, uint8_t type, SharedCoding *coding)
{
    if (shared->count < SHARED_CODINGS_MAX && image < SHARED_IMAGES_MAX) {
        put(shared, image, type, coding);
    }
}

SharedCoding *shared_coding_begin(const Core *core, size_t pixel_bytes, SharedForm form)
{
    SharedCoding *coding = core->alloc(core, sizeof *coding);

    if (coding != NULL) {
        /* What it comes to is no longer than the pixels, but for what is left of a block. */
        *coding = (SharedCoding){.core = core,
                                 .refs = 1,
                                 .is_pending = true,
                                 .form = form,
                                 .cost = sizeof *coding + pixel_bytes + BLOCK_BYTES};
    }
    return coding;
}

void shared_coding_finish(SharedCoding *coding, uint8_t type, Coded *take_coded)
{
    CHECK(coding->is_pending);
    coding->is_pending = false;
    coding->tried = type;
    if (take_coded != NULL) {
        coding->is_coded = true;
        coding->coded = *take_coded;
        take_coded->bytes = block_chain_of(take_coded->bytes.pool);
    }
}

bool shared_coding_is_no_use(const SharedCoding *coding)
{
    return !coding->is_coded && coding->tried == WIRE_IMAGE_TYPE_QUIC;
}

bool shared_coding_is_pending(const SharedCoding *coding)
{
    return coding->is_pending;
}

bool shared_coding_is_forgotten(const SharedCoding *coding)
{
    return coding->refs == 1;
}

SharedForm shared_coding_form(const SharedCoding *coding)
{
    return coding->form;
}

bool shared_is_photo(Shared *shared, uint32_t image, bool (*look)(const void *picture), const void *picture)
{
    if (image >= SHARED_IMAGES_MAX) {
        return look(picture);
    }
    if (shared->photo[image] == PHOTO_UNKNOWN) {
        shared->photo[image] = look(picture) ? PHOTO_YES : PHOTO_NO;
    }
    return shared->photo[image] == PHOTO_YES;
}

const Coded *shared_coding_coded(const SharedCoding *coding)
{
    return coding->is_coded ? &coding->coded : NULL;
}

uint32_t shared_coding_span_count(const SharedCoding *coding)
{
    return coding->own_len > 0 ? 1 : coding->coded.bytes.count;
}

void shared_coding_spans(const SharedCoding *coding, Span *ret_spans)
{
    if (coding->own_len > 0) {
        *ret_spans = span_of(coding->bytes, coding->own_len);
    } else {
        block_chain_spans(&coding->coded.bytes, ret_spans);
    }
}
