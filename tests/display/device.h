/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* device.h: the least of a QXL device, which writes down how the server treats it.
 *
 * Memory is one memslot of group 1; a command is put somewhere in it and then in a ring. What the server does is logged
 * with the time, for tests that are about one call. (fake-qxl is the device for everything at once.)
 *
 * Thread     guest side: the test. Callbacks: the worker; main, while the device is added or removed.
 */
#pragma once

#include <stdatomic.h>

#include <spice.h>

#include "sim/sim.h"

#define DEVICE_BYTES (8u << 20)
#define DEVICE_GROUP 1u
#define DEVICE_SLOT 1u
#define DEVICE_OFFSET UINT64_C(0x1000) /* guest address of the first byte */
#define DEVICE_LOG_MAX 65536u
#define DEVICE_RING_MAX 256u

/* What the server did with the rings. */
typedef enum DeviceLook {
    LOOK_TAKEN,
    LOOK_EMPTY,
    LOOK_ARMED,
    LOOK_REFUSED,
} DeviceLook;

typedef struct DeviceEvent {
    uint64_t at_ns;
    uint64_t value;
} DeviceEvent;

typedef struct DeviceLog {
    DeviceEvent events[DEVICE_LOG_MAX];
    uint32_t len;
} DeviceLog;

typedef struct DeviceRing {
    QXLCommandExt commands[DEVICE_RING_MAX];
    _Atomic uint32_t first, end; /* host's threads fill a ring while the worker reads it */
    _Atomic bool endless;        /* the first command comes again and again */
    _Atomic bool refuses;        /* never arms */
    _Atomic bool armed;
    DeviceLog looks; /* DeviceLook */
} DeviceRing;

typedef struct Device {
    QXLInstance instance; /* first: callbacks get its address */
    QXLInterface interface;
    QXLDevInitInfo info;
    Sim *sim;
    uint8_t *memory;
    uint64_t next; /* where the next command goes */
    _Atomic bool running;
    uint32_t read_while_stopped;
    DeviceRing commands, cursors;
    DeviceLog releases;         /* offsets; UINT64_MAX: of no memory of ours */
    DeviceLog completions;      /* cookies */
    DeviceLog area_completions; /* surface ids */
    DeviceLog updates;          /* ids */
    DeviceLog caps;             /* present << 8 | first byte of caps */
    DeviceLog levels;
    uint32_t flushes, attached;
} Device;

void device_init(Device *device, Sim *sim, int id);
void device_finish(Device *device);

uint64_t device_address(uint64_t offset);
/* Announces the memory; from a host's thread. */
void device_add_memslot(Device *device);

/* Zeroed memory; the offset is *ret_offset. */
void *device_put(Device *device, size_t bytes, uint64_t *ret_offset);
void device_push(DeviceRing *ring, uint32_t type, uint64_t address);

/* Commands; return the offset at which their release info lies. Wakeups are the test's. */
uint64_t device_cursor_set(Device *device, uint64_t unique, uint16_t width, uint16_t height);
uint64_t device_cursor_move(Device *device, int16_t x, int16_t y);
uint64_t device_cursor_hide(Device *device);
uint64_t device_surface_create(Device *device, uint32_t id, uint32_t width, uint32_t height);
uint64_t device_surface_destroy(Device *device, uint32_t id);
uint64_t device_update(Device *device, uint32_t surface_id, uint32_t update_id);
uint64_t device_draw(Device *device, uint32_t surface_id, int32_t right, int32_t bottom);
uint64_t device_fill(Device *device, uint32_t surface_id, QXLRect box, uint32_t color);
uint64_t device_copy_bits(Device *device, uint32_t surface_id, QXLRect box, int32_t from_x, int32_t from_y);
/* A picture of one colour, whose pixels stay in the device's memory. */
uint64_t device_copy(Device *device, uint32_t surface_id, QXLRect box, uint32_t color);
/* The same of a picture as photographs are: no two pixels next to each other are the same, or far apart. */
uint64_t device_photo(Device *device, uint32_t surface_id, QXLRect box, uint32_t seed);
/* The same of pixels that no codec makes smaller. */
uint64_t device_noise(Device *device, uint32_t surface_id, QXLRect box, uint32_t seed);
/* `lines` lines across the box, each over the one before. */
uint64_t device_stroke(Device *device, uint32_t surface_id, QXLRect box, uint32_t lines);
/* A fill with a clip of `count` rectangles, which begin anew after each line of pixels. */
uint64_t device_clipped(Device *device, uint32_t surface_id, QXLRect box, uint32_t count);
/* The same, whose one rectangle is in a chunk that follows itself. */
uint64_t device_endless_clip(Device *device, uint32_t surface_id, QXLRect box);
/* A shape that does. */
uint64_t device_endless_cursor(Device *device);
/* All of another surface, from its first pixel on. */
uint64_t device_show(Device *device, uint32_t surface_id, QXLRect box, uint32_t source);

/* A primary of 32-bit pixels at the end of the memory. */
QXLDevSurfaceCreate device_primary(uint32_t width, uint32_t height);

bool log_has(const DeviceLog *log, uint64_t value);
uint32_t log_count(const DeviceLog *log, uint64_t value);
