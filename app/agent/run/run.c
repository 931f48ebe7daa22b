/* SPDX-License-Identifier: Apache-2.0 */
/* weir-agent run: boot order, loop, shutdown. */
#include "run.h"

#include "appliance.h"
#include "apply.h"
#include "capabilities.h"
#include "capture.h"
#include "cgroup.h"
#include "chosen.h"
#include "helper.h"
#include "limit.h"
#include "sync.h"
#include "tables.h"
#include "watch.h"

#include <notify.h>
#include <weir_ctl.h>
#include <weir_eal.h>
#include <weir_http.h>

#include <event2/event.h>

#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#define TICK_US       200000
#define LOOK_TICKS    5                   /* between two looks at how all do: 1 s */
#define STATUS_TICKS  25                  /* between two words to systemd: 5 s */
#define READY_NS      (3 * WEIR_NS_PER_S) /* ports may still be waited for; the rest is there */
#define STUCK_S       10                  /* then systemd's watchdog is not told that all is well */
#define PORTS_CLOSE_S 10

enum { OPT_BOX, OPT_GROUP };

static const struct option_row rows[] = {
	[OPT_BOX] = { "config", 'c', "FILE",
		      "box configuration (" BOX_PATH
		      ", if there;\nwithout it the appliance chooses what to capture)" },
	[OPT_GROUP] = { "group-config", 0, "FILE",
			"group configuration; without it the appliance profile holds" },
};

static const struct option_table options = {
	.command = "weir-agent run",
	.synopsis = "",
	.purpose =
		"Capture from live ports into the store until SIGTERM or SIGINT; SIGHUP reads the\n"
		"configurations again. weirctl asks how it does.",
	.rows = rows,
	.n = WEIR_ARRAY_SIZE(rows),
};

/* --- the loop --- */

static void say_ready(struct run *r)
{
	char line[300];

	if (r->ready ||
	    (!ports_all_tried(r->ports) && weir_clock_mono_ns() - r->started_ns < READY_NS))
		return;
	r->ready = true;
	status_line(r, line, sizeof(line));
	weir_log(WEIR_LOG_INFO, "running: %s", line);
	notify("READY=1\nSTATUS=%s", line);
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
	struct run *r = arg;
	char line[300];

	(void)fd;
	(void)what;
	ports_tick(r->ports);
	if (r->ticks % LOOK_TICKS == 0) {
		health_look(r);
		conf_follow(r);
		weir_log_flush(false);
	}
	if (r->ready && r->ticks % STATUS_TICKS == 0) {
		status_line(r, line, sizeof(line));
		notify("STATUS=%s", line);
	}
	say_ready(r);
	r->ticks++;
}

static void on_watchdog(evutil_socket_t fd, short what, void *arg)
{
	const struct run *r = arg;
	const char *who;

	(void)fd;
	(void)what;
	if (health_moves(r, STUCK_S, &who))
		notify("WATCHDOG=1");
	else
		weir_log(WEIR_LOG_ERR, "%s has work and has done nothing for %d s", who, STUCK_S);
}

static void on_stop(evutil_socket_t signo, short what, void *arg)
{
	struct run *r = arg;

	(void)what;
	weir_log(WEIR_LOG_INFO, "%s: the agent stops", strsignal((int)signo));
	event_base_loopbreak(r->base);
}

static void on_hangup(evutil_socket_t signo, short what, void *arg)
{
	struct run *r = arg;
	struct weir_err err = { 0 };

	(void)signo;
	(void)what;
	notify_reloading();
	if (run_reload(r, NULL, NULL, &err) != 0)
		weir_log(WEIR_LOG_ERR, "%s", err.msg);
	notify("READY=1");
}

static struct event *every(struct run *r, uint64_t us, event_callback_fn fn)
{
	const struct timeval tv = { .tv_sec = (time_t)(us / 1000000),
				    .tv_usec = (suseconds_t)(us % 1000000) };
	struct event *e = event_new(r->base, -1, EV_PERSIST, fn, r);

