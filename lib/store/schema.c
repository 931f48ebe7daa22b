/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tables of a file and the view `flow`, made from lib/rec/flow_fields.def. Numbers are kept as the
 * view shows them, times and durations in us, IPv4 addresses as numbers, IPv6 as 16 bytes; the view makes texts of
 * addresses, the same as the JSON encoder's (RFC 5952), with nothing but SQL.
 */
#include "store_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#define APPLICATION_ID 0x77656972 /* "weir" */

/* The disk is not waited for: the syncer sees to it. Larger pages are fewer system calls, and more to write for one row that comes late. */
#define MAKE_SETUP "PRAGMA page_size = 8192; PRAGMA auto_vacuum = NONE; PRAGMA synchronous = OFF"
#define READ_SETUP "PRAGMA cache_size = -16384; PRAGMA query_only = 1"
/*
 * A commit is a write to the journal: safe from the end of the process, not of the machine. The
 * journal is synced when its pages are moved, which is the syncer's work.
 */
#define WRITE_SETUP                                                 \
	"PRAGMA synchronous = NORMAL; PRAGMA cache_size = -65536; " \
	"PRAGMA secure_delete = OFF; PRAGMA journal_size_limit = 134217728"

/* Derived fields as SQL; their kin in C is the table's expression. */
#define SQL_status                                                             \
	"CASE WHEN f.close_type IN (1, 5, 8, 11, 20) THEN 0 "                  \
	"WHEN f.close_type = 3 THEN CASE f.protocol WHEN 6 THEN 3 ELSE 0 END " \
	"WHEN f.close_type IN (2, 7, 15, 17, 19) THEN 3 "                      \
	"WHEN f.close_type IN (9, 10, 13, 18) THEN 4 ELSE 2 END"
#define SQL_is_new_flow "f.record_flags & 1"
#define SQL_rtt_client  "f.rtt_client_max"
#define SQL_rtt_server  "f.rtt_server_max"
#define SQL_tunnel_type                                                                 \
	"CASE coalesce(m.tunnel_tx_type, 0) WHEN 0 THEN coalesce(m.tunnel_rx_type, 0) " \
	"ELSE m.tunnel_tx_type END"
#define SQL_tunnel_tier "min(2, max(coalesce(m.tunnel_tx_tier, 0), coalesce(m.tunnel_rx_tier, 0)))"
#define SQL_flow_count  "CASE WHEN f.flows > 1 THEN f.flows ELSE 0 END"

const char *store_from(bool plain)
{
	return plain ? "flow_row f" : "flow_time t CROSS JOIN flow_row f ON f.rowid = t.id";
}

