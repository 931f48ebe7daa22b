/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A method is decoded by its dialect (dialect.h) into one of these structs, and answered by the same code for both.
 * What is decoded is borrowed from the message, and so only good until the method's `open` returns.
 */
#ifndef SERVE_PRIV_H
#define SERVE_PRIV_H

#include <serve.h>

#include <sys/queue.h>
#include <sys/socket.h>

#define SERVE_METHODS 10 /* of a dialect */

struct event;
struct query;
struct push;

TAILQ_HEAD(serve_pushes, push);
LIST_HEAD(serve_queries, query);

struct serve {
	struct serve_options o;
	struct weir_rpc *rpc;
	struct weir_rpc_server *server;
	struct weir_rpc_method methods[2 * SERVE_METHODS];
	struct serve_pushes nobodys; /* of who is no agent: watchers of Kubernetes */
	struct serve_pushes dirty;   /* something has changed for them */
	struct event *flush;         /* they are looked at */
	struct serve_pushes held;    /* it is too soon for a table of theirs */
	struct event *unhold;        /* it is not any more */
	struct serve_queries queries;
	unsigned int n_queries;
	struct sockaddr_storage ntp; /* the time server that is asked */
	socklen_t ntp_len;           /* 0 = none */
	struct serve_counts n;
};

static inline struct serve *serve_of(const struct weir_rpc_stream *st)
{
	return weir_rpc_stream_server_user(st);
}

/* ---- who calls ---- */

struct serve_peer {
	char name[256]; /* of its certificate, or its address */
	bool certified;
};
void serve_peer(struct weir_rpc_stream *st, struct serve_peer *to);

/* Of methods that say no agent's key: false where its certificate is revoked; the call was refused then. */
bool serve_admits(struct weir_rpc_stream *st);

/* End the call with PERMISSION_DENIED, counted. */
void serve_refuse(struct weir_rpc_stream *st, const char *why);

/* ---- Sync and Push ---- */

/* Of tables; 0 = none is held, or not ready. */
struct serve_versions {
	uint64_t platform, acls, groups;
};

struct serve_hello {
	struct site_hello site;
	struct serve_versions held;
};

/* What an agent is to be told, in whatever dialect. */
struct serve_answer {
	bool failed; /* nothing else is said then */
	const struct config_compiled *config;
	const char *revision; /* wanted of it; "" = as it is */

	/* its own */
	bool enabled, watch;
	bool known; /* it has the numbers that follow */
	uint32_t agent_id, type, vpc, pod_cluster;
	const char *group, *host;

	bool tables; /* versions are said, and tables sent where they differ */
	struct serve_versions versions;
	bool send_acls, send_groups;                     /* they are empty */
	const struct inventory_bytes *platform, *places; /* NULL: not sent */
	uint64_t places_version;

	bool partial;          /* too large for who asked: no tables, ask again with */
	uint64_t buffer_bytes; /* so much room */
};

/* Whom it is for. */
struct serve_for {
	const struct site_agent *agent; /* NULL: none yet */
	const struct site_group *group;
	bool trident, watch;
	uint32_t type; /* of who is none yet */
	uint64_t buffer_bytes;
};

/* Of gRPC, of an agent. Who says less does not negotiate. */
#define SERVE_BUFFER_MIN ((uint64_t)1 << 20)

/* answer.c */
void serve_answer_make(struct serve *s, const struct serve_for *f,
		       const struct serve_versions *held, struct serve_answer *to);
uint64_t serve_answer_hash(const struct serve_answer *a); /* equal: nothing new is in it */

struct serve_parts {
	struct weir_rpc_packed *v[3];
	unsigned int n;
	size_t bytes;
};
void serve_parts_make(struct serve *s, bool trident, const struct serve_answer *a,
		      struct serve_parts *to);
void serve_parts_free(struct serve_parts *p);

/* All of an answer but the tables, packed. */
struct weir_rpc_packed *serve_head_agent(struct serve *s, const struct serve_answer *a);
struct weir_rpc_packed *serve_head_trident(struct serve *s, const struct serve_answer *a);

/* sync.c: an agent says who it is. False: refused, the call was ended. */
bool serve_seen(struct weir_rpc_stream *st, struct serve_hello *h, bool push,
		struct site_seen *seen);
void serve_sync(struct weir_rpc_stream *st, struct serve_hello *h);