	if (e != NULL)
		event_add(e, &tv);
	return e;
}

static int events_start(struct run *r, struct weir_err *err)
{
	static const struct {
		int signo;
		event_callback_fn fn;
	} signals[] = { { SIGTERM, on_stop }, { SIGINT, on_stop }, { SIGHUP, on_hangup } };

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(signals); i++) {
		r->signals[i] = evsignal_new(r->base, signals[i].signo, signals[i].fn, r);
		if (r->signals[i] == NULL || event_add(r->signals[i], NULL) != 0)
			return weir_err_set(err, ENOMEM, "signals: no memory");
	}
	r->tick = every(r, TICK_US, on_tick);
	if (notify_watchdog_us() > 0)
		r->watchdog = every(r, notify_watchdog_us() / 2, on_watchdog);
	return r->tick != NULL ? 0 : weir_err_set(err, ENOMEM, "timers: no memory");
}

static void events_stop(struct run *r)
{
	struct event *const all[] = { r->signals[0], r->signals[1], r->signals[2], r->tick,
				      r->watchdog };

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(all); i++)
		if (all[i] != NULL)
			event_free(all[i]);
	(void)agent_stop_on_signals(); /* one more signal of the same wish is none; a later one ends it */
}

/* --- threads and CPUs --- */

static void *reader_main(void *arg)
{
	struct run *r = arg;

	if (weir_pipe_run(r->pipe, NULL, &r->stop, &r->fault) != 0) {
		weir_log(WEIR_LOG_ERR, "%s", r->fault.msg);
		kill(getpid(), SIGTERM); /* the loop is to end in order */
	}
	return NULL;
}

static int reader_start(struct run *r, struct weir_err *err)
{
	pthread_attr_t attr;
	int rc = pthread_attr_init(&attr);

	/*
	 * Workers come from this thread: they run where the process was allowed to. It begins there, and does not go
	 * there by itself: by then a group may have moved it.
	 */
	if (rc == 0)
		rc = pthread_attr_setaffinity_np(&attr, sizeof(r->cpus), &r->cpus);
	if (rc == 0)
		rc = pthread_create(&r->reader, &attr, reader_main, r);
	pthread_attr_destroy(&attr);
	if (rc != 0)
		return weir_err_set(err, rc, "the reader's thread cannot be started: %s",
				    strerror(rc));
	r->reader_runs = true;
	return 0;
}

/* This thread, and those that come from it, but for the reader and workers. */
static void keep_to_control_cpus(struct run *r)
{
	const struct weir_conf_ints *cpus = &r->conf->box.cores.control_cpus;
	cpu_set_t set;

	sched_getaffinity(0, sizeof(r->cpus), &r->cpus);
	if (cpus->n == 0)
		return;
	CPU_ZERO(&set);
	for (uint32_t i = 0; i < cpus->n; i++)
		CPU_SET((unsigned int)cpus->v[i], &set);
	if (sched_setaffinity(0, sizeof(set), &set) != 0)
		weir_log(WEIR_LOG_WARN, "cores.control_cpus: %m; all CPUs are used");
}

/* --- boot --- */

/* What a group may ask for where the box has no taps: a controller's says so only later. */
static unsigned int kinds_of_group(const struct run *r)
{
	const struct weir_box_conf *box = &r->conf->box;
	const bool asks = r->conf->group.inputs.cbpf.af_packet.extra_netns_regex[0] != '\0' ||
			  box->controller.address[0] != '\0' ||
			  access(WEIR_SYNC_BOOT_PATH, F_OK) == 0;

	return box->taps_n == 0 && asks ? PORT_NETNS : 0;
}

