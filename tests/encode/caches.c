/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The caches against models that are lists, with random messages, some of which are taken back. */
#include <stdlib.h>
#include <string.h>

#include "core/posix/posix.h"
#include "display/encode/image_cache.h"
#include "display/encode/palette_cache.h"
#include "tests/canvas/choices.h"
#include "tests/encode/encode_tests.h"

#define ROUNDS 20000u
#define LIST_MAX 4096u

/* ---- Images ---- */

typedef struct Entry {
    uint64_t id, form, pixels;
    bool used, fresh;
} Entry;

/* What was used longest ago comes first. */
typedef struct List {
    Entry items[LIST_MAX];
    size_t len;
    Entry victims[LIST_MAX];
    size_t victims_len;
    uint64_t max;
} List;

static uint64_t list_pixels(const List *list)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < list->len; i++) {
        sum += list->items[i].pixels;
    }
    return sum;
}

static Entry list_take(List *list, size_t at)
{
    const Entry entry = list->items[at];
    memmove(&list->items[at], &list->items[at + 1], (list->len - at - 1) * sizeof(Entry));
    list->len--;
    return entry;
}

static void list_evict(List *list, size_t at)
{
    list->victims[list->victims_len++] = list_take(list, at);
}

static ImageCacheAnswer list_find(List *list, uint64_t id, uint64_t form)
{
    for (size_t i = 0; i < list->len; i++) {
        Entry *entry = &list->items[i];
        if (entry->id != id) {
            continue;
        }
        if (entry->fresh || (entry->used && entry->form != form)) {
            return IMAGE_CACHE_COMING;
        }
        if (entry->form != form) {
            list_evict(list, i);
            return IMAGE_CACHE_ABSENT;
        }
        if (!entry->used) {
            entry->used = true;
            const Entry newest = list_take(list, i);
            list->items[list->len++] = newest;
        }
        return IMAGE_CACHE_THERE;
    }
    return IMAGE_CACHE_ABSENT;
}

static bool list_add(List *list, const Entry *entry)
{
    uint64_t pinned = 0;
    for (size_t i = 0; i < list->len; i++) {
        pinned += list->items[i].used ? list->items[i].pixels : 0;
    }
    if (pinned + entry->pixels > list->max) {
        return false;
    }
    while (list_pixels(list) + entry->pixels > list->max) {
        size_t i = 0;
        while (list->items[i].used) {
            i++;
        }
        list_evict(list, i);
    }
    list->items[list->len] = *entry;
    list->items[list->len].used = list->items[list->len].fresh = true;
    list->len++;
    return true;
}

static void list_end(List *list, bool keep)
{
    for (size_t i = 0; i < list->len;) {
        if (!keep && list->items[i].fresh) {
            list_take(list, i);
            continue;
        }
        list->items[i].used = list->items[i].fresh = false;
        i++;
    }
    if (!keep) {
        memmove(&list->items[list->victims_len], list->items, list->len * sizeof(Entry));
        memcpy(list->items, list->victims, list->victims_len * sizeof(Entry));
        list->len += list->victims_len;
    }
    list->victims_len = 0;
}

static void check_victims(const ImageCache *cache, const List *list)
{
    uint64_t ids[LIST_MAX];
    assert_int_equal(cache->victim_count, list->victims_len);
    image_cache_victims(cache, ids);
    for (size_t i = 0; i < list->victims_len; i++) {
        assert_int_equal(ids[i], list->victims[i].id);
    }
}

static void test_images_are_as_in_a_list(void **state)
{
    (void)state;
    static List list;
    for (uint64_t seed = 0; seed < 4; seed++) {
        Choices choices = choices_of_seed(seed);
        const uint32_t ids = seed == 0 ? 8 : seed == 1 ? 200 : 2500;
        const uint64_t max = seed == 3 ? 2000 : 40 * ids;
        ImageCache cache;
        image_cache_init(&cache, core_posix(), max);
        list = (List){.max = max};
        for (uint32_t round = 0; round < ROUNDS / (seed == 2 ? 4 : 1); round++) {
            const uint32_t images = 1 + choose(&choices, 3);
            for (uint32_t i = 0; i < images; i++) {
                Entry entry = {.id = choose(&choices, ids)};
                entry.form = choose_rarely(&choices, 20) ? choose(&choices, 3) : entry.id;
                entry.pixels =
                    choose_rarely(&choices, 50) ? max + choose(&choices, 2) : 1 + choose(&choices, 100);
                const ImageCacheAnswer answer = image_cache_find(&cache, entry.id, entry.form);
                assert_int_equal(answer, list_find(&list, entry.id, entry.form));
                if (answer == IMAGE_CACHE_ABSENT) {
                    assert_int_equal(image_cache_add(&cache, entry.id, entry.form, entry.pixels),
                                     list_add(&list, &entry));
                }
            }
            check_victims(&cache, &list);
            const bool keep = !choose_rarely(&choices, 5);
            if (keep) {
                image_cache_commit(&cache);
            } else {
                image_cache_rollback(&cache);
            }
            list_end(&list, keep);
            assert_int_equal(cache.pixels, list_pixels(&list));
            assert_true(cache.pixels <= max);
            if (choose_rarely(&choices, 2000)) {
                image_cache_evict_all(&cache);
                image_cache_commit(&cache);
                list.len = 0;
                assert_int_equal(cache.pixels, 0);
            }
        }
        image_cache_finish(&cache);
    }
}

