/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* standalone.c: runs a target over files and folders of files, so that corpora are tests with every compiler.
 *
 *   fuzz-NAME [-atleast=N] PATH...     exit 1 if fewer than N inputs (default 1) were found or one was unreadable
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz/fuzz.h"

static unsigned long inputs;
static int failures;

static void run_file(FILE *file, const char *path)
{
    size_t size = 0;
    size_t cap = 4096;
    uint8_t *data = malloc(cap);
    while (data) {
        size += fread(data + size, 1, cap - size, file);
        if (size < cap) {
            break;
        }
        cap *= 2;
        uint8_t *larger = realloc(data, cap);
        if (!larger) {
            free(data);
        }
        data = larger;
    }
    uint8_t *exact = data ? realloc(data, size ? size : 1) : NULL; /* so that sanitizers see its end */
    if (!exact || ferror(file)) {
        fprintf(stderr, "%s: cannot be read\n", path);
        failures++;
        free(exact);
        return;
    }
    LLVMFuzzerTestOneInput(exact, size);
    inputs++;
    free(exact);
}

static void run_path(const char *path)
{
    DIR *folder = opendir(path);
    if (!folder) {
        FILE *file = fopen(path, "rb");
        if (!file) {
            perror(path);
            failures++;
            return;
        }
        run_file(file, path);
        fclose(file);
        return;
    }
    for (struct dirent *entry = readdir(folder); entry; entry = readdir(folder)) {
        if (entry->d_name[0] != '.') {
            char inner[4096];
            snprintf(inner, sizeof(inner), "%s/%s", path, entry->d_name);
            run_path(inner);
        }
    }
    closedir(folder);
}

int main(int argc, char **argv)
{
    unsigned long least = 1;
    for (int i = 1; i < argc; i++) {
        if (strncmp(argv[i], "-atleast=", 9) == 0) {
            least = strtoul(argv[i] + 9, NULL, 10);
        } else {
            run_path(argv[i]);
        }
    }
    printf("%lu inputs\n", inputs);
    return failures > 0 || inputs < least ? 1 : 0;
}
