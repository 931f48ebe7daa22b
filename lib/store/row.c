/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A record as a row and back. What a column holds stays bound from row to row, so only what differs
 * from the row before is bound anew: a third of the columns of ordinary traffic.
 */
#include "store_priv.h"

#include <errno.h>
#include <stdlib.h>

struct store_inserter {
	struct weir_db *db;
	struct weir_db_stmt *row, *more;
	int64_t bound[WEIR_FIELDS];
};

static int64_t mac_number(const uint8_t mac[6])
{
	return (int64_t)((uint64_t)weir_be16(mac) << 32 | weir_be32(mac + 2));
}

/* A field of each kind of flow_fields.def as the number that is kept. */
#define KEEP_U8(v)    (int64_t)(v)
#define KEEP_U16(v)   (int64_t)(v)
#define KEEP_U32(v)   (int64_t)(v)
#define KEEP_U64(v)   (int64_t)(v)
#define KEEP_I32(v)   (int64_t)(v)
#define KEEP_ID(v)    (int64_t)(v)
#define KEEP_TIME(v)  (int64_t)((v) / WEIR_NS_PER_US)
#define KEEP_SPAN(v)  (int64_t)((v) / WEIR_NS_PER_US)
#define KEEP_IP4(v)   (int64_t)(v)
#define KEEP_POINT(v) (int64_t)(v)
#define KEEP_MAC(v)   mac_number(v)

static inline void bind_number(struct store_inserter *in, struct weir_db_stmt *s, int i,
			       enum weir_field f, int64_t v)
{
	if (in->bound[f] == v)
		return;
	in->bound[f] = v;
	weir_db_bind_i64(s, i, v);
}

