/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* library.c: nothing; the shared library is made of the folders' static ones, and CMake wants a source. */
