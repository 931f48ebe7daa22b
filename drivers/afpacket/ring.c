/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A TPACKET_V3 ring: blocks of packets that the kernel fills one after the other, and that are lent out as
 * frames where they lie. Linux, Documentation/networking/packet_mmap.rst.
 *
 * The kernel hands a block over when it is full or RETIRE_MS after its first packet, by its status; it takes
 * the next one only when that was given back. Frames of a block may come back in any order, from any
 * thread, so `out` counts them: 0 = the block is the kernel's, else 1 + frames that are out, and HELD more
 * while the rx thread still lends from it, so that lending costs no atomic. Who brings it to 1 gives the
 * status back, and only then makes it 0: the rx thread, once round the ring, cannot take the old status for
 * a new one, and nobody looks at a ring, or at the block here, after that 0.
 */
#include "afpacket_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

#define AHEAD       4 /* packets; what the kernel wrote lies in another CPU's cache */
#define HELD        (UINT32_C(1) << 31)
#define HEADER_ROOM 256 /* more than all that lies before a packet in its block */

int weir_afpacket_ring_plan(struct weir_afpacket_ring *r, const struct weir_afpacket_options *o,
			    struct weir_err *err)
{
	uint32_t block = BLOCK_BYTES;
	uint64_t n;

	while (block < o->snaplen + HEADER_ROOM)
		block *= 2;
	n = o->memory_bytes / o->queues / block;
	if (n < BLOCKS_MIN || n > INT32_MAX)
		return weir_err_set(
			err, EINVAL,
			"interface %s: memory of %lu KiB for rings: %u queues and a snap "
			"length of %u bytes need at least %lu KiB",
			o->interface, o->memory_bytes >> 10, o->queues, o->snaplen,
			(uint64_t)o->queues * BLOCKS_MIN * (block >> 10));
	r->block_bytes = block;
	r->n_blocks = (uint32_t)n;
	r->snaplen = o->snaplen;
	return 0;
}

int weir_afpacket_ring_init(struct weir_afpacket_ring *r, int fd)
{
	const size_t bytes = (size_t)r->n_blocks * r->block_bytes;
	void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (memory == MAP_FAILED)
		return -errno;
	r->memory = memory;
	r->blocks = aligned_alloc(WEIR_CACHE_LINE, r->n_blocks * sizeof(*r->blocks));
	if (r->blocks == NULL) {
		weir_afpacket_ring_fini(r);
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < r->n_blocks; i++)
		r->blocks[i] = (struct weir_afpacket_block){
			.bytes = r->block_bytes,
			.desc = (void *)(r->memory + (size_t)i * r->block_bytes),
		};
	r->at = NULL;
	r->left = r->lent = r->next = 0;
	return 0;
}

void weir_afpacket_ring_fini(struct weir_afpacket_ring *r)
{
	const size_t bytes = (size_t)r->n_blocks * r->block_bytes;

	if (r->memory != NULL) {
		ASAN_UNPOISON_MEMORY_REGION(r->memory, bytes);
		munmap(r->memory, bytes);
	}
	free(r->blocks);
	r->memory = NULL;
	r->blocks = NULL;
}

static void block_give(struct weir_afpacket_block *b)
{
	ASAN_POISON_MEMORY_REGION(b->desc + 1, b->bytes - sizeof(*b->desc));
	__atomic_store_n(&b->desc->hdr.bh1.block_status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
	/* Release: pairs with block_take() and weir_afpacket_ring_is_back(). */
	atomic_store_explicit(&b->out, 0, memory_order_release);
}

/* `n` frames of it came back; or, by the rx thread, what it held too high. */
static void block_put(struct weir_afpacket_block *b, uint32_t n)
{
	if (atomic_fetch_sub_explicit(&b->out, n, memory_order_acq_rel) == n + 1)
		block_give(b);
}

/* The next block, when the kernel is done with it. */
static bool block_take(struct weir_afpacket_ring *r)
{
	struct weir_afpacket_block *b = &r->blocks[r->next];
	const struct tpacket_hdr_v1 *h = &b->desc->hdr.bh1;

	if ((__atomic_load_n(&h->block_status, __ATOMIC_ACQUIRE) & TP_STATUS_USER) == 0 ||
	    atomic_load_explicit(&b->out, memory_order_acquire) != 0)
		return false;
	ASAN_UNPOISON_MEMORY_REGION(b->desc, b->bytes);
	r->next = r->next + 1 < r->n_blocks ? r->next + 1 : 0;
	if (h->num_pkts == 0) {
		block_give(b);
		return false;
	}
	atomic_store_explicit(&b->out, HELD, memory_order_relaxed);
	r->at = b;
	r->p = (const uint8_t *)b->desc + h->offset_to_first_pkt;
	r->left = h->num_pkts;
	r->lent = 0;
	return true;
}

/* The kernel takes a tag out of the bytes; `wirelen` has it. */
static inline void to_frame(const struct weir_afpacket_ring *r, const struct tpacket3_hdr *h,
			    struct weir_frame *f)
{
	const bool tagged = (h->tp_status & TP_STATUS_VLAN_VALID) != 0;

	f->data = (const uint8_t *)h + h->tp_mac;
	weir_prefetch(f->data);
	weir_prefetch(f->data + WEIR_CACHE_LINE);
	f->ts_ns = h->tp_sec * WEIR_NS_PER_S + h->tp_nsec;
	f->caplen = (uint32_t)weir_min_u64(h->tp_snaplen, r->snaplen);
	f->wirelen = h->tp_len + (tagged ? 4 : 0);
	f->vlan_tci = (uint16_t)h->hv1.tp_vlan_tci;
	f->link = r->link;
	f->flags = tagged ? WEIR_FRAME_VLAN : 0;
	f->opaque = r->at;
}

static uint16_t lend(struct weir_afpacket_ring *r, struct weir_frame *frames, uint16_t max)
{
	const uint16_t n = r->left < max ? (uint16_t)r->left : max;

	for (uint16_t i = 0; i < n; i++) {
		const struct tpacket3_hdr *h = (const void *)r->p;

		to_frame(r, h, &frames[i]);
		/* Where the header after some more will be, if they are as long as this one. */
		weir_prefetch(r->p + (size_t)AHEAD * h->tp_next_offset);
		r->p += h->tp_next_offset;
	}
	r->left -= n;
	r->lent += n;
	if (r->left == 0) {
		block_put(r->at, HELD - 1 - r->lent);
		r->at = NULL;
	}
	return n;
}

uint16_t weir_afpacket_ring_take(struct weir_afpacket_ring *r, struct weir_frame *frames,
				 uint16_t max)
{
	uint16_t n = 0;

	while (n < max && (r->left > 0 || block_take(r)))
		n += lend(r, frames + n, max - n);
	return n;
}

void weir_afpacket_ring_give(const struct weir_frame *frames, uint16_t n)
{
	uint16_t start = 0;

	for (uint16_t i = 1; i <= n; i++)
		if (i == n || frames[i].opaque != frames[start].opaque) {
			block_put(frames[start].opaque, i - start);
			start = i;
		}
}

bool weir_afpacket_ring_is_back(const struct weir_afpacket_ring *r)
{
	for (uint32_t i = 0; i < r->n_blocks; i++)
		/* Acquire: pairs with block_give(). */
		if (atomic_load_explicit(&r->blocks[i].out, memory_order_acquire) != 0)
			return false;
	return true;
}
