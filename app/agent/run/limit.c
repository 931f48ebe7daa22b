/* SPDX-License-Identifier: Apache-2.0 */
/* Control-plane specification, 7.3 and 7.5; data-plane specification, 9. */
#include "limit.h"

#include "breakers.h"
#include "disks.h"
#include "run.h"

#include <weir_cgroup.h>
#include <weir_machine.h>

#include <event2/event.h>

#include <errno.h>
#include <malloc.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define STRIKES   2 /* rounds in a row beyond a limit, then the agent ends */
#define CORES_MAX 3
#define MIB       (UINT64_C(1) << 20)

/* The agent's own use, and what else is said beside breakers. */
enum notice {
	MEMORY,
	CPU,
	CGROUP,
	DISKS,
	SOCKETS,
	THREADS,
	PROCESSES,
	CORES,
	RATE,
	RECORDS,
	NOTICES
};

static const struct notice_row {
	const char *object;
	uint64_t bit;
	const char *remedy;
} notices[NOTICES] = {
	[MEMORY] = { "max_memory", WEIR_EXCEPTION_MEM_EXCEEDED,
		     "raise global.limits.max_memory, or lower flow.capacity of the box" },
	[CPU] = { "max_millicpus", 0, "raise global.limits.max_millicpus, or use a filter" },
	[CGROUP] = { "cgroup", WEIR_EXCEPTION_CGROUPS_CONFIG_ERROR,
		     "let the agent's user write to its control group: Delegate=yes in its unit" },
	[DISKS] = { "free_disk", 0,
		    "see that the file system's server answers, or take it out of "
		    "global.circuit_breakers.free_disk.directories" },
	[SOCKETS] = { "max_sockets", 0, "raise global.limits.max_sockets" },
	[THREADS] = { "thread_threshold", WEIR_EXCEPTION_THREAD_THRESHOLD_EXCEEDED,
		      "raise global.alerts.thread_threshold, or lower cores.workers" },
	[PROCESSES] = { "process_threshold", WEIR_EXCEPTION_PROCESS_THRESHOLD_EXCEEDED,
			"end agents that are not needed, or raise global.alerts.process_threshold" },
	[CORES] = { "core files", WEIR_EXCEPTION_COREFILE_TOO_MANY,
		    "report the crashes, then remove the files" },
	[RATE] = { "max_capture_pps", WEIR_EXCEPTION_RX_PPS_THRESHOLD_EXCEEDED,
		   "raise inputs.cbpf.tunning.max_capture_pps, or use a filter" },
	[RECORDS] = { "l4_throttle", 0, "raise outputs.flow_log.throttles.l4_throttle" },
};

struct limits {
	struct run *r;
	struct event *timer;
	uint64_t interval_ns;
	bool container;
	struct disks *disks;
	struct breakers breakers;
	struct weir_cgroup cgroup;
	struct notice_state {
		bool on;
		uint64_t since_us, since_ns;
		char words[300];
	} notices[NOTICES];

	struct weir_process process;
	uint64_t cpu_ns, looked_ns; /* of the round before */
	unsigned int cpu_strikes, memory_strikes;
	uint64_t memory_limit;
	bool memory_fits;   /* the agent was below this limit once */
	uint64_t refused;   /* packets beyond the rate so far */
	uint64_t throttled; /* records, likewise */
	char view[640];
};

static const struct weir_group_conf *group_of(const struct limits *l)
{
	return &l->r->conf->group;
}

/* --- what is said --- */

static bool is_told_once(uint64_t bit)
{
	const struct weir_exception_info *x = weir_exception_find(bit);

	return x != NULL && x->once;
}

__attribute__((format(printf, 4, 5))) static void notice(struct limits *l, enum notice which,
							 bool on, const char *fmt, ...)
{
	struct notice_state *s = &l->notices[which];
	const struct notice_row *row = &notices[which];
	const bool news = on != s->on;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(s->words, sizeof(s->words), fmt, ap);
	va_end(ap);
	s->on = on;
	if (on)
		weir_exceptions_set(&l->r->exceptions, row->bit);
	else if (!is_told_once(row->bit)) /* else whoever reports has not yet */
		weir_exceptions_clear(&l->r->exceptions, row->bit);
	if (!news)
		return;
	s->since_us = weir_clock_wall_ns() / WEIR_NS_PER_US;
	s->since_ns = weir_clock_mono_ns();
	weir_log_about(on ? WEIR_LOG_WARN : WEIR_LOG_INFO, "limit", row->object, "%s%s",
		       on ? "" : "well again: ", s->words);
}

