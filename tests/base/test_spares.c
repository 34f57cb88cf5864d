/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/spares.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HAS_ASAN
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define HAS_ASAN
#endif
#ifdef HAS_ASAN
#include <sanitizer/asan_interface.h>
#endif

#define BYTES 300u

static void as_many_as_fit(void **state)
{
    uint8_t *blocks[SPARES_MAX + 1];
    Spares spares;

    (void)state;
    spares_init(&spares, BYTES);
    assert_null(spares_take(&spares));
    for (uint32_t i = 0; i <= SPARES_MAX; i++) {
        blocks[i] = malloc(BYTES);
        assert_int_equal(spares_keep(&spares, blocks[i]), i < SPARES_MAX);
    }
    /* Whatever the order, each comes once, and all of it can be written. */
    for (uint32_t i = 0; i < 3 * SPARES_MAX; i++) {
        uint8_t *block = spares_take(&spares);
        assert_non_null(block);
        assert_ptr_not_equal(block, blocks[SPARES_MAX]);
        memset(block, 7, BYTES);
        assert_true(spares_keep(&spares, block));
    }
    uint32_t count = 0;
    for (uint8_t *block; (block = spares_take(&spares)) != NULL; count++) {
        bool known = false;
        for (uint32_t i = 0; i < SPARES_MAX; i++) {
            known = known || blocks[i] == block;
            blocks[i] = blocks[i] == block ? NULL : blocks[i];
        }
        assert_true(known);
        free(block);
    }
    assert_int_equal(count, SPARES_MAX);
    free(blocks[SPARES_MAX]);
}

/* As strict builds promise; in others nothing is to be seen. */
static void kept_is_freed(void **state)
{
    uint8_t *block = malloc(BYTES);
    Spares spares;

    (void)state;
    spares_init(&spares, BYTES);
    memset(block, 7, BYTES);
    assert_true(spares_keep(&spares, block));
#ifdef HAS_ASAN
    assert_true(__asan_address_is_poisoned(block) && __asan_address_is_poisoned(block + BYTES - 1));
#endif
    assert_ptr_equal(spares_take(&spares), block);
#ifdef HAS_ASAN
    assert_null(__asan_region_is_poisoned(block, BYTES));
#endif
#if defined(SUMAC_STRICT) && defined(HAS_ASAN)
    for (uint32_t i = 0; i < BYTES; i++) {
        assert_int_not_equal(block[i], 7);
    }
#endif
    free(block);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_many_as_fit),
        cmocka_unit_test(kept_is_freed),
    };

    return cmocka_run_group_tests_name("spares", tests, NULL, NULL);
}
