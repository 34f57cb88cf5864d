/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* sumac.h: what this library offers beyond the common interface of spice.h.
 *
 * A host that uses it needs this library: the functions carry the version node SUMAC_0.1. A host that runs
 * with either asks for them at compile time with __has_include(<sumac.h>), and at run time with dlsym().
 */
#ifndef SUMAC_H_
#define SUMAC_H_

#include "spice.h"

SPICE_BEGIN_DECLS

/* M, before or after init. Non-zero `enable`: several clients may be connected at once, each with its
 * own channels, and seamless migration is off. 0: a new client replaces the one that is there; those
 * connected already stay. Unless called, the environment variable SPICE_DEBUG_ALLOW_MC decides: allowed if it
 * exists. Returns 0; -1: `s` is NULL. */
int spice_server_set_multiple_clients(SpiceServer *s, int enable);

SPICE_END_DECLS

#endif