/* The agent ends in order; who runs it starts it again. */
static void end(struct limits *l, const char *object, const char *words)
{
	weir_log_about(WEIR_LOG_ERR, "limit", object, "the agent ends: %s", words);
	l->r->exit_code = WEIR_EXIT_FAILED;
	event_base_loopbreak(l->r->base);
}

/* --- max_millicpus and max_memory --- */

static bool is_analyzer(const struct weir_group_conf *g)
{
	return g->inputs.cbpf.common.capture_mode == WEIR_CAPTURE_ANALYZER;
}

/* A box that does nothing else is not held to a default; a container has its own limits. */
static uint32_t cpu_limit(const struct limits *l)
{
	const struct weir_group_conf *g = group_of(l);
	const uint32_t *limit = &g->global.limits.max_millicpus;

	if (l->container || (is_analyzer(g) && weir_group_conf_from(g, limit) != WEIR_CONF_FILE))
		return 0;
	return *limit;
}

static uint64_t memory_limit(const struct limits *l)
{
	const struct weir_group_conf *g = group_of(l);

	return l->container || is_analyzer(g) ? 0 : g->global.limits.max_memory * MIB;
}

/* A limit below what was mapped at start would only end the agent again and again: it is said, and does no more. */
static uint64_t memory_limit_kept(const struct limits *l)
{
	return l->memory_fits ? memory_limit(l) : 0;
}

static void cgroup_follow(struct limits *l)
{
	struct weir_err err = { 0 };
	int rc = weir_cgroup_set(&l->cgroup, WEIR_CGROUP_CPU, cpu_limit(l), "", "weir-agent", &err);

	if (rc == 0)
		rc = weir_cgroup_set(&l->cgroup, WEIR_CGROUP_MEMORY, memory_limit_kept(l), "",
				     "weir-agent", &err);
	if (rc == 0 && !weir_cgroup_holds(&l->cgroup))
		rc = weir_err_set(&err, ENOENT, "somebody took the agent out of its control group");
	notice(l, CGROUP, rc != 0, "%.250s", rc != 0 ? err.msg : "the control group is set");
}

static void memory_look(struct limits *l, bool is_round)
{
	const uint64_t limit = memory_limit(l), rss = l->process.rss;
	const bool over = limit > 0 && rss > limit;

	if (limit != l->memory_limit)
		l->memory_fits = false;
	l->memory_limit = limit;
	notice(l, MEMORY, over, "%llu MiB are used, the limit is %llu MiB%s",
	       (unsigned long long)(rss / MIB), (unsigned long long)(limit / MIB),
	       over && !l->memory_fits ? "; the box was given more, so it is only said" : "");
	l->memory_fits |= !over;
	l->memory_strikes = over && l->memory_fits ? l->memory_strikes + is_round : 0;
	if (l->memory_strikes >= STRIKES)
		end(l, notices[MEMORY].object, l->notices[MEMORY].words);
}

/* Each round: where the kernel does not keep us below it. */
static void cpu_look(struct limits *l, uint64_t now_ns)
{
	const uint32_t limit = cpu_limit(l);
	const uint64_t past_ns = now_ns - l->looked_ns, used_ns = l->process.cpu_ns - l->cpu_ns;
	const uint64_t used = past_ns > 0 ? used_ns * 1000 / past_ns : 0;
	const bool over = limit > 0 && l->notices[CGROUP].on && l->looked_ns != 0 && used > limit;

	notice(l, CPU, over, "%llu milli-CPUs are used, the limit is %u", (unsigned long long)used,
	       limit);
	l->cpu_strikes = over ? l->cpu_strikes + 1 : 0;
	l->looked_ns = now_ns;
	l->cpu_ns = l->process.cpu_ns;
	if (l->cpu_strikes >= STRIKES)
		end(l, notices[CPU].object, l->notices[CPU].words);
}

/* --- sockets, threads, processes, core files, packets --- */

static void sockets_look(struct limits *l)
{
	const struct weir_group_conf *g = group_of(l);
	const uint32_t limit = g->global.limits.max_sockets;
	struct notice_state *s = &l->notices[SOCKETS];

	notice(l, SOCKETS, l->process.sockets > limit, "%u sockets are open, the limit is %u",
	       l->process.sockets, limit);
	/* Not the round's time, which is before that of a notice that is new. */
	if (s->on &&
	    weir_clock_mono_ns() - s->since_ns >= g->global.limits.max_sockets_tolerate_interval)
		end(l, notices[SOCKETS].object, s->words);
}

