/* SPDX-License-Identifier: Apache-2.0 */
/* Private to run_ports*.c. */
#ifndef RUN_PORTS_PRIV_H
#define RUN_PORTS_PRIV_H

#include "ports.h"

#include <weir_source_ethdev.h>
#include <weir_tap.h>

/*
 * A port is in one of four phases, and only the loop moves it:
 *
 *   WAITING  not open; an attempt is due at retry_ns
 *   OPENING  a helper has a copy of what is said of it
 *   RUNNING  the pipe reads it
 *   CLOSING  the pipe has let go of it, a helper has its source
 *
 * What the configuration changes meanwhile waits for the helper: it sets `removed` or `stale`.
 */
enum phase { WAITING, OPENING, RUNNING, CLOSING };

struct port {
	struct ports *ps;
	struct port_spec spec;
	char *expression; /* of its tap, with that of all taps */
	enum phase phase;
	bool removed; /* the configuration does not have it any more */
	bool stale;   /* OPENING: with another spec than it has now */
	bool filters; /* RUNNING: by another expression than it has now */
	bool tried;
	bool gone; /* it was, and is not open again */
	uint8_t slot;
	struct weir_accounting base; /* the slot's counts before it was this port's */

	struct port_work *work;     /* OPENING, CLOSING: the helper's */
	struct weir_source *source; /* RUNNING */
	uint8_t link;               /* RUNNING: enum weir_link */
	uint32_t links;             /* RUNNING: of what its filter is made for */
	uint64_t retry_ns;
	uint32_t retry_s;

	enum port_state state;
	uint64_t since_us;
	struct weir_err err;
	bool missed_known;
	uint64_t missed, missed_before; /* before: of sources that were closed */
	uint64_t downs, downs_before, returns, returns_before;
	uint32_t speed_mbps; /* DPDK; 0 = not known */
	char driver[32];     /* DPDK */
	struct weir_ethdev_counters counters, counters_before;

	uint64_t look_ns;
	struct trend outcomes[WEIR_OUTCOMES], missing, received;
};

/* What the pipe reads now, and what it is going to read next. */
struct published {
	struct weir_pipe_tap taps[WEIR_PIPE_PORTS_MAX];
	struct weir_pipe_port ports[WEIR_PIPE_PORTS_MAX];
	struct weir_pipe_taps list;
};

struct ports {
	struct weir_pipe *pipe;
	struct helpers *helpers;
	uint32_t workers;
	bool stopping;
	unsigned int paused;                       /* PORTS_PAUSED_BY_..., or'ed */
	bool leaving;                              /* ports_leave() is not done */
	bool lacking;                              /* ports_commit() left some out */
	struct port *all[2 * WEIR_PIPE_PORTS_MAX]; /* those that leave are there for a while */
	unsigned int n;
	struct weir_filter *filters[WEIR_TAP_MAX + 1]; /* of taps, by number */
	struct published sets[2];
	unsigned int set; /* the one the pipe has */
};

/* ports_filter.c: ports whose expression changed go on by it soon; those that cannot are opened again. */
void ports_filters_follow(struct ports *ps);

/* ports_apply.c: whoever has it now is to let go of it. */
void ports_let_go(struct port *p);

/* ports.c, for ports_apply.c and ports_filter.c. */

/* Of the frames of all RUNNING ports of the tap: 1 << enum weir_link. */
uint32_t ports_links_of_tap(const struct ports *ps, uint8_t number);

/* Tell the pipe what is RUNNING; returns when it has let go of all else. 0 or -ENOMEM, nothing changed. */
int ports_publish(struct ports *ps);
/* What is CLOSING with its source still here leaves the pipe and is closed; what is removed is forgotten. */
void ports_leave(struct ports *ps);
/* A source the pipe does not read: stop, close, then what `removed` says. */
void ports_close(struct port *p, struct weir_source *source);
/* Not open and nothing under way: an attempt is due now. */
void ports_retry(struct port *p);
/* WAITING. Frees it. */
void ports_forget(struct port *p);

#endif
