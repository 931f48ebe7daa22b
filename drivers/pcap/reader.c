/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One capture file on its way to frames. The format's code sees what is in memory and says when it
 * needs more. Of a plain file that is the next window, which begins before the unfinished record; else
 * that record moves to the start of a fresh block and a chunk is read behind it. Blocks are left to
 * the frames lent from them.
 */
#include "pcap_priv.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

static const uint8_t magics[][4] = {
	{ 0xd4, 0xc3, 0xb2, 0xa1 }, { 0xa1, 0xb2, 0xc3, 0xd4 }, /* microseconds */
	{ 0x4d, 0x3c, 0xb2, 0xa1 }, { 0xa1, 0xb2, 0x3c, 0x4d }, /* nanoseconds */
	{ 0x34, 0xcd, 0xb2, 0xa1 }, { 0xa1, 0xb2, 0xcd, 0x34 }, /* modified */
	{ 0x0a, 0x0d, 0x0d, 0x0a },                             /* pcapng */
};

#define MAGIC_NG 6
static const uint8_t nothing[1]; /* what is in memory before the first block is */

#define RED_ZONE 65536 /* bytes past a file that AddressSanitizer guards */

static size_t magic_of(const uint8_t *p, size_t n)
{
	size_t i = 0;

	while (i < WEIR_ARRAY_SIZE(magics) && (n < 4 || memcmp(p, magics[i], 4) != 0))
		i++;
	return i;
}

bool weir_pcap_is_capture(const uint8_t *p, size_t n)
{
	return magic_of(p, n) < WEIR_ARRAY_SIZE(magics);
}

int weir_pcap_refuse(const char *path, const uint8_t *p, size_t n, struct weir_err *err)
{
	char hex[8 * 3 + 1] = "", text[8 + 1] = "";

	if (n == 0)
		return weir_err_set(err, ENODATA,
				    "%s: the file is empty, not even a capture header is there",
				    path);
	if (n > 8)
		n = 8;
	for (size_t i = 0; i < n; i++) {
		snprintf(hex + i * 3, 4, "%02x ", p[i]);
		text[i] = '.';
		if (p[i] >= ' ' && p[i] <= '~')
			text[i] = (char)p[i];
	}
	return weir_err_set(
		err, EINVAL,
		"%s: not a capture: it begins with %s(%s); pcap, pcapng and gzip of them can be read",
		path, hex, text);
}

/* Offsets in the unpacked file: of the next byte, and of the end of what is in memory. */
static uint64_t position(const struct weir_pcap_reader *r)
{
	return r->block == NULL ? r->base : r->base + (uint64_t)(r->p - r->block->data);
}

static uint64_t seen(const struct weir_pcap_reader *r)
{
	return position(r) + (uint64_t)(r->end - r->p);
}

enum weir_pcap_step weir_pcap_fault(struct weir_pcap_reader *r, const char *fmt, ...)
{
	char what[200];
	va_list ap;

	if (r->fault.code != 0)
		return WEIR_PCAP_FAULT;
	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	weir_err_set(&r->fault, EBADMSG, "%s: damaged at byte %llu%s: %s", r->path,
		     (unsigned long long)position(r),
		     r->in.gz != NULL ? " of the unpacked file" : "", what);
	return WEIR_PCAP_FAULT;
}

/* The first byte that is lost of what was mapped. A page is lost as a whole, a file ends anywhere. */
static uint64_t torn_at(const struct weir_pcap_reader *r)
{
	const uint64_t torn = atomic_load_explicit(&r->torn, memory_order_relaxed);
	uint64_t size;

	if (weir_pcap_input_size(&r->in, &size, NULL) != 0 || size >= seen(r))
		return torn;
	return weir_min_u64(torn, size);
}

bool weir_pcap_is_torn(const struct weir_pcap_reader *r, size_t n)
{
	return r->in.is_mapped && torn_at(r) < position(r) + n;
}

