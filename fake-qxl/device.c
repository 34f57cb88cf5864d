/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* device.c: the device as the server sees it: rings, callbacks, cookies; and the accounting of what it does.
 */
#include "internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/point.h"

/* ---- Violations: from any side ---- */

void violation(FakeQxl *qxl, const char *format, ...)
{
    const uint64_t index = atomic_fetch_add(&qxl->violations, 1);
    if (index < VIOLATION_TEXTS_MAX) {
        va_list args;
        va_start(args, format);
        vsnprintf(qxl->texts[index], VIOLATION_BYTES, format, args);
        va_end(args);
        atomic_store(&qxl->text_ready[index], true);
    }
}

const char *fake_qxl_violation(const FakeQxl *qxl, size_t index)
{
    return index < VIOLATION_TEXTS_MAX && atomic_load(&qxl->text_ready[index]) ? qxl->texts[index] : NULL;
}

/* ---- Choices ---- */

uint32_t pick(FakeQxl *qxl, const char *site, uint32_t n)
{
    CHECK(n > 0);
    const uint32_t chosen = qxl->config.choice.choose(qxl->config.choice.opaque, site, n);
    CHECK(chosen < n);
    return chosen;
}

/* ---- Rings ---- */

bool ring_has_room(const Ring *ring)
{
    return atomic_load(&ring->produced) - atomic_load(&ring->consumed) < RING_ITEMS;
}

bool ring_is_empty(const Ring *ring)
{
    return atomic_load(&ring->produced) == atomic_load(&ring->consumed);
}

void ring_push_raw(FakeQxl *qxl, Ring *ring, const QXLCommandExt *command, uint32_t block)
{
    CHECK(ring_has_room(ring));
    const uint32_t at = atomic_load(&ring->produced);
    if (block != BLOCK_NONE && atomic_load(&qxl->blocks[block].state) == BLOCK_HELD) {
        atomic_store(&qxl->blocks[block].state, BLOCK_QUEUED);
    }
    ring->items[at % RING_ITEMS] = (RingItem){*command, block};
    base_point();
    atomic_store(&ring->produced, at + 1);
    base_point();
    qxl->pushed++;
    if (atomic_exchange(&ring->armed, false)) {
        qxl->wakeups++;
        spice_qxl_wakeup(&qxl->instance);
    }
}

void ring_push_flags(FakeQxl *qxl, Ring *ring, uint32_t type, uint32_t flags, uint64_t address,
                     uint32_t block)
{
    Block *owner = &qxl->blocks[block];
    owner->release_id = ++qxl->serial;
    owner->drawing = type == QXL_CMD_DRAW;
    memcpy(block_memory(qxl, block), &owner->release_id, sizeof owner->release_id);
    const QXLCommandExt command = {{address, type, 0}, owner->group, flags};
    ring_push_raw(qxl, ring, &command, block);
}

void ring_push(FakeQxl *qxl, Ring *ring, uint32_t type, uint64_t address, uint32_t block)
{
    ring_push_flags(qxl, ring, type, 0, address, block);
}

static void callback_enter(FakeQxl *qxl, const char *name)
{
    if (!atomic_load(&qxl->attached)) {
        violation(qxl, "%s: called before the device was attached", name);
    }
    if (atomic_exchange(&qxl->inside, true)) {
        violation(qxl, "%s: called while another device callback runs", name);
    }
}

static void callback_leave(FakeQxl *qxl)
{
    atomic_store(&qxl->inside, false);
    if (qxl->config.inside != NULL) {
        qxl->config.inside(qxl->config.inside_opaque, &qxl->instance);
    }
}

static int ring_take(FakeQxl *qxl, Ring *ring, const char *name, QXLCommandExt *ret_command)
{
    callback_enter(qxl, name);
    if (!atomic_load(&qxl->running)) {
        violation(qxl, "%s: the machine is stopped", name);
    }
    const uint32_t at = atomic_load(&ring->consumed);
    int found = 0;
    if (at != atomic_load(&ring->produced)) {
        const RingItem item = ring->items[at % RING_ITEMS];
        base_point();
        if (item.block != BLOCK_NONE) {
            uint32_t queued = BLOCK_QUEUED;
            if (atomic_compare_exchange_strong(&qxl->blocks[item.block].state, &queued, BLOCK_TAKEN)) {
                atomic_fetch_add(&qxl->taken, 1);
                if (qxl->blocks[item.block].shape) {
                    atomic_store(&qxl->cursor, item.block);
                    atomic_store(&qxl->cursor_lost, false);
                }
                if (item.command.cmd.type == QXL_CMD_UPDATE && !qxl->blocks[item.block].refused) {
                    atomic_fetch_add(&qxl->updates_owed, 1);
                }
            }
        }
        *ret_command = item.command;
        atomic_store(&ring->consumed, at + 1);
        found = 1;
    }
    callback_leave(qxl);
    return found;
}

