/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of lib/store know of each other. README.md has the life of a file. */
#ifndef STORE_PRIV_H
#define STORE_PRIV_H

#include <weir_db_batch.h>
#include <weir_store.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#define STORE_PATH_BYTES 4096
#define STORE_NAME_BYTES 32 /* flow-YYYYMMDDHH-NNNNN.sqlite */

/* ---- schema.c: what a file holds ---- */

/* In which table a field is kept. */
enum store_place {
	STORE_HOT,    /* flow_row, its first columns: what questions are about is found soonest */
	STORE_ROW,    /* flow_row */
	STORE_MORE,   /* flow_more: a row only where one of them is not 0 */
	STORE_MORE_2, /* likewise, its last columns: files of version 1 come without */
	STORE_NOT,    /* told by another */
};

static inline enum store_place store_place(enum weir_field f)
{
	switch (f) {
	case WEIR_FIELD_is_ipv6: /* by the length of ip_0 */
		return STORE_NOT;
	case WEIR_FIELD_start_time:
	case WEIR_FIELD_end_time:
	case WEIR_FIELD_ip_0:
	case WEIR_FIELD_ip_1:
	case WEIR_FIELD_client_port:
	case WEIR_FIELD_server_port:
	case WEIR_FIELD_protocol:
	case WEIR_FIELD_close_type:
	case WEIR_FIELD_capture_nic:
	case WEIR_FIELD_packet_tx:
	case WEIR_FIELD_packet_rx:
	case WEIR_FIELD_byte_tx:
	case WEIR_FIELD_byte_rx:
	case WEIR_FIELD_flows:
	case WEIR_FIELD_record_flags:
		return STORE_HOT;
	case WEIR_FIELD_tunnel_tx_id:
	case WEIR_FIELD_tunnel_rx_id:
	case WEIR_FIELD_tunnel_tx_ip_0:
	case WEIR_FIELD_tunnel_tx_ip_1:
	case WEIR_FIELD_tunnel_rx_ip_0:
	case WEIR_FIELD_tunnel_rx_ip_1:
	case WEIR_FIELD_tunnel_tx_mac_0:
	case WEIR_FIELD_tunnel_tx_mac_1:
	case WEIR_FIELD_tunnel_rx_mac_0:
	case WEIR_FIELD_tunnel_rx_mac_1:
	case WEIR_FIELD_tunnel_tx_type:
	case WEIR_FIELD_tunnel_rx_type:
	case WEIR_FIELD_tunnel_tx_tier:
	case WEIR_FIELD_tunnel_rx_tier:
	case WEIR_FIELD_tunnel_tx_is_ipv6:
	case WEIR_FIELD_tunnel_rx_is_ipv6:
	case WEIR_FIELD_last_keepalive_seq:
	case WEIR_FIELD_last_keepalive_ack:
	case WEIR_FIELD_l3_epc_id_0:
	case WEIR_FIELD_l3_epc_id_1:
	case WEIR_FIELD_l2_end_0:
	case WEIR_FIELD_l2_end_1:
	case WEIR_FIELD_l3_end_0:
	case WEIR_FIELD_l3_end_1:
	case WEIR_FIELD_nat_source:
	case WEIR_FIELD_nat_real_ip_0:
	case WEIR_FIELD_nat_real_ip_1:
	case WEIR_FIELD_nat_real_port_0:
	case WEIR_FIELD_nat_real_port_1:
	case WEIR_FIELD_ooo_tx:
	case WEIR_FIELD_ooo_rx:
	case WEIR_FIELD_retrans_syn:
	case WEIR_FIELD_retrans_synack:
		return STORE_MORE;
	case WEIR_FIELD_epc_id_0:
	case WEIR_FIELD_epc_id_1:
	case WEIR_FIELD_acl_gids:
		return STORE_MORE_2;
	default:
		return STORE_ROW;
	}
}

/* In flow_more. */
static inline bool store_is_more(enum weir_field f)
{
	return store_place(f) == STORE_MORE || store_place(f) == STORE_MORE_2;
}

/* Of files; made once. NULL without memory. Any thread. */
const struct weir_db_schema *store_schema(void);

/* SQL that makes a file's schema that of a finished one; NULL without memory. Any thread. */
const char *store_finish_text(void);
/* The view of a file that is finished already, made anew. Likewise. */
const char *store_view_text(void);

/* Where rows come from: `plain`, or in the order of t.end_time, in a file that is not finished. */
const char *store_from(bool plain);

/* The field's value as SQL, of `flow_row f LEFT JOIN flow_more m`; `to`. */
const char *store_expression(enum weir_field f, char *to, size_t bytes);

