/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* pictures.h: does a client show what the guest has drawn?
 *
 * The guest's side is what lies in its memory, so it must have asked the server for all of it (update_area), and nothing
 * may be under way. Surfaces of every format are compared pixel by pixel, in all bits that mean something: not in the fourth byte
 * of xRGB, nor in the highest bit of 555.
 *
 * Ownership  borrows both.
 * Thread     outside simulated threads, or in one with the host's lock.
 */
#pragma once

#include "fake-client/fake_client.h"
#include "fake_qxl.h"

/* A row's, of pixels only, as they lie in memory; the last byte may be full in part. */
size_t picture_row_bytes(uint32_t width, uint32_t format);
/* True, and where, if the client's surface is not this. */
bool picture_differs(const FakeQxlPicture *guest, FakeConnection *display, uint32_t surface, char *ret_where,
                     size_t size);
/* True, and where, if the two differ. */
bool pictures_differ(FakeQxl *qxl, FakeConnection *display, char *ret_where, size_t size);
