/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "display/current.h"

#include <spice/enums.h>

#include "base/check.h"
#include "display/worker.h"

/* ---- Sets of surfaces ---- */

typedef struct SurfaceSet {
    uint64_t bits[SURFACES_MAX / 64];
} SurfaceSet;

static void set_add(SurfaceSet *set, uint32_t id)
{
    set->bits[id / 64] |= UINT64_C(1) << id % 64;
}

static bool set_has(const SurfaceSet *set, uint32_t id)
{
    return (set->bits[id / 64] >> id % 64 & 1) != 0;
}

/* ---- Life ---- */

static const Canvas *find_canvas(void *opaque, uint32_t surface_id)
{
    const Current *current = opaque;
    const Surface *surface = surfaces_find(current->surfaces, surface_id);

    return surface != NULL ? &surface->canvas : NULL;
}

void current_init(Current *current, RedWorker *worker, SurfaceTable *surfaces, const QxlMemory *memory)
{
    *current = (Current){.worker = worker, .surfaces = surfaces};
    current->set = canvas_set_of(memory, find_canvas, current);
    list_init(&current->pending);
}

void current_finish(Current *current)
{
    CHECK(current->pending_len == 0);
    canvas_set_finish(&current->set);
}

static void leave_pending(Current *current, Drawable *drawable)
{
    list_remove(&drawable->in_pending);
    drawable->pending = false;
    current->pending_len--;
    current->pending_bytes -= drawable->bytes;
    current->pending_work -= drawable->work;
    current->pending_moves -= drawable->moves;
    pipe_item_unref(&drawable->item);
}

void current_clear(Current *current)
{
    list_each_removable(&current->pending, node)
    {
        leave_pending(current, list_entry(node, Drawable, in_pending));
    }
}

/* ---- Drawing ---- */

/* Where what a copy puts is taken from. */
static pixman_box32_t source_of(const Drawable *move)
{
    const pixman_box32_t *box = &move->extents;

    return (pixman_box32_t){box->x1 - move->move_x, box->y1 - move->move_y, box->x2 - move->move_x,
                            box->y2 - move->move_y};
}

static bool same_box(const pixman_box32_t *a, const pixman_box32_t *b)
{
    return a->x1 == b->x1 && a->y1 == b->y1 && a->x2 == b->x2 && a->y2 == b->y2;
}

static bool is_folded(const Drawable *drawable)
{
    return !same_box(&drawable->lands, &drawable->extents);
}

static void draw(Current *current, Drawable *drawable, uint64_t now_ns)
{
    Surface *surface = surfaces_find(current->surfaces, drawable->surface_id);
    QxlFault fault;

    CHECK(surface != NULL && surface->generation == drawable->generation);
    if (is_folded(drawable)) {
        const pixman_box32_t from = source_of(drawable);
        canvas_move(&current->set, &surface->canvas, &from, drawable->lands.x1, drawable->lands.y1);
    } else if (canvas_draw(&current->set, &surface->canvas, drawable->qxl, &fault) != STATUS_OK) {
        worker_fault(current->worker, &fault, "a drawing", now_ns);
        current->set.work +=
            display_channel_failed(current->worker->display, drawable, &current->worker->drawables);
        drawable_drop(drawable); /* no more clients are to draw it */
    }
    current->drawn++;
    leave_pending(current, drawable);
}

typedef struct Need {
    SurfaceSet whole;    /* surfaces that must show everything up to here */
    SurfaceSet changing; /* surfaces that a needed drawable, later than this, changes */
    bool has_readers_of; /* whatever takes pixels from this surface to others is needed, too */
    uint32_t readers_of;
} Need;

static bool is_needed(const Need *need, const Drawable *drawable)
{
    if (set_has(&need->whole, drawable->surface_id)) {
        return true;
    }
    for (uint32_t i = 0; i < drawable->read_count; i++) {
        const uint32_t id = drawable->reads[i].surface_id;
        if (set_has(&need->changing, id) ||
            (need->has_readers_of && id == need->readers_of && drawable->surface_id != id)) {
            return true;
        }
    }
    return false;
}

