/* SPDX-License-Identifier: Apache-2.0 */
#include <weir_http.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define ROOM_FIRST 16384

/* Room for `n` bytes more, and a NUL that printf() writes. */
static bool make_room(struct weir_http_text *t, size_t n)
{
	const size_t max = t->max > 0 ? t->max : WEIR_HTTP_BODY_MAX;
	size_t need = t->len + n + 1, room = t->room > 0 ? t->room : ROOM_FIRST;
	char *more;

	if (need <= t->room)
		return true;
	if (n > max || need > max)
		return false;
	while (room < need)
		room *= 2;
	more = realloc(t->bytes, room);
	if (more == NULL)
		return false;
	t->bytes = more;
	t->room = room;
	return true;
}

void weir_http_text_add(struct weir_http_text *t, const char *bytes, size_t n)
{
	t->failed |= !make_room(t, n);
	if (t->failed)
		return;
	memcpy(t->bytes + t->len, bytes, n);
	t->len += n;
}

/* The length it would have; written as far as there is room. */
static int print(char *to, size_t room, const char *fmt, va_list ap)
{
	va_list copy;
	int n;

	va_copy(copy, ap);
	n = vsnprintf(to, room, fmt, copy);
	va_end(copy);
	return n;
}

void weir_http_text_printf(struct weir_http_text *t, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = print(NULL, 0, fmt, ap);
	t->failed |= n < 0 || !make_room(t, (size_t)n);
	if (!t->failed) {
		print(t->bytes + t->len, (size_t)n + 1, fmt, ap);
		t->len += (size_t)n;
	}
	va_end(ap);
}

void weir_http_text_free(struct weir_http_text *t)
{
	free(t->bytes);
	*t = (struct weir_http_text){ .max = t->max };
}
