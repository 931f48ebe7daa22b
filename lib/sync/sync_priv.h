/* SPDX-License-Identifier: Apache-2.0 */
/* Parts of the session that need no network, each for itself. */
#ifndef SYNC_PRIV_H
#define SYNC_PRIV_H

#include "weir_sync.h"

/* --- file.c --- */

/*
 * A whole file, NUL-terminated behind `len`; free(). -EFBIG: it has more than `most` bytes; -ENOENT,
 * other -errno, -ENOMEM.
 */
int weir_sync_file_read(const char *path, size_t most, char **text, size_t *len);

/*
 * Replace a file by `bytes`, readable by its owner only. It is there and on disk as a whole, or as it
 * was before. -errno.
 */
int weir_sync_file_write(const char *path, const void *bytes, size_t len);

/* --- keeper.c: that file written beside the loop; the loop's thread --- */

struct weir_sync_keeper;
/* NULL: no memory. `path` is copied; `aside` as in weir_sync.h. */
struct weir_sync_keeper *weir_sync_keeper_open(const char *path, weir_sync_aside_fn aside,
					       void *user);
/* Have `bytes` (taken; malloc) in the file, soon. What waits and was not begun is forgotten for it. */
void weir_sync_keeper_put(struct weir_sync_keeper *k, char *bytes, size_t n);
/* The last one did not come to the disk, and none was put since. */
bool weir_sync_keeper_failed(const struct weir_sync_keeper *k);
/* What was put is still written, nobody waits for it. NULL is fine. */
void weir_sync_keeper_close(struct weir_sync_keeper *k);

/* --- state.c: where the session stands with its controllers --- */

enum weir_sync_state {
	WEIR_SYNC_CONNECTING, /* at first, or as the server is another now: no answer yet */
	WEIR_SYNC_RESOLVING,  /* the one whose turn it is has no address yet */
	WEIR_SYNC_PROBING,    /* it did not speak our dialect: it is asked in the other one */
	WEIR_SYNC_IN_CONTACT, /* the last Sync was answered */
	WEIR_SYNC_NO_CONTACT, /* it was not: after a wait the next server is asked */
	WEIR_SYNC_STATES
};

enum weir_sync_event {
	WEIR_SYNC_ON_UNKNOWN,  /* no address is known of who is to be asked */
	WEIR_SYNC_ON_ANSWERED, /* a Sync, with what counts as an answer */
	WEIR_SYNC_ON_UNSPOKEN, /* it does not speak this dialect */
	WEIR_SYNC_ON_FAILED,
	WEIR_SYNC_ON_MOVED, /* the channel is another: proxy, another address, another controller */
	WEIR_SYNC_EVENTS
};

enum weir_sync_state weir_sync_state_next(enum weir_sync_state is, enum weir_sync_event what);
/* The server that was asked last is to be asked again; else the next one. */
bool weir_sync_state_is_good(enum weir_sync_state is);
const char *weir_sync_state_name(enum weir_sync_state is); /* for people */

/* --- select.c: which server is asked next --- */

enum weir_sync_on { WEIR_SYNC_ON_NOTHING, WEIR_SYNC_ON_CONTROLLER, WEIR_SYNC_ON_PROXY };

struct weir_sync_choice {
	uint32_t controllers; /* how many there are */
	uint32_t at;          /* the one in use, or to go back to */
	enum weir_sync_on on;
};

/*
 * Choose the server of the next Sync. `ok`: the last one was answered. `proxy`: the configuration in
 * force names one. Returns whether it is another server than before.
 */
bool weir_sync_choose(struct weir_sync_choice *c, bool ok, bool proxy);

/* --- timers.c --- */

/* How long an agent goes on without a controller. */
struct weir_sync_escape {
	uint64_t since_ns, limit_ns; /* monotonic */
	bool over;
};

/* A controller was heard, or the limit is another. */
void weir_sync_escape_arm(struct weir_sync_escape *e, uint64_t now_ns, uint64_t limit_ns);
/* True once, when the time is over. */
bool weir_sync_escape_check(struct weir_sync_escape *e, uint64_t now_ns);

/*
 * How long to wait after `failures` in a row (from 1): doubled each time from `first_ns` to `most_ns`,
 * then shortened by up to a half, so that agents which lost the same controller do not come back at
 * once. `random`: any 64 bits.
 */