void weir_pcap_torn_fault(struct weir_pcap_reader *r, uint64_t at)
{
	struct weir_pcap_input in = { .path = r->path, .fd = r->in.fd, .off = at };
	uint64_t size = 0;
	uint8_t byte;

	if (weir_pcap_input_size(&in, &size, &r->fault) != 0)
		return;
	/* If it is still as long, it is the disk, which says why. */
	if (size > at && weir_pcap_input_read(&in, &byte, 1, &r->fault) < 0)
		return;
	weir_err_set(&r->fault, EBADMSG, "%s: damaged at byte %llu: the file %s while it was read",
		     r->path, (unsigned long long)at, size > at ? "changed" : "got shorter");
}

enum weir_pcap_step weir_pcap_start(struct weir_pcap_reader *r, struct weir_frame *frames,
				    uint16_t max, uint64_t limit_ns, uint16_t *n)
{
	size_t left = (size_t)(r->end - r->p);
	size_t magic = magic_of(r->p, left);

	if (left < FILE_HEADER_BYTES)
		return WEIR_PCAP_MORE;
	if (magic == WEIR_ARRAY_SIZE(magics)) {
		weir_pcap_refuse(r->path, r->p, left, &r->fault);
		return WEIR_PCAP_FAULT;
	}
	if (magic == MAGIC_NG)
		r->batch = weir_pcap_ng_batch;
	else if (weir_pcap_classic_start(r) == WEIR_PCAP_FAULT)
		return WEIR_PCAP_FAULT;
	return r->batch(r, frames, max, limit_ns, n);
}

int weir_pcap_reader_open(struct weir_pcap_reader *r, bool keep, _Atomic uint64_t *progress,
			  struct weir_err *err)
{
	int rc = weir_pcap_input_open(&r->in, r->path, keep, err);

	if (rc != 0)
		return rc;
	r->in.progress = progress;
	r->in.is_mapped = r->in.is_mapped && r->windows != NULL;
	r->batch = weir_pcap_start;
	r->p = nothing;
	r->end = nothing;
	r->base = 0;
	r->skip = 0;
	r->last_ns = r->shift_ns;
	r->n_ifaces = 0;
	r->left_out = false;
	r->fault = (struct weir_err){ 0 };
	r->is_open = true;
	return 0;
}

static void skip(struct weir_pcap_reader *r)
{
	uint64_t n = weir_min_u64(r->skip, (uint64_t)(r->end - r->p));

	r->p += n;
	r->skip -= n;
}

/* What it means that the file is over. */
static enum weir_pcap_step at_end(struct weir_pcap_reader *r)
{
	size_t left = (size_t)(r->end - r->p);

	if (left == 0 && r->skip == 0 && r->batch != weir_pcap_start)
		return r->fault.code != 0 ? WEIR_PCAP_FAULT : WEIR_PCAP_END;
	if (r->batch != weir_pcap_start || weir_pcap_is_capture(r->p, left))
		return weir_pcap_fault(r, "truncated: the file ends inside a %s",
				       r->batch == weir_pcap_start ? "file header" : "record");
	weir_pcap_refuse(r->path, r->p, left, &r->fault);
	return WEIR_PCAP_FAULT;
}

static void block_change(struct weir_pcap_reader *r, struct weir_pcap_block *b)
{
	if (r->block != NULL)
		weir_pcap_block_leave(r->block, r->lent);
	r->block = b;
	r->lent = 0;
}

/* What is to be left out is passed over before it is mapped: the position moves, r->p does not. */
static void skip_unmapped(struct weir_pcap_reader *r, uint64_t size)
{
	uint64_t n = weir_min_u64(r->skip, size - seen(r));

	r->base += n;
	r->skip -= n;
}

/* The window that the next record begins in. The file may have grown; if it got shorter, that is damage. */
static enum weir_pcap_step fill_window(struct weir_pcap_reader *r)
{
	struct weir_pcap_block *b;
	uint64_t size, at, begin;