/* A guest that invents images of one pixel gets no more memory than for so many. */
static void test_entries_have_a_bound(void **state)
{
    (void)state;
    ImageCache cache;
    uint32_t added = 0;
    image_cache_init(&cache, core_posix(), UINT64_MAX / 2);
    for (uint64_t id = 0; id < 3 * IMAGE_CACHE_ENTRIES_MAX; id++) {
        assert_int_equal(image_cache_find(&cache, id, 0), IMAGE_CACHE_ABSENT);
        added += image_cache_add(&cache, id, 0, 1);
        image_cache_commit(&cache);
        assert_true(cache.pixels <= IMAGE_CACHE_ENTRIES_MAX);
        assert_true(cache.entries_cap <= IMAGE_CACHE_ENTRIES_MAX);
    }
    assert_true(added > 2 * IMAGE_CACHE_ENTRIES_MAX - 100); /* every second one, once it is full */
    image_cache_finish(&cache);
}

/* ---- Palettes ---- */

typedef struct PaletteList {
    struct {
        uint64_t id, contents;
    } items[PALETTE_CACHE_ENTRIES + 1]; /* what was used longest ago comes first */
    size_t len;
} PaletteList;

static void palette_list_newest(PaletteList *list, size_t at)
{
    const __typeof__(list->items[0]) item = list->items[at];
    memmove(&list->items[at], &list->items[at + 1], (list->len - at - 1) * sizeof item);
    list->items[list->len - 1] = item;
}

static PaletteAnswer palette_list_use(PaletteList *list, uint64_t id, uint64_t contents, uint64_t *ret_victim)
{
    *ret_victim = 0;
    for (size_t i = 0; i < list->len; i++) {
        if (list->items[i].id != id) {
            continue;
        }
        if (list->items[i].contents != contents) {
            *ret_victim = id;
            list->items[i].contents = contents;
            palette_list_newest(list, i);
            return PALETTE_KEEP;
        }
        palette_list_newest(list, i);
        return PALETTE_THERE;
    }
    list->items[list->len].id = id;
    list->items[list->len].contents = contents;
    if (++list->len > PALETTE_CACHE_ENTRIES) {
        *ret_victim = list->items[0].id;
        memmove(&list->items[0], &list->items[1], PALETTE_CACHE_ENTRIES * sizeof list->items[0]);
        list->len--;
    }
    return PALETTE_KEEP;
}

static QxlPalette palette_of(uint64_t id, uint32_t contents)
{
    QxlPalette palette = {.unique = id, .count = 16};
    palette.entries[3] = contents;
    return palette;
}

/* One palette to a message: then the order of use is total. */
static void test_palettes_are_as_in_a_list(void **state)
{
    (void)state;
    static PaletteCache cache;
    PaletteList list = {0};
    Choices choices = choices_of_seed(5);
    palette_cache_clear(&cache);
    for (uint32_t round = 0; round < ROUNDS; round++) {
        const uint64_t id = 1 + choose(&choices, 160);
        const uint32_t contents = choose_rarely(&choices, 30) ? 1 : 0;
        const QxlPalette palette = palette_of(id, contents);
        const PaletteCache before = cache;
        if (choose_rarely(&choices, 4)) { /* it was nothing */
            palette_cache_use(&cache, &palette, true);
            palette_cache_rollback(&cache);
            for (uint32_t i = 0; i < PALETTE_CACHE_ENTRIES; i++) {
                assert_int_equal(cache.entries[i].id, before.entries[i].id);
                assert_int_equal(cache.entries[i].contents, before.entries[i].contents);
            }
            cache = before;
        }
        uint64_t victim;
        assert_int_equal(palette_cache_use(&cache, &palette, true),
                         palette_list_use(&list, id, contents, &victim));
        assert_int_equal(cache.victim_count, victim != 0);
        if (victim != 0) {
            assert_int_equal(cache.victims[0], victim);
        }
        palette_cache_commit(&cache);
    }
}

static void test_palette_twice_in_a_message_is_not_looked_up(void **state)
{
    (void)state;
    static PaletteCache cache;
    const QxlPalette palette = palette_of(7, 1), nameless = palette_of(0, 1);
    palette_cache_clear(&cache);
    assert_int_equal(palette_cache_use(&cache, &nameless, true), PALETTE_PLAIN);
    assert_int_equal(palette_cache_use(&cache, &palette, false), PALETTE_PLAIN);
    assert_int_equal(palette_cache_use(&cache, &palette, true), PALETTE_KEEP);
    assert_int_equal(palette_cache_use(&cache, &palette, true), PALETTE_PLAIN);
    palette_cache_commit(&cache);
    assert_int_equal(palette_cache_use(&cache, &palette, true), PALETTE_THERE);
    assert_int_equal(palette_cache_use(&cache, &palette, true), PALETTE_THERE);
}

int run_caches(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_images_are_as_in_a_list),
        cmocka_unit_test(test_entries_have_a_bound),
        cmocka_unit_test(test_palettes_are_as_in_a_list),
        cmocka_unit_test(test_palette_twice_in_a_message_is_not_looked_up),
    };
    return cmocka_run_group_tests_name("caches", tests, NULL, NULL);
}
