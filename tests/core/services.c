/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <string.h>

#include "tests/core/contract.h"

#define YEAR_2019_NS UINT64_C(1546300800000000000)

static void clocks_go_on(Rig *rig)
{
    uint64_t last_ns = rig_now(rig);
    for (int i = 0; i < 3; i++) {
        rig_run_for(rig, NS_PER_MS);
        EXPECT(rig, rig_now(rig) >= last_ns + NS_PER_MS);
        last_ns = rig_now(rig);
    }
    EXPECT(rig, rig->core->wall_ns(rig->core) > YEAR_2019_NS);
}

static void entropy_differs(Rig *rig)
{
    uint8_t bytes[2][300];
    memset(bytes, 0, sizeof bytes);
    rig->core->entropy(rig->core, bytes[0], 299);
    rig->core->entropy(rig->core, bytes[1], 299);
    EXPECT(rig, memcmp(bytes[0], bytes[1], 299) != 0);
    EXPECT(rig, bytes[0][299] == 0 && bytes[1][299] == 0);
    static const uint8_t zeros[16];
    EXPECT(rig, memcmp(bytes[0] + 283, zeros, 16) != 0); /* filled to the end */
    rig->core->entropy(rig->core, bytes[0], 0);
}

static void files_are_read_whole_or_not_at_all(Rig *rig)
{
    const Core *core = rig->core;
    uint8_t *data = NULL;
    size_t len = 77;
    EXPECT(rig, core->file_read(core, "contract.txt", 10, &data, &len) == 0); /* exactly its size */
    EXPECT(rig, len == 10 && data != NULL && memcmp(data, "0123456789", 10) == 0);
    core->free(core, data);
    data = NULL;
    len = 77;
    EXPECT(rig, core->file_read(core, "contract.txt", 9, &data, &len) == -EFBIG);
    EXPECT(rig, core->file_read(core, "contract.none", 10, &data, &len) == -ENOENT);
    EXPECT(rig, data == NULL && len == 77);
    EXPECT(rig, core->file_read(core, "contract.txt", 1 << 20, &data, &len) == 0 && len == 10);
    core->free(core, data);
    data = NULL;
    EXPECT(rig, core->file_read(core, "contract.empty", 0, &data, &len) == 0 && len == 0 && data != NULL);
    core->free(core, data);
}

static bool file_is(Rig *rig, const char *path, const char *wanted)
{
    uint8_t *data = NULL;
    size_t len = 0;
    const bool is = rig->core->file_read(rig->core, path, 1000, &data, &len) == 0 && len == strlen(wanted) &&
                    memcmp(data, wanted, len) == 0;
    rig->core->free(rig->core, data);
    return is;
}

static void files_are_written(Rig *rig)
{
    const Core *core = rig->core;
    const struct iovec parts[] = {{"ab", 2}, {"", 0}, {"cde", 3}};
    CoreFile *file = NULL;

    EXPECT(rig, core->file_create(core, "contract.written", NULL, &file) == 0 && file != NULL);
    EXPECT(rig, file_is(rig, "contract.written", ""));
    EXPECT(rig, core->file_write(core, file, parts, 3) == 0);
    EXPECT(rig, file_is(rig, "contract.written", "abcde"));
    EXPECT(rig, core->file_write(core, file, parts, 0) == 0);
    EXPECT(rig, core->file_write(core, file, parts, 1) == 0);
    core->file_close(core, file);
    EXPECT(rig, file_is(rig, "contract.written", "abcdeab"));
    EXPECT(rig, core->file_create(core, "contract.written", NULL, &file) == 0); /* again from its start */
    EXPECT(rig, core->file_write(core, file, parts + 2, 1) == 0);
    core->file_close(core, file);
    EXPECT(rig, file_is(rig, "contract.written", "cde"));
}

static void environment_is_seen(Rig *rig)
{
    const char *value = rig->core->env(rig->core, "SUMAC_CONTRACT");
    EXPECT(rig, value != NULL && strcmp(value, "yes") == 0);
    EXPECT(rig, rig->core->env(rig->core, "SUMAC_CONTRACT_NOT") == NULL);
    EXPECT(rig, rig->core->env(rig->core, "SUMAC_CONTRAC") == NULL);
}

static void absurd_sizes_are_refused(Rig *rig)
{
    const Core *core = rig->core;
    EXPECT(rig, core->alloc(core, SIZE_MAX) == NULL);
    EXPECT(rig, core->alloc(core, SIZE_MAX / 2 + 1) == NULL);
    EXPECT(rig, core->alloc(core, CORE_ALLOC_BYTES_MAX + 1) == NULL);
    void *nothing = core->alloc(core, 0);
    void *some = core->alloc(core, 100000);
    EXPECT(rig, nothing != NULL && some != NULL && nothing != some);
    memset(some, 1, 100000);
    core->free(core, some);
    core->free(core, nothing);
    core->free(core, NULL);
}

static void notes_may_be_off(Rig *rig)
{
    core_note(rig->core, "contract", 1, 2);
    core_log(rig->core, CORE_LOG_DEBUG, "a line of %d words", 5);
}

const ContractTest service_tests[] = {
    {"clocks go on", clocks_go_on},
    {"entropy differs", entropy_differs},
    {"files are read whole or not at all", files_are_read_whole_or_not_at_all},
    {"files are written", files_are_written},
    {"the environment is seen", environment_is_seen},
    {"absurd sizes are refused", absurd_sizes_are_refused},
    {"notes may be off", notes_may_be_off},
    {0},
};
