/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* wire_seeds FOLDER: writes FOLDER/wire_msg, wire_msgc and wire_guest, which exist: random messages of every type, as
 * inputs of the targets of those names. The same ones every time. */
#include <stdio.h>
#include <stdlib.h>

#include "tests/wire/families.h"

#define SEEDS_PER_MESSAGE 3u

static const char *const targets[FAMILIES] = {"wire_msg", "wire_msgc", "wire_guest", "wire_guest",
                                              "wire_guest"};

static uint8_t room[1024 * 1024];
static uint8_t bytes[256 * 1024];

static int write_seed(const char *folder, size_t family, const WireMessageInfo *info, unsigned seed)
{
    WireArena arena;
    wire_arena_init(&arena, room, sizeof(room));
    WireRandom r = {seed * 1000003 + info->type, &arena, 0};
    r.context = (uint32_t)wire_random_next(&r) & families[family].contexts;
    Any m;
    WireOut out;
    families[family].random(&r, info, &m);
    const size_t lead = family < 2 ? 3 : 4;
    bytes[0] = family < 2 ? info->channel : (uint8_t)(family - 2);
    bytes[1] = (uint8_t)r.context;
    le16_put(bytes + lead - 2, (uint16_t)info->type);
    wire_out_init(&out, bytes + lead, sizeof(bytes) - lead);
    out.context = r.context;
    families[family].encode(&out, &m);
    char path[1024];
    snprintf(path, sizeof(path), "%s/%s/%s-%u-%u", folder, targets[family], info->name, info->channel, seed);
    FILE *file = fopen(path, "wb");
    if (out.failed || !file || fwrite(bytes, 1, lead + out.len, file) != lead + out.len ||
        fclose(file) != 0) {
        fprintf(stderr, "%s: not written\n", path);
        return 1;
    }
    return 0;
}

int main(int argc, char **argv)
{
    int failures = argc != 2;
    for (size_t family = 0; family < FAMILIES && argc == 2; family++) {
        for (size_t i = 0; i < families[family].count(); i++) {
            for (unsigned seed = 0; seed < SEEDS_PER_MESSAGE; seed++) {
                failures += write_seed(argv[1], family, families[family].at(i), seed);
            }
        }
    }
    return failures > 0 ? 1 : 0;
}
