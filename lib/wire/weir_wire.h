/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A bounds-checked reader of captured bytes. Every read of a packet goes through it: what is not
 * there cannot be taken. All calls are inline, branch once, and never touch bytes past `end`.
 */
#ifndef WEIR_WIRE_H
#define WEIR_WIRE_H

#include <weir_base.h>

struct weir_rd {
	const uint8_t *p;   /* next byte */
	const uint8_t *end; /* one past the last */
};

static inline size_t weir_rd_left(const struct weir_rd *rd)
{
	return (size_t)(rd->end - rd->p);
}

/* Take the next `n` bytes; NULL, and nothing taken, when fewer are left. */
static inline const void *weir_rd_take(struct weir_rd *rd, size_t n)
{
	const uint8_t *p = rd->p;

	if (weir_unlikely(weir_rd_left(rd) < n))
		return NULL;
	rd->p = p + n;
	return p;
}

/* Look at the next `n` bytes without taking them; NULL when fewer are left. */
static inline const void *weir_rd_peek(const struct weir_rd *rd, size_t n)
{
	return weir_unlikely(weir_rd_left(rd) < n) ? NULL : rd->p;
}

/* Let the reader end after `n` more bytes, if it does not end before. */
static inline void weir_rd_limit(struct weir_rd *rd, size_t n)
{
	if (n < weir_rd_left(rd))
		rd->end = rd->p + n;
}

#endif
