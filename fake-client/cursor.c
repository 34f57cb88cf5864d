/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* cursor.c: the cursor, and the cache of its shapes. */
#include "internal.h"

uint64_t fake_hash(Span bytes)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325); /* FNV-1a */
    for (size_t i = 0; i < bytes.len; i++) {
        hash = (hash ^ bytes.data[i]) * UINT64_C(0x100000001b3);
    }
    return hash;
}

/* Bytes of the pixels of such a shape; *ret_max if the rows of its mask are padded, as some drivers do. False: unknown type. */
static bool shape_bytes(const WireCursorHeader *h, size_t *ret_bytes, size_t *ret_max)
{
    const size_t pixels = (size_t)h->width * h->height;
    const size_t mask = (pixels + 7) / 8, padded = ((size_t)h->width + 7) / 8 * h->height;
    size_t colors = 0;
    switch (h->type) {
    case WIRE_CURSOR_TYPE_ALPHA:
        *ret_bytes = *ret_max = pixels * 4;
        return true;
    case WIRE_CURSOR_TYPE_MONO:
        *ret_bytes = *ret_max = 2 * padded;
        return true;
    case WIRE_CURSOR_TYPE_COLOR4:
        colors = (((size_t)h->width + 1) / 2) * h->height + 16 * 4;
        break;
    case WIRE_CURSOR_TYPE_COLOR8:
        colors = pixels + 256 * 4;
        break;
    case WIRE_CURSOR_TYPE_COLOR16:
        colors = pixels * 2;
        break;
    case WIRE_CURSOR_TYPE_COLOR24:
        colors = pixels * 3;
        break;
    case WIRE_CURSOR_TYPE_COLOR32:
        colors = pixels * 4;
        break;
    default:
        return false;
    }
    *ret_bytes = colors + mask;
    *ret_max = colors + padded;
    return true;
}

static void cache_drop(CursorState *cursor, uint64_t unique)
{
    const IdEntry *entry = id_set_find(&cursor->cache, unique);
    if (entry != NULL) {
        cursor->used[entry->value] = false;
        id_set_remove(&cursor->cache, unique);
    }
}

static void cache_clear(CursorState *cursor)
{
    id_set_clear(&cursor->cache);
    memset(cursor->used, 0, sizeof cursor->used);
}

static void cache_put(FakeConnection *c, const WireCursorHeader *header, uint64_t hash)
{
    CursorState *cursor = c->cursor;
    if (header->unique == 0) {
        violate(c, FAKE_RULE_CURSOR_PALETTE_CACHE, "a cursor to be cached under id 0");
        return;
    }
    cache_drop(cursor, header->unique);
    size_t slot = 0;
    while (slot < CURSOR_CACHE_MAX && cursor->used[slot]) {
        slot++;
    }
    if (slot == CURSOR_CACHE_MAX) {
        violate(c, FAKE_RULE_CURSOR_PALETTE_CACHE, "more than %u cached cursors", CURSOR_CACHE_MAX);
        return;
    }
    cursor->used[slot] = true;
    cursor->shapes[slot] = (CursorShape){*header, hash};
    id_set_put(&cursor->cache, header->unique, slot);
}

static bool same_shape(const WireCursorHeader *a, const WireCursorHeader *b)
{
    return a->type == b->type && a->width == b->width && a->height == b->height &&
           a->hot_spot_x == b->hot_spot_x && a->hot_spot_y == b->hot_spot_y;
}

static void shape_from_cache(FakeConnection *c, const WireCursor *shape)
{
    CursorState *cursor = c->cursor;
    const IdEntry *entry = id_set_find(&cursor->cache, shape->header.unique);
    if (shape->data.len > 0) {
        violate(c, FAKE_RULE_CURSOR_PALETTE_CACHE, "a cursor from the cache with %zu bytes of pixels",
                shape->data.len);
    }
    if (entry == NULL) {
        violate(c, FAKE_RULE_CURSOR_PALETTE_CACHE, "cursor %llu is not in the cache",
                (unsigned long long)shape->header.unique);
        return;
    }
    if (!same_shape(&shape->header, &cursor->shapes[entry->value].header)) {
        violate(c, FAKE_RULE_CURSOR_PALETTE_CACHE, "cursor %llu is another one in the cache",
                (unsigned long long)shape->header.unique);
    }
    cursor->model.shape_hash = cursor->shapes[entry->value].hash;
}