static void draw_needed(Current *current, Need *need, uint64_t now_ns)
{
    ListNode needed; /* in order */

    list_init(&needed);
    for (ListNode *node = current->pending.prev, *before; node != &current->pending; node = before) {
        Drawable *drawable = list_entry(node, Drawable, in_pending);
        before = node->prev;
        if (is_needed(need, drawable)) {
            set_add(&need->whole, drawable->surface_id);
            set_add(&need->changing, drawable->surface_id);
            for (uint32_t i = 0; i < drawable->read_count; i++) {
                set_add(&need->whole, drawable->reads[i].surface_id);
            }
            list_remove(node);
            list_prepend(&needed, node);
        }
    }
    while (!list_is_empty(&needed)) {
        draw(current, list_entry(needed.next, Drawable, in_pending), now_ns);
    }
}

void current_render(Current *current, uint32_t surface_id, uint64_t now_ns)
{
    Need need = {0};

    if (current->pending_len > 0) {
        set_add(&need.whole, surface_id);
        draw_needed(current, &need, now_ns);
    }
}

void current_render_all(Current *current, uint64_t now_ns)
{
    while (current->pending_len > 0) {
        draw(current, list_first(&current->pending, Drawable, in_pending), now_ns);
    }
}

/* ---- What is a picture ---- */

/* Its pixels as they are, all over its extents. */
static bool puts_picture(const Drawable *drawable)
{
    const QxlCopy *copy = &drawable->qxl->u.copy;

    return drawable->opaque && drawable->qxl->type == QXL_DRAW_COPY && copy->rop == SPICE_ROPD_OP_PUT &&
           copy->src->type == SPICE_IMAGE_TYPE_BITMAP;
}

/* The canvas makes no other bytes of the bitmap's, which lie as rasters lie. */
static bool is_as_on_canvas(const QxlImage *image, const Canvas *canvas)
{
    const QxlBitmap *bitmap = &image->u.bitmap;

    return canvas->raster.format == PIXMAN_x8r8g8b8 && bitmap->format == SPICE_BITMAP_FMT_32BIT &&
           (image->flags & QXL_IMAGE_HIGH_BITS_SET) == 0 && !bitmap->unstable && bitmap->data.count == 1 &&
           (bitmap->data.spans[0].host | bitmap->stride) % 4 == 0;
}

static Raster raster_of(const QxlDrawable *qxl)
{
    const QxlImage *image = qxl->u.copy.src;
    const QxlBitmap *bitmap = &image->u.bitmap;
    const ptrdiff_t stride = (ptrdiff_t)bitmap->stride;
    const ptrdiff_t x = qxl->u.copy.src_area.left - qxl->box.left,
                    y = qxl->u.copy.src_area.top - qxl->box.top;
    Raster raster = {.top = (uint8_t *)bitmap->data.spans[0].host, // NOLINT(performance-no-int-to-ptr)
                     .stride = stride,
                     .width = qxl->box.right,
                     .height = qxl->box.bottom,
                     .format = PIXMAN_x8r8g8b8};

    if (!bitmap->top_down) {
        raster.top += stride * ((ptrdiff_t)image->height - 1);
        raster.stride = -stride;
    }
    raster.top += raster.stride * y + 4 * x;
    return raster;
}