/* session.c: of an agent, between its calls. */
struct serve_session {
	uint32_t agent_id;
	struct serve_pushes pushes; /* the newest first */
	unsigned int n_pushes;
	struct serve_versions
		held;      /* as it said last; platform 0: or as it was answered, who knows */
	uint64_t answered; /* the version of platform data in the answer to its last Sync */
	uint64_t answered_ns;
	bool arrived; /* that answer: it said so itself since */
	bool watch;
	uint64_t buffer_bytes;
};
/* The agent's, made where there is none; NULL without memory. */
struct serve_session *serve_session_of(struct serve *s, const struct site_agent *a);
/* A Sync is answered so. */
void serve_session_synced(struct serve_session *se, const struct serve_hello *h,
			  const struct serve_answer *a);
/* A Push is opened. */
void serve_session_pushes(struct serve_session *se, const struct serve_hello *h, bool watch);
/* An answer to its Sync may be on its way just now. */
#define SERVE_HOLD_MS 1000
bool serve_session_is_answered_now(const struct serve_session *se);
/* No answer on its way brings back an older table: what is pushed now stays. */
bool serve_session_is_settled(const struct serve_session *se);

/* push.c */
struct push {
	TAILQ_ENTRY(push) entry; /* of its session, or of nobody's */
	TAILQ_ENTRY(push) list_entry;
	struct serve_pushes *list; /* `dirty` or `held` of serve; NULL: neither */
	struct weir_rpc_stream *st;
	struct serve_session *session; /* NULL: of who is no agent */
	bool trident;
	bool dirty;    /* in the list */
	bool busy;     /* a message is on its way */
	bool again;    /* something changed meanwhile: it is looked at when that has left */
	bool over;     /* in no list any more */
	uint64_t sent; /* hash of it */
	bool trusted;  /* what was pushed is what it holds */
	struct serve_versions pushed;
	uint64_t table_ns; /* monotonic: no other table before */
	/* of who is no agent */
	char group[13];
	bool watch;
	uint32_t type;
};
int serve_push_start(struct serve *s);  /* 0, -ENOMEM */
void serve_push_watch(struct serve *s); /* hear of changes, from now on */
void serve_push_stop(struct serve *s);
void serve_push_open(struct weir_rpc_stream *st, struct serve_hello *h);
void serve_push_room(struct weir_rpc_stream *st);
void serve_push_closed(struct weir_rpc_stream *st, bool cancelled);

/* ---- other methods ---- */

struct serve_asker {
	const char *ctrl_ip, *ctrl_mac;
};

/* upgrade.c; a piece of an image in its dialect */
struct serve_piece {
	bool failed;
	const uint8_t *bytes;
	size_t n;
	const char *md5, *k8s_image;
	uint64_t total;
	uint32_t pieces;
};
bool serve_piece_agent(struct weir_rpc_stream *st, const struct serve_piece *p);
bool serve_piece_trident(struct weir_rpc_stream *st, const struct serve_piece *p);
void serve_upgrade(struct weir_rpc_stream *st, const struct serve_asker *who,
		   bool (*send)(struct weir_rpc_stream *st, const struct serve_piece *p));
void serve_upgrade_room(struct weir_rpc_stream *st);
void serve_upgrade_closed(struct weir_rpc_stream *st, bool cancelled);

/* query.c; `answer` NULL: there is none */
typedef void (*serve_time_fn)(struct weir_rpc_stream *st, const uint8_t *answer, size_t n);
void serve_query(struct weir_rpc_stream *st, const uint8_t *packet, size_t n, serve_time_fn answer);
void serve_query_closed(struct weir_rpc_stream *st, bool cancelled);
int serve_query_start(struct serve *s,
		      struct weir_err *err); /* looks a name up, and blocks for it */

/* ntp.c: what a server says at that time; false: `packet` is no client's. RFC 5905, section 7.3. */
#define SERVE_NTP_BYTES 48
bool serve_ntp_answer(const uint8_t *packet, size_t n, uint64_t now_ns,
		      uint8_t answer[SERVE_NTP_BYTES]);

/* report.c */
struct serve_genesis {
	uint32_t agent_id;
	bool whole; /* who says it is in it: address and MAC, not the address alone */
	struct inventory_genesis g;
};
/* False: refused, the call was ended. */
bool serve_genesis(struct weir_rpc_stream *st, struct serve_genesis *g, uint64_t *version);
bool serve_cluster(struct weir_rpc_stream *st, const struct inventory_cluster *c,
		   uint64_t *version);

/* The methods of a dialect. */
extern const struct weir_rpc_method serve_methods_agent[SERVE_METHODS];
extern const struct weir_rpc_method serve_methods_trident[SERVE_METHODS];

#endif
