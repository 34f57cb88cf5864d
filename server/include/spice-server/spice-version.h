/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* spice-version.h: which release of the interface these headers describe.
 *
 * One byte each for major, minor and micro: 0x001000 is 0.16.0, the release that brought
 * spice_qxl_gl_scanout2(). Hosts test it at compile time to learn which functions and names exist. It says
 * nothing about the implementation.
 */
#ifndef SPICE_VERSION_H_
#define SPICE_VERSION_H_

#if !defined(SPICE_H_INSIDE) && !defined(SPICE_SERVER_INTERNAL)
#error "Include <spice.h> instead of this file."
#endif

#define SPICE_SERVER_VERSION 0x001000

#endif