const char *store_expression(enum weir_field f, char *to, size_t bytes)
{
	switch (f) {
#define WEIR_DERIVED(name, kind, expr, show, help)       \
	case WEIR_FIELD_##name:                          \
		snprintf(to, bytes, "(%s)", SQL_##name); \
		return to;
#include "flow_fields.def"
	default:
		break;
	}
	if (weir_field_is_list(f))
		snprintf(to, bytes, "m.%s", weir_fields[f].name);
	else if (store_is_more(f))
		snprintf(to, bytes, "coalesce(m.%s, 0)", weir_fields[f].name);
	else if (store_place(f) == STORE_NOT)
		snprintf(to, bytes, "(typeof(f.ip_0) = 'blob')"); /* is_ipv6 */
	else
		snprintf(to, bytes, "f.%s", weir_fields[f].name);
	return to;
}

static bool is_kind(enum weir_field f, const char *kind)
{
	return strcmp(weir_fields[f].kind, kind) == 0;
}

static bool is_address(enum weir_field f)
{
	return is_kind(f, "IP");
}

static void put_columns(FILE *out, enum store_place place, const char *before,
			const char *separator)
{
	for (unsigned int f = 0; f < WEIR_FIELDS; f++) {
		if (weir_fields[f].bytes == 0 || store_place((enum weir_field)f) != place)
			continue;
		fprintf(out, "%s%s %s", before, weir_fields[f].name,
			is_address((enum weir_field)f) || weir_field_is_list((enum weir_field)f)
				? "BLOB"
				: "INTEGER");
		before = separator;
	}
}

/* Byte `n` of the bytes whose hexadecimal text is `h`. */
static void put_byte(FILE *out, int n)
{
	static const char digits[] = "123456789ABCDEF";

	fprintf(out, "instr('%s', substr(h, %d, 1)) * 16 + instr('%s', substr(h, %d, 1))", digits,
		2 * n + 1, digits, 2 * n + 2);
}

/* The last 4 bytes of 16. */
static void put_ipv4(FILE *out)
{
	fprintf(out, "printf('%%d.%%d.%%d.%%d'");
	for (int i = 12; i < 16; i++) {
		fprintf(out, ", ");
		put_byte(out, i);
	}
	fprintf(out, ")");
}

static void put_ip4(FILE *out, const char *value)
{
	fprintf(out, "printf('%%d.%%d.%%d.%%d', %s >> 24, %s >> 16 & 255, %s >> 8 & 255, %s & 255)",
		value, value, value, value);
}

/* Eight groups without leading zeroes, each with a colon on both sides. */
static void put_groups(FILE *out)
{
	fprintf(out, "':'");
	for (int i = 0; i < 8; i++)
		fprintf(out,
			" || CASE substr(h, %d, 4) WHEN '0000' THEN '0' "
			"ELSE ltrim(lower(substr(h, %d, 4)), '0') END || ':'",
			4 * i + 1, 4 * i + 1);
}

/* The first longest run of at least two zero groups of `t` becomes "::". */
static void put_shortened(FILE *out)
{
	fprintf(out, "CASE");
	for (int n = 8; n >= 2; n--) {
		char run[18] = "";

		for (int i = 0; i <= 2 * n; i++)
			run[i] = i % 2 == 0 ? ':' : '0';
		fprintf(out,
			" WHEN instr(t, '%s') THEN ltrim(substr(t, 1, instr(t, '%s') - 1), ':') || '::'"
			" || rtrim(substr(t, instr(t, '%s') + %d), ':')",
			run, run, run, 2 * n + 1);
	}
	fprintf(out, " ELSE trim(t, ':') END");
}

static void put_ip(FILE *out, const char *value)
{
	fprintf(out, "CASE typeof(%s) WHEN 'integer' THEN ", value);
	put_ip4(out, value);
	fprintf(out,
		" ELSE (SELECT CASE "
		"WHEN substr(h, 1, 24) = '000000000000000000000000' AND substr(h, 25, 4) <> '0000' "
		"THEN '::' || ");
	put_ipv4(out);
	fprintf(out, " WHEN substr(h, 1, 24) = '00000000000000000000FFFF' THEN '::ffff:' || ");
	put_ipv4(out);
	fprintf(out, " ELSE ");
	put_shortened(out);
	fprintf(out, " END FROM (SELECT h, ");
	put_groups(out);
	fprintf(out, " AS t FROM (SELECT hex(%s) AS h))) END", value);
}

/* "[9,12]" of two bytes each. */
static void put_gids(FILE *out, const char *value)
{
	fprintf(out, "CASE typeof(%s) WHEN 'blob' THEN (SELECT '['", value);
	for (int i = 0; i < WEIR_REC_GIDS_MAX; i++) {
		fprintf(out, " || CASE WHEN length(h) < %d THEN '' ELSE %s((", 4 * i + 4,
			i > 0 ? "',' || " : "");
		put_byte(out, 2 * i);
		fprintf(out, ") * 256 + ");
		put_byte(out, 2 * i + 1);
		fprintf(out, ") END");
	}
	fprintf(out, " || ']' FROM (SELECT hex(%s) AS h)) ELSE '[]' END", value);
}

static void put_mac(FILE *out, const char *value)
{
	fprintf(out, "printf('%%02x:%%02x:%%02x:%%02x:%%02x:%%02x', %s >> 40", value);
	for (int shift = 32; shift >= 0; shift -= 8)
		fprintf(out, ", %s >> %d & 255", value, shift);
	fprintf(out, ")");
}

static void put_point(FILE *out, const char *value)
{
	fprintf(out, "CASE %s", value);
	for (unsigned int v = 0; v <= UINT8_MAX; v++)
		if (weir_observation_point_text((uint8_t)v)[0] != '\0')
			fprintf(out, " WHEN %u THEN '%s'", v,
				weir_observation_point_text((uint8_t)v));
	fprintf(out, " ELSE '' END");
}

static void put_column(FILE *out, enum weir_field f, bool finished)
{
	char value[512];

	store_expression(f, value, sizeof(value));
	if (f == WEIR_FIELD_end_time && !finished)
		snprintf(value, sizeof(value), "t.end_time");
	if (is_kind(f, "IP"))
		put_ip(out, value);
	else if (is_kind(f, "IP4"))
		put_ip4(out, value);
	else if (is_kind(f, "MAC"))
		put_mac(out, value);
	else if (is_kind(f, "POINT"))
		put_point(out, value);
	else if (weir_field_is_list(f))
		put_gids(out, value);
	else if (is_kind(f, "ID"))
		fprintf(out, "printf('%%llu', %s)", value);
	else
		fprintf(out, "%s", value);
	fprintf(out, " AS %s", weir_fields[f].name);
}

/* Until it is finished, a file is found by time through a table: the view goes that way. */
static void put_view(FILE *out, bool finished)
{
	const char *separator = "";

	fprintf(out, "CREATE VIEW flow AS SELECT ");
	for (unsigned int f = 0; f < WEIR_FIELDS; f++) {
		if (weir_fields[f].show == WEIR_SHOW_NEVER)
			continue;
		fprintf(out, "%s", separator);
		put_column(out, (enum weir_field)f, finished);
		separator = ",\n";
	}
	fprintf(out, "\nFROM %s LEFT JOIN flow_more m ON m.id = f.rowid;\n", store_from(finished));
}

static char *text, *text_2; /* of steps */
static const char *steps[2];
static char *finish_text, *view_text;

/* NULL without memory. */
static void text_end(FILE *out, char **to)
{
	if (fclose(out) == 0)
		return;
	free(*to);
	*to = NULL;
}

/* What a complete file has instead of `flow_time`. */
static void make_finish_text(void)
{
	size_t bytes;
	FILE *out = open_memstream(&finish_text, &bytes);

	if (out == NULL)
		return;
	fprintf(out, "DROP VIEW flow;\nDROP TABLE flow_time;\n");
	put_view(out, true);
	text_end(out, &finish_text);
}

static void make_view_text(void)
{
	size_t bytes;
	FILE *out = open_memstream(&view_text, &bytes);

	if (out == NULL)
		return;
	fprintf(out, "DROP VIEW flow;\n");
	put_view(out, true);
	text_end(out, &view_text);
}

/* From version 1 to 2: columns at the end of flow_more. */
static void make_text_2(void)
{
	size_t bytes;
	FILE *out = open_memstream(&text_2, &bytes);

	if (out == NULL)
		return;
	put_columns(out, STORE_MORE_2, "ALTER TABLE flow_more ADD COLUMN ",
		    ";\nALTER TABLE flow_more ADD COLUMN ");
	fprintf(out, ";\nDROP VIEW IF EXISTS flow;\n");
	put_view(out, false);
	text_end(out, &text_2);
	steps[1] = text_2;
}

static void make_text(void)
{
	size_t bytes;
	FILE *out = open_memstream(&text, &bytes);

	make_finish_text();
	make_view_text();
	make_text_2();
	if (out == NULL)
		return;
	fprintf(out,
		"CREATE TABLE file (id INTEGER PRIMARY KEY CHECK (id = 1), "
		"finished INTEGER NOT NULL, rows INTEGER NOT NULL, first_start INTEGER, "
		"first_end INTEGER, last_end INTEGER, filter_blocks INTEGER NOT NULL);\n"
		"INSERT INTO file VALUES (1, 0, 0, NULL, NULL, NULL, 0);\n"
		"CREATE TABLE address_filter (block INTEGER PRIMARY KEY, bits BLOB NOT NULL);\n");
	/* Its rows are numbered from 1 on, without gaps: VACUUM leaves them so. */
	fprintf(out, "CREATE TABLE flow_row (");
	put_columns(out, STORE_HOT, "", ", ");
	put_columns(out, STORE_ROW, ", ", ", ");
	fprintf(out, ");\nCREATE TABLE flow_more (id INTEGER PRIMARY KEY");
	put_columns(out, STORE_MORE, ", ", ", ");
	fprintf(out, ");\nCREATE TABLE flow_time (end_time INTEGER, id INTEGER, "
		     "PRIMARY KEY (end_time, id)) WITHOUT ROWID;\n");
	text_end(out, &text);
	steps[0] = text;
}

const struct weir_db_schema *store_schema(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	static const struct weir_db_schema schema = { "a store file of weir", APPLICATION_ID,
						      WEIR_ARRAY_SIZE(steps), steps };

	pthread_once(&once, make_text);
	return text != NULL && text_2 != NULL && finish_text != NULL && view_text != NULL ? &schema
											  : NULL;
}

const char *store_finish_text(void)
{
	return store_schema() != NULL ? finish_text : NULL;
}

const char *store_view_text(void)
{
	return store_schema() != NULL ? view_text : NULL;
}

/* A reader does not change a file of version 1: to itself it has what is missing there. */
static int complete(struct weir_db *db, struct weir_err *err)
{
	int64_t version;
	int rc = weir_db_number(db, "PRAGMA user_version", 0, &version, err);

	if (rc != 0 || version >= (int64_t)WEIR_ARRAY_SIZE(steps))
		return rc;
	return weir_db_exec(db,
			    "PRAGMA query_only = 0; CREATE TEMP VIEW flow_more AS SELECT *, "
			    "0 AS epc_id_0, 0 AS epc_id_1, 0 AS acl_gids FROM main.flow_more; "
			    "PRAGMA query_only = 1",
			    err);
}

struct weir_db *store_file_open(const char *path, uint32_t busy_ms, bool write,
				struct weir_err *err)
{
	uint32_t flags = write ? WEIR_DB_WAL | WEIR_DB_LEAVE | WEIR_DB_KEEP : WEIR_DB_READ;
	struct weir_db_conf conf = { .path = path,
				     .schema = store_schema(),
				     .setup = write ? WRITE_SETUP : READ_SETUP,
				     .flags = flags,
				     .busy_ms = busy_ms };

	struct weir_db *db;

	if (conf.schema == NULL) {
		weir_err_set(err, ENOMEM, "%s: no memory for its schema", path);
		return NULL;
	}
	db = weir_db_open(&conf, err);
	if (db == NULL || write || complete(db, err) == 0)
		return db;
	weir_db_close(db);
	return NULL;
}

int store_file_make(const char *path, struct weir_err *err)
{
	char unfinished[STORE_PATH_BYTES + 8];
	struct weir_db_conf conf = { .path = unfinished,
				     .schema = store_schema(),
				     .setup = MAKE_SETUP,
				     .flags = WEIR_DB_CREATE | WEIR_DB_WAL };
	struct weir_err own = { 0 };
	struct weir_db *db;

	err = err != NULL ? err : &own;
	if (conf.schema == NULL)
		return weir_err_set(err, ENOMEM, "%s: no memory for its schema", path);
	snprintf(unfinished, sizeof(unfinished), "%s.new", path);
	unlink(unfinished);
	db = weir_db_open(&conf, err);
	if (db == NULL) {
		unlink(unfinished);
		return -err->code;
	}
	weir_db_close(db);
	if (rename(unfinished, path) == 0)
		return 0;
	weir_err_set(err, errno, "%s: %s", path, strerror(errno));
	unlink(unfinished);
	return -err->code;
}