/* A new file: an empty one with its schema, then in place under its name. */
int store_file_make(const char *path, struct weir_err *err);

/* Open a file to write or to read. */
struct weir_db *store_file_open(const char *path, uint32_t busy_ms, bool write,
				struct weir_err *err);

/* ---- row.c: a record as a row and back ---- */

/* For rows of both tables. */
struct weir_db_batch *store_batch_create(struct weir_db *db, struct weir_err *err);
void store_batch_add(struct weir_db_batch *b, int64_t id, const struct weir_flow_rec *rec);

/* The columns store_row_read() expects from column `first` on; written to `out`. */
void store_row_columns(FILE *out);
void store_row_read(struct weir_db_stmt *s, int first, struct weir_flow_rec *rec);

/* An address: IPv4 is kept as a number, IPv6 as 16 bytes. True = it is IPv6; 0.0.0.0 for what is neither. */
bool store_ip_read(union weir_ip *ip, struct weir_db_stmt *s, int i);

/* Also of a group, when only its own field is set. */
void store_row_set(struct weir_flow_rec *rec, enum weir_field f, int64_t v);

/* For ordering and grouping. */
bool store_field_is_number(enum weir_field f);

/* ---- address.c: which addresses a file may hold ---- */

/* Sum up all addresses of an indexed file in its table `address_filter`. In a transaction. */
int store_address_build(struct weir_db *db, int64_t *blocks, struct weir_err *err);
/* 1 = a row of the file may match, 0 = none can, or a negative errno. */
int store_address_test(struct weir_db *db, int64_t blocks, const struct weir_store_net *nets,
		       uint32_t n, struct weir_err *err);

/* ---- catalog.c: the files of a directory, told by themselves ---- */

enum store_state {
	STORE_WRITING,    /* by the writer of this process */
	STORE_UNFINISHED, /* complete, or left by a killed process */
	STORE_FINISHING,  /* the finisher works on it */
	STORE_FINISHED,
	STORE_BAD, /* not ours, newer, damaged: left alone */
};

struct store_file {
	char name[STORE_NAME_BYTES];
	uint8_t state; /* enum store_state */
	bool reported; /* trouble was logged */
	bool summed;   /* nothing may be added any more: it has only to leave WAL */
	uint64_t rows;
	uint64_t bytes;          /* with its journal; when it was last looked at */
	int64_t first_us;        /* smallest start_time; 0 unless finished */
	int64_t end_us, last_us; /* smallest and largest end_time */
	int64_t written_s;       /* mtime */
	int64_t blocks;          /* of the address filter; 0 = none */
	uint64_t retry_ns;       /* monotonic: not before */
	struct weir_err trouble;
};

struct store_catalog {
	struct store_file *files; /* in the order of their names */
	uint32_t n, room;
};

/* Every file of ours in `dir`, each asked. Temporary and orphaned ones are removed with `clean`. */
int store_catalog_scan(struct store_catalog *c, const char *dir, bool clean, struct weir_err *err);
void store_catalog_fini(struct store_catalog *c);
/* What the file says of itself, into `f`; `state` becomes UNFINISHED, FINISHED or BAD. `err` is given. */
int store_catalog_ask(struct store_file *f, const char *dir, struct weir_err *err);
struct store_file *store_catalog_add(struct store_catalog *c, const char *name);
struct store_file *store_catalog_find(struct store_catalog *c, const char *name);
void store_catalog_remove(struct store_catalog *c, const struct store_file *f);

/* The name of file `seq` of the period that begins at `start_s`. */
void store_name(char name[STORE_NAME_BYTES], int64_t start_s, uint32_t seq);
/* False = not one of ours. */
bool store_name_parse(const char *name, int64_t *start_s, uint32_t *seq);
int store_path(char path[STORE_PATH_BYTES], const char *dir, const char *name,
	       struct weir_err *err);

/* ---- lock.c: one writer a directory ---- */

/* The descriptor to close, or a negative errno. */
int store_lock(const char *dir, struct weir_err *err);
bool store_lock_is_there(int fd, const char *dir);

/* ---- finish.c, retain.c: what becomes of files ---- */

/* Index a file, sum it up, take it out of WAL; `f` says then what is in it. Goes on where it was left. */
int store_finish(const char *dir, struct store_file *f, uint32_t busy_ms, struct weir_db **running,
		 pthread_mutex_t *lock, struct weir_err *err);

struct weir_store {
	struct weir_store_conf conf;
	char dir[STORE_PATH_BYTES - STORE_NAME_BYTES - 8]; /* room for a file and its journal */
	int lock_fd;
	uint64_t open_mono_ns; /* when it was opened, by both clocks */
	int64_t open_wall_s;

