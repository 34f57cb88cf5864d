/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sim/cli/files.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "api/server.h"
#include "base/check.h"
#include "sim/scenario/parse.h"
#include "sim/scenario/run.h"
#include "sim/workload/ticket_key.h"

#define ENDING ".scn"

static const StageServer server = {
    .server_new = server_new,
    .crypto_new = crypto_new,
    .crypto_context = crypto_context,
    .crypto_free = crypto_free,
    .ticket_key = {universe_ticket_key, UNIVERSE_TICKET_KEY_BYTES},
};

/* The text of a file, one byte longer than a scenario may be, so that the parser sees that it is too long. */
static bool read_text(void *opaque, const char *path, Span *ret_text)
{
    (void)opaque;
    FILE *from = fopen(path, "rb");
    if (from == NULL) {
        return false;
    }
    uint8_t *text = malloc(SCENARIO_FILE_BYTES_MAX + 1);
    CHECK(text != NULL);
    *ret_text = span_of(text, fread(text, 1, SCENARIO_FILE_BYTES_MAX + 1, from));
    const bool good = ferror(from) == 0;
    fclose(from);
    return good;
}

/* "scenarios/two-clients.scn": two-clients. */
static char *name_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *name = strdup(slash == NULL ? path : slash + 1);
    CHECK(name != NULL);
    const size_t len = strlen(name);
    if (len > strlen(ENDING) && strcmp(name + len - strlen(ENDING), ENDING) == 0) {
        name[len - strlen(ENDING)] = '\0';
    }
    for (char *at = name; *at != '\0'; at++) {
        *at = *at <= ' ' || *at == ':' ? '_' : *at;
    }
    return name;
}

static bool load_file(Cli *cli, const char *path)
{
    Span text;
    ScenarioError error;
    char line[1000];
    if (cli->all_len == CLI_SUBJECTS_MAX - 1 || !read_text(NULL, path, &text)) {
        perror(path);
        return false;
    }
    const Scenario *scenario =
        scenario_parse(&(ScenarioSource){.path = path, .text = text, .read = read_text}, &error);
    if (scenario == NULL) {
        fprintf(stderr, "%s\n", scenario_error_text(&error, line, sizeof line));
        return false;
    }
    ScenarioSubject *subject = calloc(1, sizeof *subject);
    CHECK(subject != NULL);
    scenario_subject_init(subject, name_of(path), scenario, &server);
    cli->all[cli->all_len++] = &subject->subject;
    cli->chosen[cli->chosen_len++] = &subject->subject;
    return true;
}

static int is_scenario(const struct dirent *entry)
{
    const char *dot = strrchr(entry->d_name, '.');
    return dot != NULL && strcmp(dot, ENDING) == 0 && entry->d_name[0] != '_'; /* those are for inclusion */
}

bool cli_is_file(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0;
}

bool cli_load(Cli *cli, const char *path)
{
    struct dirent **entries;
    const int len = scandir(path, &entries, is_scenario, alphasort);
    bool good = true;
    if (len < 0) {
        return load_file(cli, path);
    }
    for (int i = 0; i < len; i++) {
        char inner[4096];
        snprintf(inner, sizeof inner, "%s/%s", path, entries[i]->d_name);
        good = load_file(cli, inner) && good;
        free(entries[i]);
    }
    free(entries);
    return good;
}