bool current_picture(const Current *current, uint32_t surface_id, const pixman_box32_t *box, Raster *ret)
{
    const Canvas *canvas = &surfaces_find(current->surfaces, surface_id)->canvas;
    uint32_t left = CURRENT_PICTURE_LOOKS;

    for (const ListNode *node = current->pending.prev; node != &current->pending && left > 0;
         node = node->prev) {
        const Drawable *drawable = list_entry(node, Drawable, in_pending);
        left--;
        if (drawable->surface_id != surface_id || !box_meets(&drawable->lands, box)) {
            continue;
        }
        if (!box_covers(&drawable->extents, box) || !puts_picture(drawable) ||
            !is_as_on_canvas(drawable->qxl->u.copy.src, canvas)) {
            return false;
        }
        *ret = raster_of(drawable->qxl);
        return true;
    }
    return false;
}

/* ---- What cannot be seen ---- */

/* A copy that could be folded into an older one, and what was found between. */
typedef struct Fold {
    Drawable *move;          /* NULL: none could */
    pixman_box32_t from, to; /* what it takes, what it puts */
    uint32_t surface_id;     /* of which, since the last copy on the way: */
    Boxes hidden; /* what is covered for certain, and was not read after that; maybe not all of that */
} Fold;

static bool touches(const Drawable *drawable, uint32_t surface_id, const pixman_box32_t *box)
{
    return (drawable->surface_id == surface_id && box_meets(&drawable->lands, box)) ||
           drawable_reads(drawable, surface_id, box);
}

/* Neither what it takes nor what it puts is beyond the canvas. */
static bool is_whole(const Current *current, const Drawable *move)
{
    const Raster *raster = &surfaces_find(current->surfaces, move->surface_id)->canvas.raster;
    const pixman_box32_t whole = {0, 0, raster->width, raster->height}, from = source_of(move);

    return move->opaque && box_covers(&whole, &from) && box_covers(&whole, &move->lands);
}

/* Does the newer one take exactly what this older one puts? Then it is done with that. */
static void fold_end(Current *current, Fold *fold, Drawable *drawable)
{
    if (fold->move != NULL && fold->surface_id == drawable->surface_id &&
        same_box(&fold->from, &drawable->lands) && is_whole(current, drawable)) {
        drawable->lands = fold->to;
        leave_pending(current, fold->move);
        current->folded++;
    }
    fold->move = NULL;
}

/* `on` is seen after this copy, without what it puts or takes. May it be folded into an older one? */
static void fold_begin(const Current *current, Fold *fold, Drawable *drawable, const Boxes *on)
{
    const Canvas *canvas = &surfaces_find(current->surfaces, drawable->surface_id)->canvas;
    const pixman_box32_t from = source_of(drawable);

    if (is_whole(current, drawable) && canvas_can_move(canvas)) {
        Boxes left = *on;
        boxes_cut(&left, &from);
        boxes_subtract(&left, &drawable->lands);
        for (uint32_t i = 0; fold->surface_id == drawable->surface_id && i < fold->hidden.len; i++) {
            boxes_subtract(&left, &fold->hidden.boxes[i]);
        }
        if (left.len == 0) {
            fold->move = drawable;
            fold->from = from;
            fold->to = drawable->lands;
        }
    }
    fold->surface_id = drawable->surface_id;
    boxes_clear(&fold->hidden);
}

/* Something that is no copy lies between. */
static void fold_pass(Fold *fold, const Drawable *drawable)
{
    if (fold->move != NULL && (touches(drawable, fold->surface_id, &fold->from) ||
                               touches(drawable, fold->surface_id, &fold->to))) {
        fold->move = NULL;
    }
    if (drawable->read_count > 0) {
        boxes_clear(&fold->hidden);
    } else if (drawable->opaque && drawable->surface_id == fold->surface_id) {
        (void)boxes_add_exactly(&fold->hidden, &drawable->lands);
    }
}

