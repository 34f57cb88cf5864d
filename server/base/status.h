/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* status.h: what a failed call means, and so whose fault it is (DESIGN section 6).
 *
 * A function that can fail returns a Status; results come through `ret_` parameters that are written only on
 * success. A Status is logged once, by whoever decides what to do about it.
 */
#pragma once

typedef enum Status {
    STATUS_OK = 0,
    STATUS_PEER_FAULT,   /* the client broke the protocol: close that client's connection, no other */
    STATUS_DEVICE_FAULT, /* the guest wrote nonsense: drop that command, keep everything else */
    STATUS_LIMIT,        /* well formed, but past a named limit: refuse, or apply backpressure */
    STATUS_IO,           /* the operating system or a library failed */
    STATUS_CLOSED,       /* the other end is gone, in the ordinary way */
    STATUS_AGAIN,        /* not now: more bytes, or another wakeup, are needed */
    STATUS_MISUSE,       /* the host called us wrongly: log, return the documented error */
} Status;

#define STATUS_MUST_CHECK __attribute__((warn_unused_result))

/* A constant lower-case name, for logs. */
const char *status_name(Status status);
