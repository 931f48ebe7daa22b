/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages of both dialects, made from and taken apart into structs that know none of them. Pure: any
 * thread, no network.
 */
#ifndef CODEC_H
#define CODEC_H

#include "weir_sync.h"

#include <agent.pb-c.h>
#include <trident.pb-c.h>

/* What a SyncRequest says of an agent. Texts are borrowed; NULL and "" are not sent. */
struct weir_sync_ask {
	uint32_t boot_time_s; /* epoch, by the controllers' clock */
	bool config_accepted;
	uint64_t exceptions;
	const char *exception_text;
	uint64_t version[WEIR_SYNC_VERSIONS]; /* held; 0 = nothing */
	const char *revision, *process_name, *image;
	const char *ctrl_ip, *ctrl_mac, *host, *group, *team;
	const char *cluster_id, *cluster_name, *cluster_md5;
	char **host_ips;
	size_t host_ips_n;
	uint32_t identifier; /* enum weir_sync_identifier */
	bool watch_only, watch_disabled;
	const char *arch, *os, *kernel;
	uint32_t cpus;
	uint64_t memory_bytes, buffer_bytes;
};

union weir_sync_request {
	ProtobufCMessage base;
	Agent__SyncRequest agent;
	Trident__SyncRequest trident;
};

/* Fill `to`, which borrows from `ask`. Returns the message in it. */
const ProtobufCMessage *weir_sync_request_make(enum weir_sync_dialect dialect,
					       const struct weir_sync_ask *ask,
					       union weir_sync_request *to);

enum weir_sync_status {
	WEIR_SYNC_SUCCESS = 0,
	WEIR_SYNC_FAILED = 1,
	WEIR_SYNC_HEARTBEAT = 2,
	WEIR_SYNC_CLUSTER_ID_NOT_FOUND = 10,
};

/* What a SyncResponse says. Bytes and texts are borrowed from the message, but for `config`. */
struct weir_sync_reply {
	uint32_t status; /* enum weir_sync_status */
	bool partial;    /* neither places nor tables are meant */
	char *config;    /* YAML of the group; NULL = none came */
	bool has_dynamic;
	struct weir_sync_dynamic dynamic;
	const char *revision, *update_url; /* "" = none */
	uint64_t version[WEIR_SYNC_VERSIONS];
	struct weir_sync_bytes table[WEIR_SYNC_VERSIONS];
	bool has_table[WEIR_SYNC_VERSIONS];
	struct weir_sync_bytes places; /* segments and tap types, as a message of the dialect */
	uint64_t new_buffer_bytes;     /* 0 = as it is */
};

/* Returns 0 or -ENOMEM. Give back with weir_sync_reply_free(), before the message. */
int weir_sync_reply_read(enum weir_sync_dialect dialect, const ProtobufCMessage *m,
			 struct weir_sync_reply *to);
void weir_sync_reply_free(struct weir_sync_reply *r);

/* A table that an answer names with its version; its bytes are borrowed. */
void weir_sync_reply_table(struct weir_sync_reply *to, enum weir_sync_table v, uint64_t version,
			   bool has, const ProtobufCBinaryData *bytes);
int weir_sync_reply_agent(const Agent__SyncResponse *m, struct weir_sync_reply *to);
int weir_sync_reply_trident(const Trident__SyncResponse *m, struct weir_sync_reply *to);

/* trident.Config as YAML of a group, by its old names where they carry the same unit. NULL: no memory; free(). */
char *weir_sync_config_text(const Trident__Config *c);

/*
 * A configuration as text; NULL without memory; free(). A byte 0, which would end it, is another that YAML allows
 * as little: so it is refused, with its line, and not cut.
 */
char *weir_sync_config_copy(const ProtobufCBinaryData *yaml);

/* Bytes of a message; NULL without memory; free(). */
uint8_t *weir_sync_pack(const ProtobufCMessage *m, size_t *n);

/* Replace `to` by a copy. False, as it was: no memory. */
bool weir_sync_bytes_copy(struct weir_sync_bytes *to, const uint8_t *v, size_t n);
void weir_sync_tables_clear(struct weir_sync_tables *t);

/* A text (NULL is "") as a field of `size` bytes: cut at its end, never inside of a character. */
void weir_sync_copy(char *to, size_t size, const char *from);

/* What becomes of a table when an answer names its version (control plane, 1.6). */
enum weir_sync_rule {
	WEIR_SYNC_LEAVE,   /* being prepared, or the same */
	WEIR_SYNC_REPLACE, /* by the bytes that came */
	WEIR_SYNC_EMPTY,   /* another version without bytes */
};
enum weir_sync_rule weir_sync_version_rule(uint64_t held, uint64_t named, bool has_bytes,
					   bool partial);

/* Unpack one table of a dialect into the builder it is for. 0, -EBADMSG with `err`, -ENOMEM. */
int weir_sync_rows_agent(enum weir_sync_table table, const struct weir_sync_bytes *bytes,
			 struct weir_meta_builder *meta, struct weir_policy_builder *policy,
			 struct weir_err *err);
int weir_sync_rows_trident(enum weir_sync_table table, const struct weir_sync_bytes *bytes,
			   struct weir_meta_builder *meta, struct weir_policy_builder *policy,
			   struct weir_err *err);

/* --- kept.c: the last good configuration, on disk --- */

struct weir_sync_kept {
	char *config; /* YAML of the group; NULL = none */
	bool has_dynamic;
	struct weir_sync_dynamic dynamic;
	struct weir_sync_tables tables;
	char server[300]; /* who gave it */
	uint64_t saved_s; /* epoch */
};

#define WEIR_SYNC_KEPT_MAX (1U << 30) /* bytes of the file */

/* As bytes for a file, and back. pack: NULL without memory; free(). unpack: -EBADMSG: it is none; -ENOMEM. */
char *weir_sync_kept_pack(const struct weir_sync_kept *k, size_t *n);
int weir_sync_kept_unpack(const char *bytes, size_t n, struct weir_sync_kept *k);
void weir_sync_kept_free(struct weir_sync_kept *k);

#endif