/* What needs more rights than later, before any other thread. */
static int boot_outside(struct run *r, struct weir_err *err)
{
	const struct weir_box_conf *box = &r->conf->box;

	cgroup_enter();
	keep_to_control_cpus(r);
	r->base = event_base_new();
	if (r->base == NULL)
		return weir_err_set(err, ENOMEM, "the loop: no memory");
	if (box->control.socket[0] != '\0') {
		r->ctl = control_open(r, err);
		if (r->ctl == NULL)
			return -err->code;
	}
	if (box->http.listen[0] != '\0') {
		r->http = http_open(r, err);
		if (r->http == NULL)
			return -err->code;
	}
	capabilities_keep(port_kinds(box) | kinds_of_group(r));
	return 0;
}

/* From the far end to the near: packets come last. */
static int boot_inside(struct run *r, struct weir_err *err)
{
	const struct weir_box_conf *box = &r->conf->box;
	const struct weir_pipe_options pipe = agent_pipe_options(r->conf, box->cores.workers,
								 box->flow.capacity);

	weir_log(WEIR_LOG_INFO, "memory: %zu MiB for flows, rings and workers",
		 weir_pipe_bytes(&pipe) >> 20);
	if (sinks_open(&r->sinks, box, err) != 0)
		return -err->code;
	r->helpers = helpers_create(r->base, err);
	r->watch = r->helpers != NULL ? watch_create(r->base, err) : NULL;
	r->pipe = r->watch != NULL ? weir_pipe_create(&pipe, err) : NULL;
	if (r->pipe != NULL)
		weir_pipe_back(
			r->pipe); /* the first packets need not wait for it, nor does READY=1 lie */
	if (r->pipe == NULL || sinks_start(&r->sinks, box, r->pipe, r->watch, err) != 0)
		return -err->code;
	r->ports = ports_create(r->pipe, r->helpers, box->cores.workers, err);
	r->captures = r->ports != NULL ? captures_create(r, err) : NULL;
	r->chosen = chosen_create();
	if (r->chosen == NULL)
		return weir_err_set(err, ENOMEM, "ports: no memory");
	r->tables = tables_create(r);
	if (r->tables == NULL)
		return weir_err_set(err, ENOMEM, "tables of a controller: no memory");
	if (r->captures == NULL || events_start(r, err) != 0)
		return -err->code;
	r->limits = limits_create(r, err);
	if (r->limits == NULL)
		return -err->code;
	return reader_start(r, err);
}

static int boot(struct run *r, struct weir_err *err)
{
	int rc = boot_outside(r, err);

	if (rc == 0)
		rc = boot_inside(r, err);
	if (rc == 0)
		r->sync = sync_open(r); /* first: ports are to leave its packets out */
	if (rc == 0)
		rc = run_configure(r, err);
	return rc;
}

/* --- shutdown --- */

static void accounting_say(const struct run *r)
{
	struct weir_accounting all;

	for (unsigned int i = 0; i < ports_n(r->ports); i++) {
		struct port_view v;
		char missed[48] = "missed unknown";

		ports_view(r->ports, i, &v);
		if (v.missed_known)
			snprintf(missed, sizeof(missed), "%" PRIu64 " missed", v.missed);
		weir_log_about(WEIR_LOG_INFO, "port", v.spec->name,
			       "%" PRIu64 " packets received, %s", v.acc.received, missed);
	}
	weir_pipe_accounting(r->pipe, &all);
	accounting_print(stderr, &all, r->pipe);
	for (uint32_t i = 0; i < r->sinks.n && r->sinks.collector != NULL; i++) {
		struct weir_outlet_stats s;

		weir_collector_stats(r->sinks.collector, i, &s);
		weir_log_about(WEIR_LOG_INFO, "sink", s.name,
			       "%" PRIu64 " records taken, %" PRIu64 " written, %" PRIu64
			       " dropped, %" PRIu64 " failed, %" PRIu64 " folded, %" PRIu64
			       " filtered, %" PRIu64 " throttled",
			       s.taken, s.written, s.dropped, s.failed, s.folded, s.filtered,
			       s.throttled);
	}
}

