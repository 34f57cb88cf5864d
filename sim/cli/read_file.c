/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sim/cli/read_file.h"

#include <stdio.h>
#include <stdlib.h>

#include "sim/scenario/ast.h"

struct CachedFile {
    CachedFile *next;
    size_t len;
    uint8_t text[SCENARIO_FILE_BYTES_MAX + 1]; /* one more, so that the parser sees that it is too long */
};

bool file_cache_read(void *opaque, const char *path, Span *ret_text)
{
    FileCache *cache = opaque;
    FILE *in = fopen(path, "rb");
    if (in == NULL) {
        return false;
    }
    CachedFile *file = malloc(sizeof *file);
    if (file == NULL) {
        fclose(in);
        return false;
    }
    file->len = fread(file->text, 1, sizeof file->text, in);
    const bool good = ferror(in) == 0;
    fclose(in);
    file->next = cache->files;
    cache->files = file;
    *ret_text = span_of(file->text, file->len);
    return good;
}

void file_cache_free(FileCache *cache)
{
    while (cache->files != NULL) {
        CachedFile *file = cache->files;
        cache->files = file->next;
        free(file);
    }
}
