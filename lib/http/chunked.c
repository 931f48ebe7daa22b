/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A body that comes in chunks: RFC 9112, 7.1. Extensions and trailers are read over. Lines end with CR LF, and neither
 * stands alone: one that takes it for an end, and one that does not, see different requests.
 */
#include "http_priv.h"

#define LINE_MAX_BYTES 4096 /* of extensions of a chunk, or of all trailers */
#define DIGITS_MAX     12

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static void begin_data(struct http_chunked *c)
{
	c->state = c->left > 0 ? CHUNK_DATA : CHUNK_TRAILER;
	c->digits = 0;
	c->line = 0;
}

static bool take_size(struct http_chunked *c, char byte)
{
	const int d = digit(byte);

	if (d >= 0) {
		c->left = c->left << 4 | (unsigned int)d;
		return ++c->digits <= DIGITS_MAX;
	}
	if (c->digits == 0)
		return false;
	c->state = CHUNK_EXTENSION;
	return byte == '\r' || byte == ';' || byte == ' ' || byte == '\t';
}

static bool take_extension(struct http_chunked *c, char byte)
{
	if (byte == '\n')
		begin_data(c);
	return ++c->line <= LINE_MAX_BYTES;
}

static bool take_end(struct http_chunked *c, char byte)
{
	if (byte == '\n') {
		c->state = CHUNK_SIZE;
		c->digits = 0;
	}
	return byte == '\n' || byte == '\r';
}

/* They end with an empty line. */
static bool take_trailer(struct http_chunked *c, char byte)
{
	if (byte == '\n' && c->digits == 0)
		c->state = CHUNK_OVER;
	else if (byte == '\n')
		c->digits = 0;
	else if (byte != '\r')
		c->digits = 1; /* not empty */
	return ++c->line <= LINE_MAX_BYTES;
}

static bool take_byte(struct http_chunked *c, char byte)
{
	if (c->cr != (byte == '\n'))
		return false;
	c->cr = byte == '\r';
	switch (c->state) {
	case CHUNK_SIZE:
		return take_size(c, byte);
	case CHUNK_EXTENSION:
		return take_extension(c, byte);
	case CHUNK_END:
		return take_end(c, byte);
	default:
		return take_trailer(c, byte);
	}
}

ssize_t http_chunked_take(struct http_chunked *c, const char *bytes, size_t n, const char **data,
			  size_t *n_data)
{
	size_t used = 0;

	*n_data = 0;
	while (used < n && c->state != CHUNK_OVER && c->state != CHUNK_DATA)
		if (!take_byte(c, bytes[used++]))
			return -1;
	if (c->state != CHUNK_DATA)
		return (ssize_t)used;
	*data = bytes + used;
	*n_data = weir_min_u64(c->left, n - used);
	c->left -= *n_data;
	if (c->left == 0)
		c->state = CHUNK_END;
	return (ssize_t)(used + *n_data);
}
