/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* page.h: page.html as bytes, a NUL at the end; CMake makes page_data.c of it. */
#pragma once

extern const unsigned char sim_page[];