/* True: armed. False: something came in between, look again. */
static int ring_arm(FakeQxl *qxl, Ring *ring, const char *name)
{
    callback_enter(qxl, name);
    atomic_store(&ring->armed, true);
    base_point();
    int armed = 1;
    if (!ring_is_empty(ring)) {
        atomic_store(&ring->armed, false);
        armed = 0;
    }
    callback_leave(qxl);
    return armed;
}

/* ---- QXLInterface ---- */

static FakeQxl *device_of(QXLInstance *instance)
{
    return (FakeQxl *)instance;
}

static void attached_worker(QXLInstance *instance)
{
    atomic_store(&device_of(instance)->attached, true);
}

static void set_compression_level(QXLInstance *instance, int level)
{
    if (level != 0 && level != 1) {
        violation(device_of(instance), "set_compression_level: %d", level);
    }
}

static void get_init_info(QXLInstance *instance, QXLDevInitInfo *info)
{
    const FakeQxl *qxl = device_of(instance);
    *info = (QXLDevInitInfo){
        .num_memslots_groups = GROUPS,
        .num_memslots = SLOTS,
        .memslot_gen_bits = GENERATION_BITS,
        .memslot_id_bits = SLOT_BITS,
        .qxl_ram_size = (uint32_t)qxl->areas[AREA_VRAM].bytes,
        .internal_groupslot_id = GROUP_HOST,
        .n_surfaces = qxl->surface_count,
    };
}

static int get_command(QXLInstance *instance, QXLCommandExt *command)
{
    FakeQxl *qxl = device_of(instance);
    return ring_take(qxl, &qxl->commands, "get_command", command);
}

static int req_cmd_notification(QXLInstance *instance)
{
    FakeQxl *qxl = device_of(instance);
    return ring_arm(qxl, &qxl->commands, "req_cmd_notification");
}

static int get_cursor_command(QXLInstance *instance, QXLCommandExt *command)
{
    FakeQxl *qxl = device_of(instance);
    return ring_take(qxl, &qxl->cursors, "get_cursor_command", command);
}

static int req_cursor_notification(QXLInstance *instance)
{
    FakeQxl *qxl = device_of(instance);
    return ring_arm(qxl, &qxl->cursors, "req_cursor_notification");
}

static void release_resource(QXLInstance *instance, QXLReleaseInfoExt release)
{
    FakeQxl *qxl = device_of(instance);
    callback_enter(qxl, "release_resource");
    const uint32_t index = block_at(qxl, release.info);
    Block *block = index == BLOCK_NONE ? NULL : &qxl->blocks[index];
    const uint32_t state = block == NULL ? BLOCK_FREE : atomic_load(&block->state);
    if (block == NULL) {
        violation(qxl, "release of something that is no command, or was released before");
    } else if (state == BLOCK_BAIT && block->optional) {
        /* as the server likes */
    } else if (state != BLOCK_TAKEN) {
        violation(qxl, "release of %s that %s", block->what,
                  state == BLOCK_RELEASED ? "was released before" : "the server never took");
    } else {
        uint64_t id;
        memcpy(&id, &release.info->id, sizeof id);
        if (id != block->release_id) {
            violation(qxl, "the release info of %s was written to", block->what);
        }
        if (release.group_id != block->group) {
            violation(qxl, "release of %s with group %u", block->what, release.group_id);
        }
        if (index == atomic_load(&qxl->cursor)) {
            atomic_store(&qxl->cursor, BLOCK_NONE);
            atomic_store(&qxl->cursor_lost, true);
        }
        block_poison(qxl, block);
        base_point();
        atomic_fetch_add(&qxl->released, 1);
        atomic_fetch_add(&qxl->flushable, 1);
        atomic_store(&block->state, BLOCK_RELEASED);
    }
    callback_leave(qxl);
}

static void notify_update(QXLInstance *instance, uint32_t update_id)
{
    FakeQxl *qxl = device_of(instance);
    (void)update_id;
    if (atomic_load(&qxl->updates_owed) == 0) {
        violation(qxl, "notify_update: no update was asked for");
    } else {
        atomic_fetch_sub(&qxl->updates_owed, 1);
    }
    atomic_fetch_add(&qxl->updates_notified, 1);
}