uint64_t weir_sync_backoff(uint64_t first_ns, uint64_t most_ns, unsigned int failures,
			   uint64_t random);

/* --- ntp.c: RFC 5905 client packets, carried by a controller --- */

#define WEIR_SYNC_NTP_BYTES 48

/* Make a request. `mark` comes back in the answer and is not to be guessed. */
void weir_sync_ntp_request(uint8_t packet[WEIR_SYNC_NTP_BYTES], uint64_t mark);

/*
 * Check an answer. `sent_ns`, `got_ns`: wall clock around the call. `offset_s`: what is to be added to
 * our clock, in whole seconds towards 0. Returns 0 or -EPROTO with `err`.
 */
int weir_sync_ntp_answer(const uint8_t *packet, size_t len, uint64_t mark, uint64_t sent_ns,
			 uint64_t got_ns, int64_t *offset_s, struct weir_err *err);

enum weir_sync_ntp_verdict {
	WEIR_SYNC_NTP_KEEP, /* too near to what is used to matter */
	WEIR_SYNC_NTP_TAKE,
	WEIR_SYNC_NTP_JUMP, /* taken too, but the clock was far off: say it */
};
/* What to do with a new offset; `first`: there was none before. */
enum weir_sync_ntp_verdict weir_sync_ntp_judge(int64_t used_s, int64_t fresh_s, bool first,
					       uint64_t min_drift_ns, uint64_t max_drift_ns);

/* --- links.c: interfaces, addresses and routes of the host, over rtnetlink --- */

struct weir_sync_address {
	uint32_t index; /* of its link */
	uint8_t family; /* AF_INET, AF_INET6 */
	uint8_t prefix; /* bits */
	uint8_t ip[16];
};

struct weir_sync_link {
	uint32_t index;
	char name[16];
	char kind[16]; /* veth, bridge ...; "" = none */
	uint8_t mac[6];
	bool has_mac, up;
};

struct weir_sync_links {
	struct weir_sync_link *link;
	struct weir_sync_address *address;
	uint32_t links, addresses;
};

/*
 * Interfaces and addresses of the network namespace of process 1; of the own one where that cannot be
 * entered. Blocks on the kernel. Returns 0 or -errno with `err`; free() in any case.
 */
int weir_sync_links_read(struct weir_sync_links *l, struct weir_err *err);
void weir_sync_links_free(struct weir_sync_links *l);
const struct weir_sync_link *weir_sync_link_named(const struct weir_sync_links *l,
						  const char *name);
const struct weir_sync_link *weir_sync_link_at(const struct weir_sync_links *l, uint32_t index);

/* The address and link from which `towards` (text of an address) is reached, there. -errno with `err`. */
int weir_sync_route(const char *towards, uint32_t *index, char source[WEIR_SYNC_ADDRESS_MAX],
		    struct weir_err *err);

/*
 * Enter a namespace ("net", "uts") of process 1. Returns what to leave it with; -1: it is the own one,
 * or must not be entered.
 */
int weir_sync_ns_enter(const char *kind);
void weir_sync_ns_leave(int fd);

/* --- identity.c: who this agent is --- */

struct weir_sync_identity {
	char ip[WEIR_SYNC_ADDRESS_MAX]; /* ctrl_ip */
	char mac[18];                   /* ctrl_mac, aa:bb:cc:dd:ee:ff */
};

/*
 * Find the identity: CTRL_NETWORK_INTERFACE, else K8S_NODE_IP_FOR_DEEPFLOW where a link has it, else the
 * way `towards` a controller (text of an address). -ENOENT or other -errno with `err`.
 */
int weir_sync_identity_find(struct weir_sync_identity *id, const struct weir_sync_env *env,
			    const struct weir_sync_links *l, const char *towards,
			    struct weir_err *err);

/* Is this an address that others may know the host by: not loopback, link-local, multicast, any? */
bool weir_sync_is_global(uint8_t family, const uint8_t ip[16]);

/* Text of an address; `to` has room for WEIR_SYNC_ADDRESS_MAX. */
void weir_sync_address_text(const struct weir_sync_address *a, char *to);

/* --- host.c: what this machine is --- */

struct weir_sync_host {
	char name[WEIR_SYNC_NAME_MAX + 1]; /* of the host, also from within a container */
	char arch[65], kernel[65], os[160];
	uint32_t cpus;
	uint64_t memory_bytes;
};

void weir_sync_host_read(struct weir_sync_host *h);

#endif
