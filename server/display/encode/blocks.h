/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* blocks.h: where coded images and copied pixels lie until they are sent.
 *
 * A BlockPool hands out blocks of one size; a chain of them holds one image. Chains go to the stream, and come back when
 * they were sent, which may be after the pool's maker has let go of it: the last block frees the pool then.
 *
 * Ownership  the taker of a block gives it back once. block_pool_free() only says that no more will be taken.
 * Thread     one at a time.
 * Units      bytes.
 */
#pragma once

#include "base/span.h"
#include "core/core.h"

#define BLOCK_BYTES 32768u /* a coded picture of 100 x 100 pixels fits, with what stands around it */
#define BLOCKS_KEPT 4u     /* free ones: 128 KiB for each client */

typedef struct BlockPool BlockPool;
typedef struct Block Block;

/* Bytes in blocks: all but the last are full. */
typedef struct BlockChain {
    BlockPool *pool;
    Block *first, *last;
    uint32_t count;
    size_t last_bytes;
} BlockChain;

BlockPool *block_pool_new(const Core *core); /* NULL: no memory */
void block_pool_free(BlockPool *pool);       /* NULL is allowed */

BlockChain block_chain_of(BlockPool *pool);
/* All blocks that may be there go back to the pool. */
void block_chain_drop(BlockChain *chain);
/* As a release function: `first` is the first block of a chain. */
void block_chain_release(void *first);
/* One more block, empty, for its owner to fill; the ones before are full. NULL: no memory. */
uint8_t *block_chain_grow(BlockChain *chain);
bool block_chain_write(BlockChain *chain, const void *bytes, size_t len);
size_t block_chain_total(const BlockChain *chain);
/* Fills in chain->count spans. */
void block_chain_spans(const BlockChain *chain, Span *ret_spans);