static int flush_resources(QXLInstance *instance)
{
    FakeQxl *qxl = device_of(instance);
    drawings_deadline(qxl, "flush_resources");
    return atomic_exchange(&qxl->flushable, 0) > 0;
}

static void async_complete(QXLInstance *instance, uint64_t value)
{
    FakeQxl *qxl = device_of(instance);
    Cookie *cookie = &qxl->cookies[value % COOKIES_MAX];
    if (atomic_load(&cookie->state) != COOKIE_PENDING || cookie->value != value) {
        violation(qxl, "async_complete: cookie %llu is not pending", (unsigned long long)value);
        return;
    }
    if (cookie->kind == COOKIE_UPDATE_AREA && !atomic_load(&cookie->updated)) {
        violation(qxl, "async_complete of an update without update_area_complete");
    }
    switch (cookie->kind) {
    case COOKIE_PRIMARY_DESTROY:
    case COOKIE_SURFACES_DESTROY:
        cursor_gone(qxl);
        drawings_deadline(qxl, "destroy_primary or destroy_surfaces");
        break;
    case COOKIE_SURFACE_DESTROY:
    case COOKIE_FLUSH:
        drawings_deadline(qxl, "destroy_surface or flush_surfaces");
        break;
    case COOKIE_PRIMARY_CREATE:
    case COOKIE_MONITORS:
    case COOKIE_UPDATE_AREA:
    case COOKIE_SPARE_ADD:
        break;
    }
    base_point();
    atomic_store(&cookie->state, COOKIE_DONE);
}

static void update_area_complete(QXLInstance *instance, uint32_t surface, QXLRect *rects, uint32_t count)
{
    FakeQxl *qxl = device_of(instance);
    for (uint32_t i = 0; i < COOKIES_MAX; i++) {
        Cookie *cookie = &qxl->cookies[i];
        if (atomic_load(&cookie->state) == COOKIE_PENDING && cookie->kind == COOKIE_UPDATE_AREA &&
            cookie->surface == surface && !atomic_exchange(&cookie->updated, true)) {
            for (uint32_t r = 0; r < count; r++) {
                if (rects[r].left > rects[r].right || rects[r].top > rects[r].bottom || rects[r].left < 0 ||
                    rects[r].top < 0) {
                    violation(qxl, "update_area_complete: rectangle %u is inside out", r);
                }
            }
            return;
        }
    }
    violation(qxl, "update_area_complete: no update of surface %u is pending", surface);
}

static void set_client_capabilities(QXLInstance *instance, uint8_t present,
                                    uint8_t caps[SPICE_CAPABILITIES_SIZE])
{
    FakeQxl *qxl = device_of(instance);
    uint8_t others = caps[0] & 0xf0;
    for (size_t i = 1; i < SPICE_CAPABILITIES_SIZE; i++) {
        others |= caps[i];
    }
    if (others != 0 || present > 1 || (present == 0 && caps[0] != 0)) {
        violation(qxl, "set_client_capabilities: present %u, caps 0x%02x", present, caps[0]);
    }
    if (qxl->config.strict && !atomic_load(&qxl->running)) {
        violation(qxl, "set_client_capabilities: the machine is stopped");
    }
    if (!atomic_load(&qxl->attached)) {
        violation(qxl, "set_client_capabilities: called before the device was attached");
    }
    atomic_store(&qxl->client_present, present != 0);
}

static int client_monitors_config(QXLInstance *instance, VDAgentMonitorsConfig *config)
{
    (void)instance;
    (void)config;
    return 1;
}

/* ---- Cookies ---- */

Cookie *cookie_new(FakeQxl *qxl, CookieKind kind, uint32_t block)
{
    for (uint32_t i = 0; i < COOKIES_MAX; i++) {
        Cookie *cookie = &qxl->cookies[i];
        if (atomic_load(&cookie->state) == COOKIE_FREE) {
            cookie->kind = kind;
            cookie->value = ++qxl->serial * COOKIES_MAX + i;
            cookie->surface = 0;
            cookie->block = block;
            atomic_store(&cookie->updated, false);
            atomic_store(&cookie->state, COOKIE_PENDING);
            return cookie;
        }
    }
    return NULL;
}

bool cookie_pending(const FakeQxl *qxl, CookieKind kind)
{
    for (uint32_t i = 0; i < COOKIES_MAX; i++) {
        if (atomic_load(&qxl->cookies[i].state) != COOKIE_FREE && qxl->cookies[i].kind == kind) {
            return true;
        }
    }
    return false;
}

