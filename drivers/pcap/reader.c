/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One capture file on its way to frames. The format's code sees what is in memory and says when it
 * needs more; then the unfinished record moves to the start of a fresh block and a chunk is read
 * behind it. Blocks are left to the frames lent from them.
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

enum weir_pcap_step weir_pcap_fault(struct weir_pcap_reader *r, const char *fmt, ...)
{
	uint64_t at = r->base + (uint64_t)(r->p - r->block->data);
	char what[200];
	va_list ap;

	if (r->fault.code != 0)
		return WEIR_PCAP_FAULT;
	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	weir_err_set(&r->fault, EBADMSG, "%s: damaged at byte %llu%s: %s", r->path,
		     (unsigned long long)at, r->in.gz != NULL ? " of the unpacked file" : "", what);
	return WEIR_PCAP_FAULT;
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
	r->batch = weir_pcap_start;
	r->p = NULL;
	r->end = NULL;
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

/* A fresh block with what is left of this one and a chunk of the file behind it. */
static enum weir_pcap_step fill(struct weir_pcap_reader *r)
{
	struct weir_pcap_block *b = weir_pcap_block_take(r->pool);
	size_t left = (size_t)(r->end - r->p);
	ssize_t got;

	assert(left <= RECORD_MAX);
	if (b == NULL)
		return WEIR_PCAP_WAIT;
	if (r->block != NULL && r->p != NULL) {
		memcpy(b->data, r->p, left);
		r->base += (uint64_t)(r->p - r->block->data);
		weir_pcap_block_leave(r->block, r->lent);
	}
	r->block = b;
	r->lent = 0;
	got = weir_pcap_input_read(&r->in, b->data + left, r->pool->chunk, &r->fault);
	r->p = b->data;
	r->end = b->data + left + (got > 0 ? got : 0);
	ASAN_POISON_MEMORY_REGION(r->end, (size_t)(b->data + r->pool->stride - r->end));
	if (got < 0)
		return WEIR_PCAP_FAULT;
	if (got == 0)
		return at_end(r);
	skip(r);
	return WEIR_PCAP_MORE;
}

enum weir_pcap_step weir_pcap_reader_batch(struct weir_pcap_reader *r, struct weir_frame *frames,
					   uint16_t max, uint64_t limit_ns, uint16_t *n)
{
	enum weir_pcap_step step = r->p == NULL ? fill(r) : WEIR_PCAP_MORE;

	while (step == WEIR_PCAP_MORE) {
		step = r->batch(r, frames, max, limit_ns, n);
		if (step == WEIR_PCAP_MORE)
			step = fill(r);
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