/* In the order of a packet's way: who feeds ends before who is fed. False: a device hangs. */
static bool drain(struct run *r)
{
	struct weir_err err = { 0 };
	bool closed = true;

	if (r->sinks.collector != NULL)
		weir_collector_drain(r->sinks.collector);
	atomic_store_explicit(&r->stop, true, memory_order_relaxed);
	if (r->reader_runs)
		pthread_join(r->reader, NULL);
	if (r->fault.code != 0)
		r->exit_code = WEIR_EXIT_FAILED;
	if (r->ports != NULL)
		closed = ports_stop(r->ports, PORTS_CLOSE_S);
	if (!closed)
		weir_log(WEIR_LOG_WARN,
			 "a port, or the disk that keeps the controller's configuration, does not "
			 "answer; it is left behind");
	if (r->pipe != NULL)
		weir_pipe_close_records(r->pipe);
	if (sinks_close(&r->sinks, &err) != 0) {
		weir_log(WEIR_LOG_ERR, "%s", err.msg);
		r->exit_code = WEIR_EXIT_FAILED;
	}
	if (r->reader_runs)
		accounting_say(r);
	return closed;
}

static void shut_down(struct run *r)
{
	bool closed;

	notify("STOPPING=1");
	events_stop(r);
	weir_ctl_server_destroy(r->ctl);
	weir_http_server_destroy(r->http);
	sync_close(r->sync);
	limits_destroy(r->limits);
	captures_destroy(r->captures);
	closed = drain(r);
	weir_log_flush(true);
	ports_destroy(r->ports);
	chosen_destroy(r->chosen);
	appliance_free(r->appliance);
	weir_collector_destroy(r->sinks.collector);
	helpers_destroy(r->helpers);
	watch_destroy(r->watch);
	if (r->base != NULL)
		event_base_free(r->base);
	if (!closed) /* it may still use what follows */
		return;
	weir_pipe_destroy(r->pipe);
	tables_destroy(r->tables);
	weir_eal_stop();
}

static int parse(struct run *r, int argc, char **argv, bool *help)
{
	const char *arg;
	int opt, operand;

	while ((opt = options_next(&options, argc, argv, &arg, &operand)) >= 0) {
		if (opt == OPT_BOX)
			r->box_path = arg;
		else
			r->group_path = arg;
	}
	*help = opt == OPTION_HELP;
	if (opt == OPTION_BAD)
		return WEIR_EXIT_USAGE;
	if (!*help && operand < argc)
		return option_mistake(&options, "%s: not expected here", argv[operand]);
	return 0;
}

static int run(struct run *r)
{
	struct weir_err err = { 0 };

	weir_log(WEIR_LOG_INFO, "weir-agent " WEIR_VERSION ", box configuration %s",
		 r->conf->box_path != NULL ? r->conf->box_path : "none: defaults");
	if (boot(r, &err) == 0) {
		event_base_dispatch(r->base);
	} else {
		weir_log(WEIR_LOG_ERR, "%s", err.msg);
		r->exit_code = WEIR_EXIT_FAILED;
	}
	shut_down(r);
	return r->exit_code;
}

int weir_agent_run(int argc, char **argv)
{
	static struct run r; /* large */
	bool help;
	int rc = parse(&r, argc, argv, &help);

	if (rc != 0 || help)
		return rc;
	r.started_us = weir_clock_wall_ns() / WEIR_NS_PER_US;
	r.started_ns = weir_clock_mono_ns();
	r.boot = r.conf = calloc(1, sizeof(*r.conf));
	if (r.boot == NULL) {
		weir_log(WEIR_LOG_ERR, "no memory");
		return WEIR_EXIT_FAILED;
	}
	notify_init();
	rc = agent_conf_load(r.conf, r.box_path, r.group_path);
	if (rc == 0) {
		agent_conf_live(r.conf);
		group_init(&r);
		rc = run(&r);
	}
	group_fini(&r);
	return rc;
}
