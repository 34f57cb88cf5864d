/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* spice-char.h: byte pipes between the machine and clients: the agent, smartcards, USB devices, ports.
 *
 * All functions and callbacks in M. spice_server_char_device_wakeup() may be called from inside any callback
 * here.
 */
#ifndef SPICE_CHAR_H_
#define SPICE_CHAR_H_

#if !defined(SPICE_H_INSIDE) && !defined(SPICE_SERVER_INTERNAL)
#error "Include <spice.h> instead of this file."
#endif

#include "spice-core.h"

SPICE_BEGIN_DECLS

#define SPICE_INTERFACE_CHAR_DEVICE "char_device"
#define SPICE_INTERFACE_CHAR_DEVICE_MAJOR 1
#define SPICE_INTERFACE_CHAR_DEVICE_MINOR 3
typedef struct SpiceCharDeviceInterface SpiceCharDeviceInterface;
typedef struct SpiceCharDeviceInstance SpiceCharDeviceInstance;
typedef struct SpiceCharDeviceState SpiceCharDeviceState;

typedef enum {
    /* The host calls wakeup when the device can be written again; without it the server tries on a timer. */
    SPICE_CHAR_DEVICE_NOTIFY_WRITABLE = 1 << 0,
} spice_char_device_flags;

struct SpiceCharDeviceInterface {
    SpiceBaseInterface base;

    void (*state)(SpiceCharDeviceInstance *sin, int connected); /* a client is there, is gone. May be NULL */

    /* Bytes taken (into the machine) or given (out of it), 0..len, at once; 0: not now. */
    int (*write)(SpiceCharDeviceInstance *sin, const uint8_t *buf, int len);
    int (*read)(SpiceCharDeviceInstance *sin, uint8_t *buf, int len);

    void (*event)(SpiceCharDeviceInstance *sin, uint8_t event); /* minor >= 2; SPICE_PORT_EVENT_*, or NULL */
    spice_char_device_flags flags;                              /* minor >= 3 */
};

struct SpiceCharDeviceInstance {
    SpiceBaseInstance base;
    const char *subtype; /* "vdagent", "smartcard", "usbredir" or "port" */
    SpiceCharDeviceState *st;
    const char *portname; /* of a port, needed: "org.spice-space.webdav.0", … */
};

/* M. The device has bytes to read, or room to write again. */
void spice_server_char_device_wakeup(SpiceCharDeviceInstance *sin);

/* M. Of a port: SPICE_PORT_EVENT_OPENED, _CLOSED or _BREAK in the machine. */
void spice_server_port_event(SpiceCharDeviceInstance *sin, uint8_t event);

/* Any. Subtypes a host may offer to its users, ended by NULL; constant, never freed. "port" is always
 * known and, as ever, not listed. */
const char **spice_server_char_device_recognized_subtypes(void);

SPICE_END_DECLS

#endif
