/* SPDX-License-Identifier: Apache-2.0 */
/*
 * weir-agent run: the parts of the daemon, as those that show them need to see them. Everything in here is
 * the control thread's: the loop of libevent.
 */
#ifndef RUN_H
#define RUN_H

#include "agent.h"
#include "group.h"
#include "health.h"
#include "own.h"
#include "ports.h"
#include "sinks.h"

#include <weir_exception.h>

#include <jansson.h>

#include <pthread.h>
#include <sched.h>

struct appliance;
struct captures;
struct chosen;
struct event;
struct event_base;
struct helpers;
struct limits;
struct sync;
struct tables;
struct watch;
struct weir_ctl_server;
struct weir_http_server;
struct weir_http_text;

struct run {
	/* as on the command line; NULL = not given */
	const char *box_path, *group_path;
	struct agent_conf *boot; /* what sizes were made of */
	struct agent_conf *conf; /* in force; `boot` until it is read again */
	struct group group;

	struct event_base *base;
	struct event *signals[3], *tick, *watchdog;
	uint64_t ticks;
	cpu_set_t cpus;                    /* where the process was allowed to run at start */
	bool has_cpus_of_group, is_locked; /* tuning.c: what holds of the group */
	int nice;                          /* likewise */
	struct helpers *helpers;
	struct weir_pipe *pipe;
	pthread_t reader;
	bool reader_runs;
	atomic_bool stop;      /* loop: wo; the pipe: ro */
	struct weir_err fault; /* reader: wo, until it was joined */
	struct sinks sinks;
	struct watch *watch;
	struct ports *ports;
	struct appliance *appliance; /* chosen by itself; NULL = it had not to */
	struct chosen *chosen;       /* by the group */
	struct own_traffic own;      /* that ports leave out */
	struct captures *captures;
	struct limits *limits;
	struct sync *sync;     /* NULL = no controller */
	struct tables *tables; /* the controller's */
	struct weir_exceptions
		exceptions; /* what the controller is told to be wrong; any thread: rw */
	struct weir_ctl_server *ctl;
	struct weir_http_server *http;
	struct health health;

	uint64_t started_us; /* wall clock */
	uint64_t started_ns; /* monotonic */
	bool ready;
	int exit_code;
};

/* control.c: commands of the control socket. */
struct weir_ctl_server *control_open(struct run *r, struct weir_err *err);

/* config_json.c: the group configuration in force, and the one that was refused. NULL without memory. */
json_t *group_json(const struct run *r);
/* The same, and every value of it with where it comes from. */
json_t *config_json(const struct run *r);
/* What is wrong with this one, of which nothing is applied. */
json_t *config_check_json(const struct run *r, const char *text);

/* status.c: the way of a packet, hop by hop. NULL without memory. */
json_t *status_json(struct run *r);
/* One line of it, for systemd. */
void status_line(struct run *r, char *text, size_t size);
/* Is anything captured, and kept? Else `why`. */
bool status_is_ready(struct run *r, char *why, size_t size);

/* ports_json.c: all counters of ports, workers, sinks and the store. */
json_t *ports_json(struct run *r);

/* http.c: /metrics, /livez, /readyz. NULL with `err` set. */
struct weir_http_server *http_open(struct run *r, struct weir_err *err);

/* metrics.c: all counters for Prometheus. */
void metrics_text(struct run *r, struct weir_http_text *to);

#endif
