/* SPDX-License-Identifier: LGPL-2.1-or-later */
#define _GNU_SOURCE /* strerrordesc_np() */
#include "net/error_text.h"

#include <string.h>

const char *error_text(int error)
{
    const char *text = strerrordesc_np(-error);

    return text != NULL ? text : "unknown error";
}