	/* Writer only. */
	struct weir_db *db;          /* NULL = between files */
	struct weir_db_batch *batch; /* what is pending */
	char name[STORE_NAME_BYTES]; /* of `db` */
	char path[STORE_PATH_BYTES];
	uint64_t dev, ino;  /* of `db` when it was opened */
	int64_t start_s;    /* period of `db` */
	uint64_t opened_ns; /* monotonic */
	uint64_t rows;      /* in `db`, pending ones too */
	uint64_t paused_ns; /* monotonic: nothing is tried before; 0 = all is well */
	uint64_t
		waits_ns; /* monotonic: a lock is not tried before, rows wait; 0 = none is in the way */

	_Atomic uint64_t taken, stored, pending, lost, failures; /* writer: wo */
	_Atomic uint64_t removed;                                /* finisher: wo */

	/* Everybody, under `lock`. */
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct store_catalog catalog;
	struct weir_err fault;
	struct weir_db *finishing;   /* to be interrupted */
	char held[STORE_NAME_BYTES]; /* a file the writer may go on with: not to be finished yet */
	char to_sync[STORE_NAME_BYTES]; /* whose journal is to be moved; empty = none */
	char in_sync[STORE_NAME_BYTES]; /* and just is: the syncer has it open */
	bool stop;
	pthread_t thread, syncer;
	bool running, syncing;
};

/* ---- file.c: the file being written ---- */

/* The record belongs into another file than the one being written. */
bool store_file_is_other(const struct weir_store *s, const struct weir_flow_rec *rec);
/* Open the file this record belongs into: one left unfinished, or a new one. */
int store_file_begin(struct weir_store *s, const struct weir_flow_rec *rec, struct weir_err *err);
/* The file is still in its place: nobody has removed or replaced it. */
int store_file_check(struct weir_store *s, struct weir_err *err);
/* Close it; nothing is pending. With `held` it may be gone on with, else it is the finisher's. */
void store_file_end(struct weir_store *s, bool held);

/* Throw away files that have to go by size or age, oldest first. Finisher. */
void store_retain(struct weir_store *s);

/* The thread that finishes files and throws them away, and the one that moves the journal. */
void *store_finisher(void *store);
void *store_syncer(void *store);
/* The file being written is to be on the disk soon. Writer. */
void store_sync(struct weir_store *s);

/* ---- where.c: the condition of a query ---- */

#define STORE_NETS_MAX   64
#define STORE_RANGES_MAX 16

/* A statement over one file, and the values it borrows. */
struct store_cursor {
	struct weir_db *db;
	struct weir_db_stmt *stmt;
	int64_t first_id, last_id; /* rows looked at; last 0 = all */
	uint8_t nets[STORE_NETS_MAX][2][16];
};

/* A file may hold rows of this query, as far as the catalogue knows. */
bool store_where_may_match(const struct weir_store_query *q, const struct store_file *f);

/* All rows of such a file are looked at, so several threads may share them. */
bool store_where_in_parts(const struct weir_store_query *q, bool finished);

/*
 * Prepare "SELECT `select` FROM ... WHERE what the query says" over `c->db`, in the way that suits a file
 * that is `finished`, or is not. With `ordered` in the order of q->sort, whose value comes before `select`, and
 * of what `select` begins with; then no more than q->limit.
 */
int store_cursor_open(struct store_cursor *c, const struct weir_store_query *q, bool finished,
		      const char *select, bool ordered, struct weir_err *err);
void store_cursor_close(struct store_cursor *c); /* `db` as well */

/* ---- reader.c ---- */

struct weir_store_reader {
	char dir[STORE_PATH_BYTES - STORE_NAME_BYTES - 8];
	struct store_catalog catalog;
	pthread_mutex_t lock; /* of what follows */
	struct weir_err *troubles;
	uint32_t n_troubles, opened;
};

void store_reader_trouble(struct weir_store_reader *r, const struct weir_err *err);
/*
 * Open file `i` when it can match, as it is at this moment, `finished` or not: NULL when it cannot, or with
 * trouble, which is noted. Several threads may.
 */
struct weir_db *store_reader_file(struct weir_store_reader *r, uint32_t i,
				  const struct weir_store_query *q, bool *finished);
/* A file was opened and asked. */
void store_reader_count(struct weir_store_reader *r);

/* What SQL cannot say of a query. */
static inline bool store_query_likes(const struct weir_store_query *q,
				     const struct weir_flow_rec *rec)
{
	return q->match == NULL || q->match(q->match_ctx, rec);
}

/* What of a query is wrong in itself. */
int store_query_check(const struct weir_store_query *q, struct weir_err *err);

#endif
