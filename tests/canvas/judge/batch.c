/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/canvas/judge/batch.h"

static Choices choices_for(const BatchName *name, uint32_t which)
{
    return choices_of_seed(((name->seed * 31 + name->op) * 1000003 + name->number) * 1024 + which);
}

/* Does it say all that its box shows, as far as it is clipped? Then servers forget what it hides. */
static bool is_opaque(const QXLDrawable *drawing)
{
    switch (drawing->type) {
    case QXL_DRAW_FILL:
        return drawing->u.fill.mask.bitmap == 0 && drawing->u.fill.rop_descriptor == SPICE_ROPD_OP_PUT &&
               drawing->u.fill.brush.type == SPICE_BRUSH_TYPE_SOLID;
    case QXL_DRAW_COPY:
        return drawing->u.copy.mask.bitmap == 0 && drawing->u.copy.rop_descriptor == SPICE_ROPD_OP_PUT;
    case QXL_DRAW_BLACKNESS:
        return drawing->u.blackness.mask.bitmap == 0;
    case QXL_DRAW_WHITENESS:
        return drawing->u.whiteness.mask.bitmap == 0;
    default:
        return false;
    }
}

void batch_make(Batch *batch, const BatchName *name)
{
    const WorldOp *op = &world_ops[name->op];
    Choices choices = choices_for(name, 0);
    uint32_t depths[WORLD_DRAWN + 1];

    world_forget(&batch->world);
    world_surfaces(&batch->world, &choices, op->formats);
    world_pixels(&batch->world, &choices);
    for (uint32_t id = 1; id <= WORLD_DRAWN; id++) {
        depths[id] = 1 + choose(&choices, BATCH_DEPTH);
    }
    batch->count = 0;
    for (uint32_t round = 0; round < BATCH_DEPTH; round++) {
        for (uint32_t id = 1; id <= WORLD_DRAWN; id++) {
            if (round < depths[id]) {
                Choices own = choices_for(name, 1 + round * WORLD_DRAWN + id);
                QXLDrawable *drawing = world_drawing(&batch->world, &own, op, id);
                drawing->effect = is_opaque(drawing) ? QXL_EFFECT_OPAQUE : QXL_EFFECT_BLEND;
                batch->drawings[batch->count++] = drawing;
            }
        }
    }
}
