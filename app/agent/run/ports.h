/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The supervisor of ports: opens those that the configuration names, tries again those that fail, follows
 * their links, and tells the pipe which to read. All of it control thread; what may block is a helper's.
 */
#ifndef RUN_PORTS_H
#define RUN_PORTS_H

#include "port.h"
#include "trend.h"

#include <weir_pipe.h>

struct helpers;
struct ports;
struct ports_plan;

enum port_state {
	PORT_OPENING, /* for the first time; or closing, to be opened anew */
	PORT_UP,
	PORT_DOWN,   /* open, and without link */
	PORT_GONE,   /* it was open, and is not there any more; its return is waited for */
	PORT_FAILED, /* could not be opened; is tried again */
	PORT_PAUSED, /* closed, until ports_pause() says otherwise */
};

extern const char *const port_state_names[];

/* What is to be known of a port; cumulative since it is in the configuration. */
struct port_view {
	const struct port_spec *spec;
	enum port_state state;
	uint64_t since_us; /* wall clock */
	const struct weir_err *err;
	uint32_t retry_s; /* PORT_FAILED: it is tried again in so many seconds */
	uint8_t slot;
	uint8_t link;   /* enum weir_link of its packets; WEIR_LINK_UNKNOWN while it is not open */
	uint32_t links; /* 1 << enum weir_link, of all ports of the tap */
	uint16_t queues;
	bool missed_known;
	uint64_t missed;
	uint64_t linearised, cut, torn;
	uint64_t downs, returns;
	const char *device_driver; /* NULL = not known */
	uint32_t mtu, speed_mbps;  /* 0 = not known */
	struct weir_accounting acc;
	const struct trend *outcomes; /* one an outcome: since when */
	const struct trend *missing;
	const struct trend *received;
};

struct ports *ports_create(struct weir_pipe *pipe, struct helpers *helpers, uint32_t workers,
			   struct weir_err *err);

/* What ports_commit() did; texts are the caller's to keep. */
typedef void (*ports_change_fn)(void *ctx, const char *text);

/* What packets have to match beside the filter of their tap, pcap expressions; "" = all do. */
struct ports_filters {
	const char *lo;   /* of taps with the loopback device */
	const char *rest; /* of all others */
};

/*
 * To have the ports of these taps (numbered by their place, from 1): new ones are opened, others closed, those whose
 * options differ opened again; filters and promiscuous mode change in place. Nothing changes yet: what can be refused is, with NULL and
 * `err` set, -EINVAL or -ENOMEM. Valid until the loop goes on; it is given to one of the two that follow.
 */
struct ports_plan *ports_prepare(const struct ports *ps, const struct weir_box_tap *taps,
				 uint32_t n_taps, const struct ports_filters *all,
				 struct weir_err *err);
/* Have them from now on. Tells `change` of each. */
void ports_commit(struct ports *ps, struct ports_plan *plan, ports_change_fn change, void *ctx);
/* Some had no place, as others were still being closed: they are to be prepared again. */
bool ports_are_lacking(const struct ports *ps);
void ports_discard(struct ports_plan *plan); /* NULL is fine */

/* Why nothing is to be captured; each on its own, ports are open while there is none. */
enum {
	PORTS_PAUSED_BY_LIMIT = 1 << 0,
	PORTS_PAUSED_BY_GROUP = 1 << 1,      /* it is not enabled */
	PORTS_PAUSED_BY_CONTROLLER = 1 << 2, /* it was not heard of for too long */
};

/* Close all ports, or open them again. What they counted, and flows, stay. Waits some ms for the readers. */
void ports_pause(struct ports *ps, unsigned int reason, bool on);
unsigned int ports_paused(const struct ports *ps); /* the reasons there are */

/* Look at links and counters, try again what is due. Several times a second. */
void ports_tick(struct ports *ps);

/* Bring up to date what is counted outside of the pipe, before all are shown. */
void ports_look(struct ports *ps);

unsigned int ports_n(const struct ports *ps);
void ports_view(const struct ports *ps, unsigned int i, struct port_view *v);

/* Each port was tried at least once. */
bool ports_all_tried(const struct ports *ps);

/*
 * The pipe does not run any more. Stop and close all; what was missed stays to be seen in ports_view(). A
 * device that cannot be made to answer within `seconds` is left behind, with false.
 */
bool ports_stop(struct ports *ps, unsigned int seconds);
void ports_destroy(struct ports *ps); /* after ports_stop(); NULL is fine */

#endif
