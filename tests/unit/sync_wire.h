/* SPDX-License-Identifier: Apache-2.0 */
/* Messages byte by byte, from field numbers of the protocol's specification and nothing of proto/. */
#ifndef SYNC_WIRE_H
#define SYNC_WIRE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct wire {
	uint8_t v[8192];
	size_t n;
};

static inline void wire_varint(struct wire *w, uint64_t v)
{
	for (; v >= 0x80; v >>= 7)
		w->v[w->n++] = (uint8_t)(v | 0x80);
	w->v[w->n++] = (uint8_t)v;
}

static inline void wire_number(struct wire *w, unsigned int field, uint64_t v)
{
	wire_varint(w, (uint64_t)field << 3);
	wire_varint(w, v);
}

static inline void wire_bytes(struct wire *w, unsigned int field, const void *bytes, size_t n)
{
	wire_varint(w, (uint64_t)field << 3 | 2);
	wire_varint(w, n);
	memcpy(w->v + w->n, bytes, n);
	w->n += n;
}

static inline void wire_text(struct wire *w, unsigned int field, const char *text)
{
	wire_bytes(w, field, text, strlen(text));
}

static inline void wire_message(struct wire *w, unsigned int field, const struct wire *m)
{
	wire_bytes(w, field, m->v, m->n);
}

static inline void wire_float(struct wire *w, unsigned int field, float f)
{
	wire_varint(w, (uint64_t)field << 3 | 5);
	memcpy(w->v + w->n, &f, 4);
	w->n += 4;
}

#endif