/* What is seen of the drawable, and from where it takes that, is seen before it; what it hides is not. */
static bool look_through(Current *current, Boxes *seen, Fold *fold, Drawable *drawable)
{
    Boxes *on = &seen[drawable->surface_id];

    if (!boxes_meet(on, &drawable->lands)) {
        return false;
    }
    Boxes part = *on;
    if (drawable->opaque) {
        boxes_subtract(on, &drawable->lands);
    }
    if (drawable->moves) {
        const pixman_box32_t from = source_of(drawable);
        boxes_cut(&part, &drawable->lands);
        boxes_translate(&part, from.x1 - drawable->lands.x1, from.y1 - drawable->lands.y1);
        fold_end(current, fold, drawable);
        fold_begin(current, fold, drawable, on);
        for (uint32_t i = 0; i < part.len; i++) {
            boxes_add(on, &part.boxes[i]);
        }
        return true;
    }
    fold_pass(fold, drawable);
    for (uint32_t i = 0; i < drawable->read_count; i++) {
        boxes_add(&seen[drawable->reads[i].surface_id], &drawable->reads[i].box);
    }
    return true;
}

/* At the newest drawable, all of each surface is. */
static void prune(Current *current)
{
    const SurfaceTable *surfaces = current->surfaces;
    Boxes *seen = g_new(Boxes, surfaces->len);
    Fold fold = {0};

    for (uint32_t id = 0; id < surfaces->len; id++) {
        const Raster *raster = &surfaces->surfaces[id].canvas.raster;
        const pixman_box32_t all = {0, 0, raster->width, raster->height};
        boxes_clear(&seen[id]);
        boxes_add(&seen[id], &all);
    }
    for (ListNode *node = current->pending.prev, *before; node != &current->pending; node = before) {
        Drawable *drawable = list_entry(node, Drawable, in_pending);
        before = node->prev;
        if (!look_through(current, seen, &fold, drawable)) {
            current->pruned++;
            leave_pending(current, drawable);
        }
    }
    g_free(seen);
}

/* The oldest needs nothing that is pending. */
void current_trim(Current *current, uint64_t now_ns)
{
    if (current->pending_len > CURRENT_PENDING_MAX && current->pending_moves >= CURRENT_MOVES_MIN &&
        current->number >= current->prune_at) {
        current->prune_at = current->number + CURRENT_PRUNE_EACH;
        prune(current);
    }
    while (current->pending_len > CURRENT_PENDING_MAX ||
           (current->pending_len > 0 && (current->pending_bytes > CURRENT_PENDING_BYTES_MAX ||
                                         current->pending_work > CURRENT_PENDING_WORK_MAX))) {
        draw(current, list_first(&current->pending, Drawable, in_pending), now_ns);
    }
}

/* ---- Cells ---- */

/* log2 of the side of a cell: no more than SURFACE_CELLS_MAX of them. */
static uint32_t cell_shift(int32_t side)
{
    uint32_t shift = SURFACE_CELL_SHIFT_MIN;

    while ((side - 1) >> shift >= (int32_t)SURFACE_CELLS_MAX) {
        shift++;
    }
    return shift;
}

static bool make_cells(const Core *core, Surface *surface)
{
    if (surface->cells == NULL) {
        const Raster *raster = &surface->canvas.raster;
        surface->cell_shift_x = cell_shift(raster->width);
        surface->cell_shift_y = cell_shift(raster->height);
        surface->cells_x = ((uint32_t)(raster->width - 1) >> surface->cell_shift_x) + 1;
        surface->cells_y = ((uint32_t)(raster->height - 1) >> surface->cell_shift_y) + 1;
        const uint32_t len = surface->cells_x * surface->cells_y;
        surface->cells = core->alloc(core, len * sizeof *surface->cells);
        for (uint32_t i = 0; surface->cells != NULL && i < len; i++) {
            list_init(&surface->cells[i]);
        }
    }
    return surface->cells != NULL;
}

static ListNode *cell_at(const Surface *surface, int32_t x, int32_t y)
{
    return &surface->cells[((uint32_t)y >> surface->cell_shift_y) * surface->cells_x +
                           ((uint32_t)x >> surface->cell_shift_x)];
}

/* ---- What is covered ---- */