bool cookies_pending(const FakeQxl *qxl)
{
    for (uint32_t i = 0; i < COOKIES_MAX; i++) {
        if (atomic_load(&qxl->cookies[i].state) != COOKIE_FREE) {
            return true;
        }
    }
    return false;
}

/* ---- Life ---- */

FakeQxl *fake_qxl_new(const FakeQxlConfig *config)
{
    CHECK(config->choice.choose != NULL);
    FakeQxl *qxl = calloc(1, sizeof *qxl);
    CHECK(qxl != NULL);
    qxl->config = *config;
    qxl->surface_count = config->surfaces != 0 ? config->surfaces : 64;
    CHECK(qxl->surface_count <= SURFACES_MAX);
    for (uint32_t i = 0; i < SURFACES_MAX; i++) {
        qxl->surfaces[i] = (GuestSurface){.create = BLOCK_NONE, .destroy = BLOCK_NONE, .data = BLOCK_NONE};
    }
    atomic_store(&qxl->cursor, BLOCK_NONE);
    CHECK(memory_init(qxl));
    qxl->interface = (QXLInterface){
        .base = {SPICE_INTERFACE_QXL, "fake qxl", SPICE_INTERFACE_QXL_MAJOR, SPICE_INTERFACE_QXL_MINOR},
        .attached_worker = attached_worker,
        .set_compression_level = set_compression_level,
        .get_init_info = get_init_info,
        .get_command = get_command,
        .req_cmd_notification = req_cmd_notification,
        .release_resource = release_resource,
        .get_cursor_command = get_cursor_command,
        .req_cursor_notification = req_cursor_notification,
        .notify_update = notify_update,
        .flush_resources = flush_resources,
        .async_complete = async_complete,
        .update_area_complete = update_area_complete,
        .set_client_capabilities = set_client_capabilities,
        .client_monitors_config = client_monitors_config,
    };
    qxl->instance.base.sif = &qxl->interface.base;
    qxl->instance.id = config->id;
    return qxl;
}

void fake_qxl_free(FakeQxl *qxl)
{
    if (qxl != NULL) {
        memory_finish(qxl);
        free(qxl);
    }
}

QXLInstance *fake_qxl_instance(FakeQxl *qxl)
{
    return &qxl->instance;
}

void fake_qxl_running(FakeQxl *qxl, bool running)
{
    atomic_store(&qxl->running, running);
    if (!running) {
        drawings_deadline(qxl, "stop");
    }
}

void fake_qxl_poll(FakeQxl *qxl)
{
    for (uint32_t i = 0; i < COOKIES_MAX; i++) {
        if (atomic_load(&qxl->cookies[i].state) == COOKIE_DONE) {
            cookie_finish(qxl, &qxl->cookies[i]);
            atomic_store(&qxl->cookies[i].state, COOKIE_FREE);
        }
    }
    surfaces_reap(qxl);
    blocks_reclaim(qxl);
}

/* ---- Accounting ---- */

uint64_t fake_qxl_check(FakeQxl *qxl, bool final, FakeQxlReport *ret_report)
{
    fake_qxl_poll(qxl);
    memory_check(qxl);
    uint64_t outstanding = 0;
    for (uint32_t i = 0; i < BLOCKS_MAX; i++) {
        const Block *block = &qxl->blocks[i];
        if (atomic_load(&block->state) == BLOCK_TAKEN && !block->optional) {
            outstanding++;
            if (final) {
                violation(qxl, "%s was never released", block->what);
            }
        }
    }
    uint64_t cookies = 0;
    for (uint32_t i = 0; i < COOKIES_MAX; i++) {
        if (atomic_load(&qxl->cookies[i].state) == COOKIE_PENDING) {
            cookies++;
            if (final) {
                violation(qxl, "an asynchronous call (kind %d) never completed", (int)qxl->cookies[i].kind);
            }
        }
    }
    if (final && atomic_load(&qxl->updates_owed) != 0) {
        violation(qxl, "an update was never notified");
    }
    if (ret_report != NULL) {
        *ret_report = (FakeQxlReport){
            .pushed = qxl->pushed,
            .taken = atomic_load(&qxl->taken),
            .released = atomic_load(&qxl->released),
            .outstanding = outstanding,
            .cookies = cookies,
            .violations = atomic_load(&qxl->violations),
            .lies = qxl->lies,
            .wakeups = qxl->wakeups,
            .unflushed = atomic_load(&qxl->flushable),
            .client_present = atomic_load(&qxl->client_present),
        };
    }
    return atomic_load(&qxl->violations);
}
