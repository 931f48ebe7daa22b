/* SPDX-License-Identifier: Apache-2.0 */
/* A record as a row and back. */
#include "store_priv.h"

#include <errno.h>
#include <stdlib.h>

enum { ROW, MORE }; /* tables of the batch */

static int64_t mac_number(const uint8_t mac[6])
{
	return (int64_t)((uint64_t)weir_be16(mac) << 32 | weir_be32(mac + 2));
}

static void put_ip(struct weir_db_row *row, const union weir_ip *ip, bool is_ipv6)
{
	if (is_ipv6)
		weir_db_row_blob(row, ip->b, 16);
	else
		weir_db_row_i64(row, weir_be32(ip->b));
}

/* Two bytes each, the higher one first; of none a 0, as a blob has at least one byte. */
static void put_gids(struct weir_db_row *row, const struct weir_flow_rec *rec)
{
	const unsigned int n = weir_rec_gids(rec);
	uint8_t bytes[2 * WEIR_REC_GIDS_MAX];

	static_assert(sizeof(bytes) <= WEIR_DB_BATCH_VALUE_MAX, "a value of a batch");
	for (unsigned int i = 0; i < n; i++) {
		bytes[2 * i] = (uint8_t)(rec->acl_gids[i] >> 8);
		bytes[2 * i + 1] = (uint8_t)rec->acl_gids[i];
	}
	if (n == 0)
		weir_db_row_i64(row, 0);
	else
		weir_db_row_blob(row, bytes, 2 * (size_t)n);
}

/* A field of each kind of flow_fields.def as what is kept. */
#define PUT_NUMBER(v) weir_db_row_i64(&row, (int64_t)(v));
#define PUT_NS(v)     weir_db_row_i64(&row, (int64_t)((v) / WEIR_NS_PER_US));
#define PUT_U8        PUT_NUMBER
#define PUT_U16       PUT_NUMBER
#define PUT_U32       PUT_NUMBER
#define PUT_U64       PUT_NUMBER
#define PUT_I32       PUT_NUMBER
#define PUT_ID        PUT_NUMBER
#define PUT_TIME      PUT_NS
#define PUT_SPAN      PUT_NS
#define PUT_IP4       PUT_NUMBER
#define PUT_POINT     PUT_NUMBER
#define PUT_GIDS(v)   put_gids(&row, rec);
#define PUT_MAC(v)    weir_db_row_i64(&row, mac_number(v));
#define PUT_IP(v)     put_ip(&row, &(v), rec->is_ipv6);

/* A step for each row of the table. NOLINTNEXTLINE(readability-function-cognitive-complexity) */
static void add_row(struct weir_db_batch *b, int64_t id, const struct weir_flow_rec *rec)
{
	struct weir_db_row row = weir_db_row_begin(b, ROW, id);

#define WEIR_FIELD(name, kind, member, add, show, help)    \
	if (store_place(WEIR_FIELD_##name) == STORE_HOT) { \
		PUT_##kind(rec->member)                    \
	}
#include "flow_fields.def"
#define WEIR_FIELD(name, kind, member, add, show, help)    \
	if (store_place(WEIR_FIELD_##name) == STORE_ROW) { \
		PUT_##kind(rec->member)                    \
	}
#include "flow_fields.def"
	weir_db_row_end(b, ROW, &row, (int64_t)(rec->end_ns / WEIR_NS_PER_US));
}

/* NOLINTNEXTLINE(readability-function-cognitive-complexity) */
static void add_more(struct weir_db_batch *b, int64_t id, const struct weir_flow_rec *rec)
{
	struct weir_db_row row = weir_db_row_begin(b, MORE, id);

#define WEIR_FIELD(name, kind, member, add, show, help)     \
	if (store_place(WEIR_FIELD_##name) == STORE_MORE) { \
		PUT_##kind(rec->member)                     \
	}
#include "flow_fields.def"
#define WEIR_FIELD(name, kind, member, add, show, help)       \
	if (store_place(WEIR_FIELD_##name) == STORE_MORE_2) { \
		PUT_##kind(rec->member)                       \
	}
#include "flow_fields.def"
	weir_db_row_end(b, MORE, &row, 0);
}

#define SET_IP(v)     false
#define SET_MAC(v)    false
#define SET_GIDS(v)   ((v)[0] != 0)
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
	more |= store_is_more(WEIR_FIELD_##name) && SET_##kind(rec->member);
#include "flow_fields.def"
	return more;
}

void store_batch_add(struct weir_db_batch *b, int64_t id, const struct weir_flow_rec *rec)
{
	add_row(b, id, rec);
	if (has_more(rec))
		add_more(b, id, rec);
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

struct weir_db_batch *store_batch_create(struct weir_db *db, struct weir_err *err)
{
	const struct weir_db_batch_table tables[] = {
		[ROW] = { "flow_row", "flow_time", false,
			  (uint32_t)(count_columns(STORE_HOT) + count_columns(STORE_ROW)) },
		[MORE] = { "flow_more", NULL, true,
			   (uint32_t)(1 + count_columns(STORE_MORE) +
				      count_columns(STORE_MORE_2)) },
	};

	return weir_db_batch_create(db, tables, WEIR_ARRAY_SIZE(tables), err);
}

void store_row_columns(FILE *out)
{
	fprintf(out, "f.rowid");
	put_columns(out, STORE_HOT, "f.");
	put_columns(out, STORE_ROW, "f.");
	put_columns(out, STORE_MORE, "m.");
	put_columns(out, STORE_MORE_2, "m.");
}

bool store_ip_read(union weir_ip *ip, struct weir_db_stmt *s, int i)
{
	uint32_t be = __builtin_bswap32((uint32_t)weir_db_i64(s, i));
	size_t bytes;
	const void *p;

	memset(ip, 0, sizeof(*ip));
	if (weir_db_is_number(s, i)) {
		memcpy(ip->b, &be, sizeof(be));
		return false;
	}
	/* Whoever wrote the file: nothing but a number and 16 bytes is an address. */
	p = weir_db_blob(s, i, &bytes);
	if (p == NULL || bytes != 16)
		return false;
	memcpy(ip->b, p, 16);
	return true;
}

static void read_ip(union weir_ip *ip, struct weir_flow_rec *rec, struct weir_db_stmt *s, int i)
{
	rec->is_ipv6 = store_ip_read(ip, s, i);
}

static void read_mac(uint8_t mac[6], int64_t v)
{
	for (int i = 0; i < 6; i++)
		mac[i] = (uint8_t)(v >> (40 - 8 * i));
}

/* As put_gids() leaves them, or nothing. */
static void read_gids(uint16_t gids[WEIR_REC_GIDS_MAX], struct weir_db_stmt *s, int i)
{
	size_t bytes = 0;
	const uint8_t *p = weir_db_is_number(s, i) ? NULL : weir_db_blob(s, i, &bytes);

	for (size_t k = 0; p != NULL && k < WEIR_REC_GIDS_MAX && 2 * k + 1 < bytes; k++)
		gids[k] = weir_be16(p + 2 * k);
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
#define READ_GIDS(m)   read_gids(rec->m, s, i++);
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
#define WEIR_FIELD(name, kind, member, add, show, help)       \
	if (store_place(WEIR_FIELD_##name) == STORE_MORE_2) { \
		READ_##kind(member)                           \
	}
#include "flow_fields.def"
}

bool store_field_is_number(enum weir_field f)
{
	return strcmp(weir_fields[f].kind, "IP") != 0 && strcmp(weir_fields[f].kind, "MAC") != 0 &&
	       !weir_field_is_list(f);
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
#define FROM_GIDS(m)

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
