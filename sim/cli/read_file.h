/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* read_file.h: files as ScenarioSource.read wants them: kept until the parser is done.
 */
#pragma once

#include <stdbool.h>

#include "base/span.h"

typedef struct CachedFile CachedFile;

typedef struct FileCache {
    CachedFile *files;
} FileCache;

/* `cache` is a FileCache. False: errno says why. */
bool file_cache_read(void *cache, const char *path, Span *ret_text);
void file_cache_free(FileCache *cache);