static void remember_reads(Current *current, const Drawable *drawable)
{
    for (uint32_t i = 0; i < drawable->read_count; i++) {
        Surface *surface = surfaces_find(current->surfaces, drawable->reads[i].surface_id);
        if (surface != NULL) {
            surface->reads[surface->reads_len++ % SURFACE_READS_MAX] =
                (SurfaceRead){drawable->number, drawable->reads[i].box};
        }
    }
}

/* Did something later take pixels from where it is? */
static bool was_read(const Surface *surface, const Drawable *drawable)
{
    const uint64_t known = surface->reads_len < SURFACE_READS_MAX ? surface->reads_len : SURFACE_READS_MAX;

    for (uint64_t i = 0; i < known; i++) {
        const SurfaceRead *read = &surface->reads[(surface->reads_len - 1 - i) % SURFACE_READS_MAX];
        if (read->number <= drawable->number) {
            return false; /* as are those before */
        }
        if (box_meets(&read->box, &drawable->extents)) {
            return true;
        }
    }
    return known < surface->reads_len;
}

static void drop_covered_in(Current *current, const Surface *surface, ListNode *cell, const Drawable *by)
{
    uint32_t left = CURRENT_COVERED_MAX;

    list_each_removable(cell, node)
    {
        Drawable *drawable = list_entry(node, Drawable, in_cell);
        if (left-- == 0) {
            return;
        }
        current->looked++;
        if (!box_covers(&by->extents, &drawable->extents)) {
            continue;
        }
        /* What was read will always have been: it is never dropped, nor looked at again. */
        if (was_read(surface, drawable)) {
            list_remove(&drawable->in_cell);
        } else {
            current->dropped++;
            pipe_item_ref(&drawable->item);
            if (drawable->pending) {
                leave_pending(current, drawable);
            }
            drawable_drop(drawable);
            pipe_item_unref(&drawable->item);
        }
    }
}

static void drop_covered(Current *current, const Surface *surface, const Drawable *by)
{
    const pixman_box32_t *box = &by->extents;
    const int32_t side_x = 1 << surface->cell_shift_x, side_y = 1 << surface->cell_shift_y;

    for (int32_t y = box->y1 & -side_y; y < box->y2; y += side_y) {
        for (int32_t x = box->x1 & -side_x; x < box->x2; x += side_x) {
            drop_covered_in(current, surface, cell_at(surface, x, y), by);
        }
    }
}

void current_add(Current *current, Drawable *drawable)
{
    Surface *surface = surfaces_find(current->surfaces, drawable->surface_id);

    drawable->number = ++current->number;
    remember_reads(current, drawable);
    if (make_cells(current->worker->core, surface)) {
        if (drawable->opaque) {
            drop_covered(current, surface, drawable);
        }
        list_prepend(cell_at(surface, drawable->extents.x1, drawable->extents.y1), &drawable->in_cell);
    }
    surface_touch(surface, &drawable->extents);
    list_append(&current->pending, &drawable->in_pending);
    drawable->pending = true;
    current->pending_len++;
    current->pending_bytes += drawable->bytes;
    current->pending_work += drawable->work;
    current->pending_moves += drawable->moves;
    pipe_item_ref(&drawable->item);
}

void current_forget(Current *current, uint32_t surface_id, uint64_t now_ns)
{
    Need need = {.has_readers_of = true, .readers_of = surface_id};
    Surface *surface = surfaces_find(current->surfaces, surface_id);

    draw_needed(current, &need, now_ns);
    list_each_removable(&current->pending, node)
    {
        Drawable *drawable = list_entry(node, Drawable, in_pending);
        if (drawable->surface_id == surface_id) {
            leave_pending(current, drawable);
        }
    }
    for (uint32_t i = 0; surface->cells != NULL && i < surface->cells_x * surface->cells_y; i++) {
        while (!list_is_empty(&surface->cells[i])) {
            list_remove(surface->cells[i].next);
        }
    }
}