static void threads_look(struct limits *l)
{
	const uint32_t limit = group_of(l)->global.alerts.thread_threshold;
	const uint32_t n = l->process.threads;

	notice(l, THREADS, n > limit, "%u threads, the limit is %u", n, limit);
	if (n > 2 * limit)
		end(l, notices[THREADS].object, l->notices[THREADS].words);
}

static void others_look(struct limits *l)
{
	const struct weir_group_conf *g = group_of(l);
	const uint32_t limit = g->global.alerts.process_threshold;
	const uint32_t processes = weir_machine_processes("", l->process.name);
	const uint32_t cores = g->global.alerts.check_core_file_disabled
				       ? 0
				       : weir_machine_cores("", l->process.name);

	notice(l, PROCESSES, processes > limit, "%u processes named %s, the limit is %u", processes,
	       l->process.name, limit);
	notice(l, CORES, cores > CORES_MAX, "%u of %s, more than %d", cores, l->process.name,
	       CORES_MAX);
}

static void rate_look(struct limits *l)
{
	struct weir_accounting a;
	uint64_t refused;

	weir_pipe_accounting(l->r->pipe, &a);
	refused = a.outcomes[WEIR_OUTCOME_RATE_LIMIT];
	notice(l, RATE, refused > l->refused, "%llu packets were refused, the limit is %u a second",
	       (unsigned long long)refused, group_of(l)->inputs.cbpf.tunning.max_capture_pps);
	l->refused = refused;
}

static void records_look(struct limits *l)
{
	const uint32_t limit = group_of(l)->outputs.flow_log.throttles.l4_throttle;
	struct weir_outlet_stats s;

	weir_collector_stats(l->r->sinks.collector, 0, &s);
	notice(l, RECORDS, s.throttled > l->throttled,
	       "%llu records were left out, the limit is %u a second",
	       (unsigned long long)s.throttled, limit);
	l->throttled = s.throttled;
}

static void throttle_follow(struct limits *l)
{
	const uint32_t limit = group_of(l)->outputs.flow_log.throttles.l4_throttle;

	if (weir_collector_throttle(l->r->sinks.collector, limit) != 0)
		weir_log_about(WEIR_LOG_ERR, "limit", notices[RECORDS].object,
			       "no memory; it holds for nothing");
}

/* --- a round --- */

/* The rows of the appliance profile are off: a box that does nothing else is not looked after like a guest. */
static bool is_watched(const struct limits *l)
{
	const struct weir_group_conf *g = group_of(l);

	return weir_group_conf_from(g, &g->inputs.cbpf.common.capture_mode) != WEIR_CONF_PROFILE;
}

static void breakers_follow(struct limits *l, uint64_t now_ns)
{
	breakers_look(&l->breakers, group_of(l), &l->r->exceptions, now_ns);
	ports_pause(l->r->ports, PORTS_PAUSED_BY_LIMIT, breakers_any(&l->breakers));
	if (breakers_end(&l->breakers))
		end(l, "memory", l->breakers.of[BREAKER_MEMORY].words);
}

/* An answer came. */
static void on_disk(void *arg)
{
	breakers_follow(arg, weir_clock_mono_ns());
}

/* Only what the breaker is to know is asked: a file system that sleeps may be left alone. */
static void disks_follow(struct limits *l)
{
	static const struct weir_conf_names none;
	uint64_t since_ns = 0;
	const char *path;

	disks_ask(l->disks, breakers_want_disks(group_of(l))
				    ? &group_of(l)->global.circuit_breakers.free_disk.directories
				    : &none);
	path = disks_hanging(l->disks, &since_ns);
	if (path != NULL)
		notice(l, DISKS, true, "%.200s does not answer for %u s; what it last said holds",
		       path, (unsigned int)((weir_clock_mono_ns() - since_ns) / WEIR_NS_PER_S));
	else
		notice(l, DISKS, false, "all file systems answer");
}

static void unwatch(struct limits *l)
{
	weir_cgroup_leave(&l->cgroup);
	l->cpu_strikes = l->memory_strikes = 0;
	l->looked_ns = 0;
	for (int i = 0; i < NOTICES; i++)
		if (l->notices[i].on && i != RATE && i != RECORDS && i != DISKS)
			notice(l, (enum notice)i, false, "the limit is taken back");
}

