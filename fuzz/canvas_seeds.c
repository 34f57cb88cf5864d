/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Writes seeds for fuzz-canvas into a folder: random bytes, for bytes are all decisions; one file for each kind. */
#include <stdio.h>

#include "tests/canvas/world.h"

int main(int argc, char **argv)
{
    if (argc != 2) {
        fputs("usage: canvas-seeds FOLDER\n", stderr);
        return 2;
    }
    for (uint32_t seed = 0; seed < 4 * world_op_count; seed++) {
        char path[4096];
        snprintf(path, sizeof(path), "%s/%s-%u", argv[1], world_ops[seed % world_op_count].name,
                 seed / world_op_count);
        FILE *file = fopen(path, "wb");
        if (file == NULL) {
            perror(path);
            return 1;
        }
        Choices choices = choices_of_seed(seed);
        fputc((int)(seed % 16), file);
        fputc(0, file);
        for (uint32_t at = 0; at < 3000; at++) {
            /* The first decision is the kind. */
            fputc(at == 0 ? (int)(seed % world_op_count) : at < 4 ? 0 : (int)choose(&choices, 256), file);
        }
        if (fclose(file) != 0) {
            return 1;
        }
    }
    return 0;
}