static void shape_set(FakeConnection *c, const WireCursor *shape)
{
    FakeCursorModel *model = &c->cursor->model;
    const WireCursorHeader *h = &shape->header;
    const unsigned known = WIRE_CURSOR_FLAG_NONE | WIRE_CURSOR_FLAG_CACHE_ME | WIRE_CURSOR_FLAG_FROM_CACHE;
    const bool cache_me = shape->flags & WIRE_CURSOR_FLAG_CACHE_ME;
    const bool from_cache = shape->flags & WIRE_CURSOR_FLAG_FROM_CACHE;
    const bool none = shape->flags & WIRE_CURSOR_FLAG_NONE;
    if ((shape->flags & ~known) != 0 || (int)cache_me + (int)from_cache + (int)none > 1) {
        violate(c, FAKE_RULE_VALUES, "cursor flags 0x%x", shape->flags);
    }
    model->has_shape = !none;
    if (none) {
        if (shape->data.len > 0) {
            violate(c, FAKE_RULE_DECODE, "no cursor, with %zu bytes of pixels", shape->data.len);
        }
        return;
    }
    size_t bytes = 0, most = 0;
    if (!shape_bytes(h, &bytes, &most)) {
        violate(c, FAKE_RULE_VALUES, "cursor type %u", h->type);
    } else if (!from_cache && (shape->data.len < bytes || shape->data.len > most)) {
        violate(c, FAKE_RULE_VALUES, "a %ux%u cursor of type %u with %zu bytes of pixels", h->width,
                h->height, h->type, shape->data.len);
    }
    model->shape = *h;
    if (from_cache) {
        shape_from_cache(c, shape);
        return;
    }
    model->shape_hash = fake_hash(shape->data);
    poison_check(c, shape->data, "a cursor");
    if (cache_me) {
        cache_put(c, h, model->shape_hash);
    }
}

static void visible_check(FakeConnection *c, uint8_t visible)
{
    if (visible > 1) {
        violate(c, FAKE_RULE_VALUES, "visible is %u", visible);
    }
    c->cursor->model.visible = visible != 0;
}

void cursor_message(FakeConnection *c, const WireMsg *m)
{
    FakeCursorModel *model = &c->cursor->model;
    /* What only forgets is no use of the cursor; clients ignore the rest. */
    const bool forgets = m->type == WIRE_MSG_CURSOR_RESET || m->type == WIRE_MSG_CURSOR_INVAL_ALL;
    if (!model->has_init && m->type != WIRE_MSG_CURSOR_INIT && !forgets && !c->client->config.stock_server) {
        violate(c, FAKE_RULE_ORDER, "type %u before INIT", m->type);
    }
    switch (m->type) {
    case WIRE_MSG_CURSOR_INIT:
        if (model->has_init && !c->client->config.stock_server) {
            violate(c, FAKE_RULE_ORDER, "a second INIT without RESET"); /* clients ignore it */
        }
        model->has_init = true;
        cache_clear(c->cursor);
        model->position = m->u.cursor_init.position;
        model->trail_length = m->u.cursor_init.trail_length;
        model->trail_frequency = m->u.cursor_init.trail_frequency;
        visible_check(c, m->u.cursor_init.visible);
        shape_set(c, &m->u.cursor_init.cursor);
        break;
    case WIRE_MSG_CURSOR_RESET:
        cache_clear(c->cursor);
        model->has_init = false; /* clients ignore all until the next INIT */
        model->visible = false;
        model->has_shape = false;
        break;
    case WIRE_MSG_CURSOR_SET:
        model->position = m->u.cursor_set.position;
        visible_check(c, m->u.cursor_set.visible);
        shape_set(c, &m->u.cursor_set.cursor);
        break;
    case WIRE_MSG_CURSOR_MOVE:
        model->position = m->u.cursor_move.position;
        model->visible = true;
        break;
    case WIRE_MSG_CURSOR_HIDE:
        model->visible = false;
        break;
    case WIRE_MSG_CURSOR_TRAIL:
        model->trail_length = m->u.cursor_trail.length;
        model->trail_frequency = m->u.cursor_trail.frequency;
        break;
    case WIRE_MSG_CURSOR_INVAL_ONE:
        if (id_set_find(&c->cursor->cache, m->u.cursor_inval_one.id) == NULL) {
            violate(c, FAKE_RULE_CURSOR_PALETTE_CACHE, "cursor %llu to be dropped is not in the cache",
                    (unsigned long long)m->u.cursor_inval_one.id);
        }
        cache_drop(c->cursor, m->u.cursor_inval_one.id);
        break;
    case WIRE_MSG_CURSOR_INVAL_ALL:
        cache_clear(c->cursor);
        break;
    default:
        break;
    }
    model->cached = c->cursor->cache.len;
}
