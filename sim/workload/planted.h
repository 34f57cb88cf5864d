/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* planted.h: small subjects with a bug on purpose: what does not find them, or does not make them small, is broken.
 */
#pragma once

#include "sim/explore/subject.h"

extern const SimSubject planted_order_subject;  /* depth 1: who ends before the other begins */
extern const SimSubject planted_window_subject; /* depth 2: three steps of the other inside a window of one */
extern const SimSubject planted_update_subject; /* two threads, one count, no lock: a lost update */
extern const SimSubject planted_access_subject; /* the same without a call between load and store: level L2 */
extern const SimSubject planted_starved_subject;  /* needs time to go on while somebody could run */
extern const SimSubject planted_fault_subject;    /* needs two faults of many, and one client of four */
extern const SimSubject planted_crash_subject;    /* memory used after it was freed */
extern const SimSubject planted_deadlock_subject; /* two threads that wait for each other */