/*
 * At a round, and when another configuration holds. What is measured over an interval, and rounds in a row, are a
 * round's alone: who pushes quickly neither ends the agent earlier nor makes rates of nothing.
 */
static void look(struct limits *l, bool is_round)
{
	const uint64_t now_ns = weir_clock_mono_ns();

	breakers_follow(l, now_ns);
	if (is_round) {
		rate_look(l);
		records_look(l);
	}
	if (!is_watched(l)) {
		unwatch(l);
		return;
	}
	if (weir_machine_process("", &l->process) != 0)
		return;
	memory_look(l, is_round);
	cgroup_follow(l);
	if (is_round)
		cpu_look(l, now_ns);
	sockets_look(l);
	threads_look(l);
	others_look(l);
	if (group_of(l)->global.tunning.idle_memory_trimming)
		malloc_trim(0);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	look(arg, true);
	disks_follow(arg); /* after it: threads that ask are none of those that are counted */
}

static void interval_follow(struct limits *l)
{
	const uint64_t ns = group_of(l)->global.tunning.resource_monitoring_interval;
	const struct timeval tv = { .tv_sec = (time_t)(ns / WEIR_NS_PER_S),
				    .tv_usec = (suseconds_t)(ns % WEIR_NS_PER_S / 1000) };

	if (ns == l->interval_ns)
		return;
	l->interval_ns = ns;
	event_add(l->timer, &tv);
}

static void settings_follow(struct limits *l)
{
	interval_follow(l);
	throttle_follow(l);
}

void limits_follow(struct limits *l)
{
	if (l == NULL)
		return;
	settings_follow(l);
	look(l, false);
	disks_follow(l);
}

void limits_destroy(struct limits *l)
{
	if (l == NULL)
		return;
	if (l->timer != NULL)
		event_free(l->timer);
	disks_destroy(l->disks);
	weir_cgroup_leave(&l->cgroup);
	free(l);
}

/* At start, one too many gives way. */
static int processes_check(const struct limits *l, struct weir_err *err)
{
	const struct notice_state *s = &l->notices[PROCESSES];

	return s->on ? weir_err_set(err, EBUSY, "global.alerts.process_threshold: %s", s->words)
		     : 0;
}

struct limits *limits_create(struct run *r, struct weir_err *err)
{
	struct limits *l = calloc(1, sizeof(*l));

	if (l == NULL) {
		weir_err_set(err, ENOMEM, "limits: no memory");
		return NULL;
	}
	l->r = r;
	l->container = weir_machine_is_container("");
	l->disks = disks_create(r->base, on_disk, l, err);
	if (l->disks != NULL)
		l->timer = event_new(r->base, -1, EV_PERSIST, on_timer, l);
	if (l->timer == NULL) {
		if (l->disks != NULL)
			weir_err_set(err, ENOMEM, "limits: no memory");
		limits_destroy(l);
		return NULL;
	}
	l->breakers.disks = l->disks;
	settings_follow(l);
	look(l, true);
	disks_follow(l);
	if (processes_check(l, err) != 0) {
		limits_destroy(l);
		return NULL;
	}
	return l;
}

/* --- for those that show it --- */

static void breaker_view(struct limits *l, int i, struct limit_view *v)
{
	char when[160];

	breaker_recovery_text(&l->breakers, i, weir_clock_mono_ns(), when, sizeof(when));
	snprintf(l->view, sizeof(l->view), "capture stopped: %s; %s", l->breakers.of[i].words,
		 when);
	*v = (struct limit_view){ .object = breaker_names[i],
				  .broken = true,
				  .since_us = l->breakers.of[i].since_us,
				  .words = l->view,
				  .remedy = "look for what uses it, or change "
					    "global.circuit_breakers of the group" };
}

bool limits_view(struct limits *l, unsigned int i, struct limit_view *v)
{
	for (int k = 0; k < BREAKERS; k++)
		if (limits_is_tripped(l, k) && i-- == 0) {
			breaker_view(l, k, v);
			return true;
		}
	for (int k = 0; k < NOTICES; k++)
		if (l->notices[k].on && i-- == 0) {
			*v = (struct limit_view){ .object = notices[k].object,
						  .since_us = l->notices[k].since_us,
						  .words = l->notices[k].words,
						  .remedy = notices[k].remedy };
			return true;
		}
	return false;
}

bool limits_is_tripped(const struct limits *l, int i)
{
	return l->breakers.of[i].b.tripped;
}

uint64_t limits_trips(const struct limits *l, int i)
{
	return l->breakers.of[i].b.trips;
}