	if (weir_pcap_input_size(&r->in, &size, &r->fault) != 0 || size < seen(r))
		return WEIR_PCAP_FAULT;
	skip_unmapped(r, size);
	if (size == seen(r))
		return at_end(r);
	b = weir_pcap_block_take(r->windows);
	if (b == NULL)
		return WEIR_PCAP_WAIT;
	at = position(r);
	begin = at & ~(uint64_t)(WINDOW_ALIGN - 1);
	if (weir_pcap_window_map(b, r, begin) != 0) {
		weir_pcap_block_leave(b, 0);
		weir_pcap_input_pass(&r->in, seen(r));
		r->in.is_mapped = false;
		return WEIR_PCAP_MORE;
	}
	block_change(r, b);
	r->base = begin;
	r->p = b->data + (at - begin);
	r->end = b->data + weir_min_u64(WINDOW_BYTES, size - begin);
	r->fetched = r->p;
	b->used = weir_min_u64(WINDOW_BYTES, (size_t)(r->end - b->data) + RED_ZONE);
	ASAN_POISON_MEMORY_REGION(r->end, (size_t)(b->data + b->used - r->end));
	return WEIR_PCAP_MORE;
}

/* A fresh block with what is left of this one and a chunk of the file behind it. */
static enum weir_pcap_step fill_block(struct weir_pcap_reader *r)
{
	struct weir_pcap_block *b = weir_pcap_block_take(r->pool);
	size_t left = (size_t)(r->end - r->p);
	ssize_t got;

	assert(left <= RECORD_MAX);
	if (b == NULL)
		return WEIR_PCAP_WAIT;
	memcpy(b->data, r->p, left);
	r->base = position(r);
	block_change(r, b);
	got = weir_pcap_input_read(&r->in, b->data + left, r->chunk, &r->fault);
	r->p = b->data;
	r->end = b->data + left + (got > 0 ? got : 0);
	r->fetched = (const uint8_t *)UINTPTR_MAX; /* was just written */
	b->used = r->chunk + RECORD_MAX;
	ASAN_POISON_MEMORY_REGION(r->end, (size_t)(b->data + b->used - r->end));
	if (got < 0)
		return WEIR_PCAP_FAULT;
	if (got == 0)
		return at_end(r);
	skip(r);
	return WEIR_PCAP_MORE;
}

static enum weir_pcap_step fill(struct weir_pcap_reader *r)
{
	return r->in.is_mapped ? fill_window(r) : fill_block(r);
}

/* Frames of r->block that were not yet handed out, and reach past what is lost: zeros are in them. */
static void take_back(struct weir_pcap_reader *r, const struct weir_frame *frames, uint16_t *n,
		      uint64_t torn)
{
	while (*n > 0 && frames[*n - 1].opaque == r->block &&
	       r->base + (uint64_t)(frames[*n - 1].data - r->block->data) + frames[*n - 1].caplen >
		       torn) {
		(*n)--;
		r->lent--;
	}
}

/* A step with mapped memory is over: was it what the file holds? */
static enum weir_pcap_step check_torn(struct weir_pcap_reader *r, const struct weir_frame *frames,
				      uint16_t *n, enum weir_pcap_step step)
{
	uint64_t torn = atomic_load_explicit(&r->torn, memory_order_relaxed);

	if (weir_likely(step != WEIR_PCAP_FAULT && torn >= position(r)))
		return step;
	torn = torn_at(r);
	if (torn < position(r) + RECORD_MAX) {
		take_back(r, frames, n, torn);
		weir_pcap_torn_fault(r, torn);
	} else if (r->fault.code == 0) { /* whole again by now */
		weir_pcap_fault(r, "the file changed while it was read");
	}
	return WEIR_PCAP_FAULT;
}

enum weir_pcap_step weir_pcap_reader_batch(struct weir_pcap_reader *r, struct weir_frame *frames,
					   uint16_t max, uint64_t limit_ns, uint16_t *n)
{
	enum weir_pcap_step step = r->block == NULL ? fill(r) : WEIR_PCAP_MORE;

	while (step == WEIR_PCAP_MORE) {
		step = r->batch(r, frames, max, limit_ns, n);
		if (step == WEIR_PCAP_MORE)
			step = fill(r);
	}
	if (r->in.is_mapped) {
		weir_pcap_input_pass(&r->in, position(r));
		step = check_torn(r, frames, n, step);
	}
	return step;
}

void weir_pcap_reader_close(struct weir_pcap_reader *r)
{
	if (r->block != NULL)
		weir_pcap_block_leave(r->block, r->lent);
	r->block = NULL;
	r->lent = 0;
	if (r->is_open)
		weir_pcap_input_close(&r->in);
	r->is_open = false;
}
