/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "display/encode/blocks.h"

#include "base/check.h"

struct Block {
    BlockPool *pool;
    Block *next;
    uint8_t bytes[BLOCK_BYTES];
};

struct BlockPool {
    const Core *core;
    Block *free;
    uint32_t free_count;
    uint32_t taken;
    bool is_over;
};

BlockPool *block_pool_new(const Core *core)
{
    BlockPool *pool = core->alloc(core, sizeof *pool);

    if (pool != NULL) {
        *pool = (BlockPool){.core = core};
    }
    return pool;
}

static void pool_end(BlockPool *pool)
{
    while (pool->free != NULL) {
        Block *block = pool->free;
        pool->free = block->next;
        pool->core->free(pool->core, block);
    }
    pool->free_count = 0;
    if (pool->taken == 0) {
        pool->core->free(pool->core, pool);
    }
}

void block_pool_free(BlockPool *pool)
{
    if (pool != NULL) {
        pool->is_over = true;
        pool_end(pool);
    }
}

static Block *block_take(BlockPool *pool)
{
    Block *block = pool->free;

    if (block != NULL) {
        pool->free = block->next;
        pool->free_count--;
    } else {
        block = pool->core->alloc(pool->core, sizeof *block);
        if (block == NULL) {
            return NULL;
        }
        block->pool = pool;
    }
    block->next = NULL;
    pool->taken++;
    return block;
}

void block_chain_release(void *first)
{
    Block *block = first;
    BlockPool *pool = block->pool;

    while (block != NULL) {
        Block *next = block->next;
        CHECK(pool->taken > 0);
        pool->taken--;
        if (pool->free_count < BLOCKS_KEPT) {
            block->next = pool->free;
            pool->free = block;
            pool->free_count++;
        } else {
            pool->core->free(pool->core, block);
        }
        block = next;
    }
    if (pool->is_over) {
        pool_end(pool);
    }
}

BlockChain block_chain_of(BlockPool *pool)
{
    return (BlockChain){.pool = pool};
}

void block_chain_drop(BlockChain *chain)
{
    if (chain->first != NULL) {
        block_chain_release(chain->first);
    }
    *chain = block_chain_of(chain->pool);
}

uint8_t *block_chain_grow(BlockChain *chain)
{
    Block *block = block_take(chain->pool);

    if (block == NULL) {
        return NULL;
    }
    if (chain->last == NULL) {
        chain->first = block;
    } else {
        chain->last->next = block;
    }
    chain->last = block;
    chain->last_bytes = 0;
    chain->count++;
    return block->bytes;
}

bool block_chain_write(BlockChain *chain, const void *bytes, size_t len)
{
    const uint8_t *from = bytes;

    while (len > 0) {
        if ((chain->last == NULL || chain->last_bytes == BLOCK_BYTES) && block_chain_grow(chain) == NULL) {
            return false;
        }
        const size_t room = BLOCK_BYTES - chain->last_bytes;
        const size_t part = len < room ? len : room;
        memcpy(chain->last->bytes + chain->last_bytes, from, part);
        chain->last_bytes += part;
        from += part;
        len -= part;
    }
    return true;
}

size_t block_chain_total(const BlockChain *chain)
{
    return chain->count == 0 ? 0 : (size_t)(chain->count - 1) * BLOCK_BYTES + chain->last_bytes;
}

void block_chain_spans(const BlockChain *chain, Span *ret_spans)
{
    uint32_t i = 0;
    for (const Block *block = chain->first; block != NULL; block = block->next) {
        ret_spans[i++] = span_of(block->bytes, block == chain->last ? chain->last_bytes : BLOCK_BYTES);
    }
}