#define BIND_NUMBER(name, keep, member) \
	bind_number(in, s, i++, WEIR_FIELD_##name, keep(rec->member));
#define BIND_U8(name, m)    BIND_NUMBER(name, KEEP_U8, m)
#define BIND_U16(name, m)   BIND_NUMBER(name, KEEP_U16, m)
#define BIND_U32(name, m)   BIND_NUMBER(name, KEEP_U32, m)
#define BIND_U64(name, m)   BIND_NUMBER(name, KEEP_U64, m)
#define BIND_I32(name, m)   BIND_NUMBER(name, KEEP_I32, m)
#define BIND_ID(name, m)    BIND_NUMBER(name, KEEP_ID, m)
#define BIND_TIME(name, m)  BIND_NUMBER(name, KEEP_TIME, m)
#define BIND_SPAN(name, m)  BIND_NUMBER(name, KEEP_SPAN, m)
#define BIND_IP4(name, m)   BIND_NUMBER(name, KEEP_IP4, m)
#define BIND_POINT(name, m) BIND_NUMBER(name, KEEP_POINT, m)
#define BIND_MAC(name, m)   BIND_NUMBER(name, KEEP_MAC, m)
#define BIND_IP(name, m)    weir_db_bind_blob(s, i++, rec->m.b, rec->is_ipv6 ? 16 : 4);

/* A step for each row of the table. NOLINTNEXTLINE(readability-function-cognitive-complexity) */
static void bind_row(struct store_inserter *in, const struct weir_flow_rec *rec)
{
	struct weir_db_stmt *s = in->row;
	int i = 1;

#define WEIR_FIELD(name, kind, member, add, show, help)    \
	if (store_place(WEIR_FIELD_##name) == STORE_HOT) { \
		BIND_##kind(name, member)                  \
	}
#include "flow_fields.def"
#define WEIR_FIELD(name, kind, member, add, show, help)    \
	if (store_place(WEIR_FIELD_##name) == STORE_ROW) { \
		BIND_##kind(name, member)                  \
	}
#include "flow_fields.def"
}

/* NOLINTNEXTLINE(readability-function-cognitive-complexity) */
static void bind_more(struct store_inserter *in, const struct weir_flow_rec *rec)
{
	struct weir_db_stmt *s = in->more;
	int i = 2; /* after the id */

#define WEIR_FIELD(name, kind, member, add, show, help)     \
	if (store_place(WEIR_FIELD_##name) == STORE_MORE) { \
		BIND_##kind(name, member)                   \
	}
#include "flow_fields.def"
}

#define SET_IP(v)     false
#define SET_MAC(v)    false
#define SET_NUMBER(v) ((v) != 0)
#define SET_U8        SET_NUMBER
#define SET_U16       SET_NUMBER
#define SET_U32       SET_NUMBER
#define SET_U64       SET_NUMBER
#define SET_I32       SET_NUMBER
#define SET_ID        SET_NUMBER
#define SET_TIME      SET_NUMBER
#define SET_SPAN      SET_NUMBER
#define SET_IP4       SET_NUMBER
#define SET_POINT     SET_NUMBER

static bool has_more(const struct weir_flow_rec *rec)
{
	bool more = false;

#define WEIR_FIELD(name, kind, member, add, show, help) \
	more |= store_place(WEIR_FIELD_##name) == STORE_MORE && SET_##kind(rec->member);
#include "flow_fields.def"
	return more;
}

int store_insert(struct store_inserter *in, const struct weir_flow_rec *rec, struct weir_err *err)
{
	int rc;

	bind_row(in, rec);
	rc = weir_db_step(in->row, err);
	if (rc != 0 || !has_more(rec))
		return rc;
	weir_db_bind_i64(in->more, 1, weir_db_last_id(in->db));
	bind_more(in, rec);
	return weir_db_step(in->more, err);
}

static void put_columns(FILE *out, enum store_place place, const char *before)
{
	for (unsigned int f = 0; f < WEIR_FIELDS; f++)
		if (weir_fields[f].bytes > 0 && store_place((enum weir_field)f) == place)
			fprintf(out, ", %s%s", before, weir_fields[f].name);
}

static int count_columns(enum store_place place)
{
	int n = 0;

	for (unsigned int f = 0; f < WEIR_FIELDS; f++)
		n += weir_fields[f].bytes > 0 && store_place((enum weir_field)f) == place;
	return n;
}

static struct weir_db_stmt *prepare(struct weir_db *db, const char *into, bool more,
				    struct weir_err *err)
{
	int n = more ? count_columns(STORE_MORE)
		     : count_columns(STORE_HOT) + count_columns(STORE_ROW);
	struct weir_db_stmt *s = NULL;
	char *sql = NULL;
	size_t bytes;
	FILE *out = open_memstream(&sql, &bytes);

	if (out == NULL)
		return NULL;
	fprintf(out, "INSERT INTO %s (id", into);
	put_columns(out, more ? STORE_MORE : STORE_HOT, "");
	if (!more)
		put_columns(out, STORE_ROW, "");
	fprintf(out, ") VALUES (%s", more ? "?" : "NULL"); /* NULL: the next one */
	for (int i = 0; i < n; i++)
		fprintf(out, ", ?");
	fprintf(out, ")");
	if (fclose(out) == 0)
		s = weir_db_prepare(db, sql, err);
	free(sql);
	for (int i = 1; s != NULL && i <= n + more; i++)
		weir_db_bind_i64(s, i, 0); /* as `bound` says */
	return s;
}

struct store_inserter *store_inserter_create(struct weir_db *db, struct weir_err *err)
{
	struct store_inserter *in = calloc(1, sizeof(*in));

	if (in == NULL) {
		weir_err_set(err, ENOMEM, "store: no memory for statements");
		return NULL;
	}
	in->db = db;
	weir_err_set(err, ENOMEM, "store: no memory for statements");
	in->row = prepare(db, "flow_row", false, err);
	in->more = in->row != NULL ? prepare(db, "flow_more", true, err) : NULL;
	if (in->more != NULL)
		return in;
	store_inserter_destroy(in);
	return NULL;
}

void store_inserter_destroy(struct store_inserter *in)
{
	if (in == NULL)
		return;
	weir_db_finish(in->row);
	weir_db_finish(in->more);
	free(in);
}

void store_row_columns(FILE *out)
{
	fprintf(out, "f.id");
	put_columns(out, STORE_HOT, "f.");
	put_columns(out, STORE_ROW, "f.");
	put_columns(out, STORE_MORE, "m.");
}

static void read_ip(union weir_ip *ip, struct weir_flow_rec *rec, struct weir_db_stmt *s, int i)
{
	size_t bytes;
	const void *p = weir_db_blob(s, i, &bytes);

	/* Whoever wrote the file: nothing but 4 and 16 bytes is an address. */
	if (p == NULL || (bytes != 4 && bytes != 16))
		return;
	memcpy(ip->b, p, bytes);
	rec->is_ipv6 = bytes == 16;
}

static void read_mac(uint8_t mac[6], int64_t v)
{
	for (int i = 0; i < 6; i++)
		mac[i] = (uint8_t)(v >> (40 - 8 * i));
}

#define READ_NUMBER(m) rec->m = (__typeof__(rec->m))weir_db_i64(s, i++);
#define READ_NS(m)     rec->m = (uint64_t)weir_db_i64(s, i++) * WEIR_NS_PER_US;
#define READ_U8        READ_NUMBER
#define READ_U16       READ_NUMBER
#define READ_U32       READ_NUMBER
#define READ_U64       READ_NUMBER
#define READ_I32       READ_NUMBER
#define READ_ID        READ_NUMBER
#define READ_TIME      READ_NS
#define READ_SPAN      READ_NS
#define READ_IP4       READ_NUMBER
#define READ_POINT     READ_NUMBER
#define READ_IP(m)     read_ip(&rec->m, rec, s, i++);
#define READ_MAC(m)    read_mac(rec->m, weir_db_i64(s, i++));

/* NOLINTNEXTLINE(readability-function-cognitive-complexity) */
void store_row_read(struct weir_db_stmt *s, int first, struct weir_flow_rec *rec)
{
	int i = first + 1; /* after the id */

	memset(rec, 0, sizeof(*rec));
#define WEIR_FIELD(name, kind, member, add, show, help)    \
	if (store_place(WEIR_FIELD_##name) == STORE_HOT) { \
		READ_##kind(member)                        \
	}
#include "flow_fields.def"
#define WEIR_FIELD(name, kind, member, add, show, help)    \
	if (store_place(WEIR_FIELD_##name) == STORE_ROW) { \
		READ_##kind(member)                        \
	}
#include "flow_fields.def"
#define WEIR_FIELD(name, kind, member, add, show, help)     \
	if (store_place(WEIR_FIELD_##name) == STORE_MORE) { \
		READ_##kind(member)                         \
	}
#include "flow_fields.def"
}

#define NUMBER(v)          \
	*n = (int64_t)(v); \
	return true;
#define NUMBER_U8      NUMBER
#define NUMBER_U16     NUMBER
#define NUMBER_U32     NUMBER
#define NUMBER_U64     NUMBER
#define NUMBER_I32     NUMBER
#define NUMBER_ID      NUMBER
#define NUMBER_TIME(v) NUMBER((v) / WEIR_NS_PER_US)
#define NUMBER_SPAN(v) NUMBER((v) / WEIR_NS_PER_US)
#define NUMBER_IP4     NUMBER
#define NUMBER_POINT   NUMBER
#define NUMBER_IP(v)   return false;
#define NUMBER_MAC(v)  return false;

bool store_field_number(enum weir_field f, const struct weir_flow_rec *r, int64_t *n)
{
	switch (f) {
#define WEIR_FIELD(name, kind, member, add, show, help) \
	case WEIR_FIELD_##name:                         \
		NUMBER_##kind(r->member)
#define WEIR_DERIVED(name, kind, expr, show, help) \
	case WEIR_FIELD_##name:                    \
		NUMBER_##kind((expr))
#include "flow_fields.def"
	case WEIR_FIELDS:
		break;
	}
	return false;
}

#define SET_FROM(m, v) r->m = (__typeof__(r->m))(v);
#define SET_FROM_US(m) r->m = (uint64_t)v * WEIR_NS_PER_US;
#define FROM_U8(m)     SET_FROM(m, v)
#define FROM_U16(m)    SET_FROM(m, v)
#define FROM_U32(m)    SET_FROM(m, v)
#define FROM_U64(m)    SET_FROM(m, v)
#define FROM_I32(m)    SET_FROM(m, v)
#define FROM_ID(m)     SET_FROM(m, v)
#define FROM_IP4(m)    SET_FROM(m, v)
#define FROM_POINT(m)  SET_FROM(m, v)
#define FROM_TIME      SET_FROM_US
#define FROM_SPAN      SET_FROM_US
#define FROM_MAC(m)    read_mac(r->m, v);
#define FROM_IP(m)

void store_row_set(struct weir_flow_rec *r, enum weir_field f, int64_t v)
{
	switch (f) {
#define WEIR_FIELD(name, kind, member, add, show, help) \
	case WEIR_FIELD_##name:                         \
		FROM_##kind(member) break;
#include "flow_fields.def"
	default:
		break;
	}
}
