/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* point.h: the schedule point that lies below core.
 *
 * Reference counts are touched from several threads without a core call; the simulator must be able to switch
 * threads there (DESIGN section 8, level L1). base_point() does nothing; a program that simulates defines a
 * strong symbol of the same name, which the linker takes instead. It holds no state of its own.
 */
#pragma once

void base_point(void);
