/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The way of a packet, hop by hop from link to disk: what each does, whether it is well, and what to do
 * where it is not. A hop is broken when nothing passes it, or things are lost there; warn, when it is near that.
 */
#include "limit.h"
#include "run.h"
#include "sync.h"
#include "tables.h"

#include <weir_ctl.h>

#include <inttypes.h>
#include <stdarg.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#define BUSY_SHARE      0.9
#define FULL_SHARE      0.9
#define DISK_FREE_SHARE 0.05
#define QUIET_NS        TREND_QUIET_NS

enum hop_state { OK, WARN, BROKEN };

static const char *const hop_states[] = { "ok", "warn", "broken" };

struct hop {
	const char *hop;
	const char *object;
	enum hop_state state;
	char detail[600];
	const char *remedy;
};

static void add(json_t *hops, const struct hop *h)
{
	json_array_append_new(hops,
			      json_pack("{s:s, s:o, s:s, s:o, s:s}", "hop", h->hop, "object",
					weir_ctl_text(h->object), "state", hop_states[h->state],
					"detail", weir_ctl_text(h->detail), "remedy",
					h->remedy != NULL ? h->remedy : ""));
}

__attribute__((format(printf, 2, 3))) static void detail(struct hop *h, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(h->detail, sizeof(h->detail), fmt, ap);
	va_end(ap);
}

/* "14:03:27"; of another day with the date before it. */
static const char *clock_text(uint64_t us, char *to, size_t size)
{
	const time_t t = (time_t)(us / 1000000), now = time(NULL);
	struct tm then, today;

	localtime_r(&t, &then);
	localtime_r(&now, &today);
	strftime(to, size,
		 then.tm_yday == today.tm_yday && then.tm_year == today.tm_year
			 ? "%H:%M:%S"
			 : "%Y-%m-%d %H:%M:%S",
		 &then);
	return to;
}

/* --- limits --- */

static void limits_hops(json_t *hops, const struct run *r)
{
	struct limit_view v;

	for (unsigned int i = 0; limits_view(r->limits, i, &v); i++) {
		struct hop h = { .hop = "limit",
				 .object = v.object,
				 .state = v.broken ? BROKEN : WARN,
				 .remedy = v.remedy };
		char since[32];

		detail(&h, "since %s: %s", clock_text(v.since_us, since, sizeof(since)), v.words);
		add(hops, &h);
	}
}

/* --- link and port --- */

/* --- the controller --- */

static void controller_hop(json_t *hops, const struct run *r)
{
	struct hop h = { .hop = "controller" };
	struct weir_sync_view v;

	if (!sync_view(r->sync, &v))
		return;
	h.object = v.server;
	if (strcmp(v.state, "escaped") == 0)
		h.state = BROKEN;
	else if (strcmp(v.state, "in contact") != 0)
		h.state = WARN;
	detail(&h, "%s%s%s%s%s%s", v.state, v.dialect[0] != '\0' ? ", " : "", v.dialect,
	       v.kept ? ", the configuration of an earlier run holds" : "",
	       v.error[0] != '\0' ? ": " : "", v.error);
	if (h.state != OK)
		h.remedy = "see that the controller runs, and that its port can be reached";
	add(hops, &h);
}

/* A table of the controller's that is in force, or was refused. */
static void controller_table_hop(json_t *hops, const struct run *r, enum table which)
{
	char version[64], since[32];
	struct hop h = { .hop = table_names[which], .object = version };
	struct table_view v;

	table_view(r->tables, which, &v);
	if (!v.there && v.refused[0] == '\0')
		return;
	snprintf(version, sizeof(version), "version %" PRIu64, v.version);
	clock_text(v.since_us, since, sizeof(since));
	snprintf(h.detail, sizeof(h.detail),
		 "%" PRIu64 " %s, %" PRIu64 " KiB, since %s; %" PRIu64 " rows were no good", v.rows,
		 which == TABLE_INVENTORY ? "interfaces" : "ACLs", v.bytes >> 10, since, v.dropped);
	if (!v.there)
		snprintf(h.detail, sizeof(h.detail), "there is none");
	if (v.refused[0] != '\0') {
		h.state = WARN;
		snprintf(h.detail + strlen(h.detail), sizeof(h.detail) - strlen(h.detail),
			 "; the last one is refused: %s", v.refused);
		h.remedy = "it is asked for again; see what the controller says of it";
	}
	add(hops, &h);
}

static const char *paused_why(unsigned int reasons)
{
	if (reasons & PORTS_PAUSED_BY_LIMIT)
		return "a breaker is tripped";
	if (reasons & PORTS_PAUSED_BY_GROUP)
		return "the group is not enabled";
	return "no controller was heard of for too long";
}

/* `paused`: PORTS_PAUSED_BY_..., or'ed. */
static void link_hop(json_t *hops, const struct port_view *v, unsigned int paused)
{
	struct hop h = { .hop = "link", .object = v->spec->name };
	char since[32];

	clock_text(v->since_us, since, sizeof(since));
	switch (v->state) {
	case PORT_OPENING:
		h.state = WARN;
		detail(&h, "is being opened since %s", since);
		h.remedy = "a device that waits for its peer stays so until the peer connects";
		break;
	case PORT_UP:
		detail(&h, "up since %s", since);
		break;
	case PORT_DOWN:
		h.state = BROKEN;
		detail(&h, "down since %s, no packets until it is back", since);
		h.remedy = "look at cable, switch port and mirror session; ip link set NAME up";
		break;
	case PORT_GONE:
		h.state = BROKEN;
		detail(&h, "gone since %s, no packets until it is back", since);
		h.remedy = "it is captured again by itself when it returns; a port that will not, "
			   "take out of the configuration and reload";
		break;
	case PORT_PAUSED:
		h.state = BROKEN;
		detail(&h, "closed since %s: %s", since, paused_why(paused));
		h.remedy = "it is opened again by itself once that is over";
		break;
	case PORT_FAILED:
		h.state = BROKEN;
		detail(&h, "%s", v->err->msg);
		h.remedy = "it is tried again by itself, every 30 s at the longest";
		break;
	}
	add(hops, &h);
}

static double percent(uint64_t part, uint64_t whole)
{
	return whole > 0 ? 100.0 * (double)part / (double)whole : 0;
}

/* Up for a while, and nothing comes. */
static bool is_quiet(const struct port_view *v)
{
	const uint64_t up_ns = weir_clock_wall_ns() - v->since_us * WEIR_NS_PER_US;

	return v->state == PORT_UP && up_ns > QUIET_NS && !trend_is_rising(v->received);
}

static void port_hop(json_t *hops, const struct port_view *v)
{
	struct hop h = { .hop = "port", .object = v->spec->name };
	char missed[80] = "missed unknown";

	if (v->missed_known)
		snprintf(missed, sizeof(missed), "%" PRIu64 " missed (%.2f %%)", v->missed,
			 percent(v->missed, v->missed + v->acc.received));
	detail(&h, "%" PRIu64 " packets, %.0f a second, %s", v->acc.received,
	       trend_rate(v->received), missed);
	if (trend_is_rising(v->missing)) {
		h.state = BROKEN;
		h.remedy = v->spec->kernel
				   ? "raise memory_mib of the tap, or use a filter or a snaplen"
				   : "add workers and queues, or use a filter";
	} else if (is_quiet(v)) {
		h.state = WARN;
		h.remedy =
			"is traffic mirrored to it? A filter that matches nothing looks the same";
	}
	add(hops, &h);
}

/* --- steering, workers, table --- */

static const char *const ways[] = {
	[WEIR_PIPE_ONE_WORKER] = "one worker",
	[WEIR_PIPE_STEERED] = "steered",
	[WEIR_PIPE_DIRECT] = "direct",
};

static void steer_hop(json_t *hops, const struct run *r)
{
	static const char *const words[] = {
		[WEIR_PIPE_ONE_WORKER] = "one worker reads all ports",
		[WEIR_PIPE_STEERED] = "one reader hands packets to workers by their inner headers",
		[WEIR_PIPE_DIRECT] = "each worker reads queues of its own",
	};
	const struct trend *full = &r->health.ring_full;
	struct hop h = { .hop = "steer", .object = ways[weir_pipe_way(r->pipe)] };

	detail(&h,
	       "%s; %" PRIu64 " packets found the ring of their worker full, %" PRIu64
	       " connections were split",
	       words[weir_pipe_way(r->pipe)], full->value, r->health.split.value);
	if (trend_is_rising(full)) {
		h.state = BROKEN;
		h.remedy = weir_outcomes[WEIR_OUTCOME_RING_FULL].remedy;
	} else if (trend_is_rising(&r->health.split)) {
		h.state = WARN;
		h.remedy =
			"the port's hash parts the directions of a flow: give the tap queues = 1";
	}
	add(hops, &h);
}

static void worker_hop(json_t *hops, const struct run *r, unsigned int i)
{
	const struct worker_health *w = &r->health.workers[i];
	char object[24];
	struct hop h = { .hop = "worker", .object = object };

	snprintf(object, sizeof(object), "worker %u", i);
	detail(&h, "%.0f %% busy, %.0f packets a second, ring %u of %u", 100 * w->busy,
	       trend_rate(&w->packets), w->stats.ring_used, w->stats.ring_slots);
	if (w->busy > BUSY_SHARE) {
		h.state = WARN;
		h.remedy = "raise cores.workers before packets are lost";
	}
	add(hops, &h);
}

static void table_hop(json_t *hops, const struct run *r)
{
	struct hop h = { .hop = "table", .object = "flows" };
	uint64_t flows = 0, room = 0;

	for (unsigned int i = 0; i < r->boot->box.cores.workers; i++) {
		flows += r->health.workers[i].stats.flows;
		room += r->health.workers[i].stats.flow_capacity;
	}
	detail(&h,
	       "%" PRIu64 " of %" PRIu64 " flows, %" PRIu64 " ended early, %" PRIu64
	       " packets without a flow",
	       flows, room, r->health.evicted.value, r->health.table_full.value);
	if (trend_is_rising(&r->health.table_full))
		h.state = BROKEN;
	else if (trend_is_rising(&r->health.evicted) || (double)flows > FULL_SHARE * (double)room)
		h.state = WARN;
	if (h.state != OK)
		h.remedy = weir_outcomes[WEIR_OUTCOME_TABLE_FULL].remedy;
	add(hops, &h);
}

/* --- collector, sinks, store, disk --- */

static void collector_hop(json_t *hops, const struct run *r)
{
	struct hop h = { .hop = "collector", .object = "records" };

	detail(&h, "%" PRIu64 " records, %.0f a second, %" PRIu64 " lost before it",
	       r->health.records.value, trend_rate(&r->health.records),
	       r->health.records_lost.value);
	if (trend_is_rising(&r->health.records_lost)) {
		h.state = BROKEN;
		h.remedy = "raise rings.records";
	}
	add(hops, &h);
}

static void sink_hop(json_t *hops, const struct run *r, uint32_t i)
{
	const struct sink_health *s = &r->health.sinks[i];
	struct hop h = { .hop = "sink", .object = r->sinks.v[i].name };
	struct weir_err fault;
	uint64_t since_us;
	char since[32];

	detail(&h,
	       "%" PRIu64 " records written to %s, %.0f a second; %" PRIu64 " dropped, %" PRIu64
	       " failed",
	       s->stats.written, r->sinks.v[i].target, trend_rate(&s->written), s->stats.dropped,
	       s->stats.failed);
	since_us = weir_collector_fault(r->sinks.collector, i, &fault);
	if (since_us != 0) {
		h.state = BROKEN;
		detail(&h,
		       "cannot be written since %s: %s; %" PRIu64 " records written, %" PRIu64
		       " failed",
		       clock_text(since_us, since, sizeof(since)), fault.msg, s->stats.written,
		       s->stats.failed);
		h.remedy =
			"capture goes on; it is tried again by itself, every 30 s at the longest";
	} else if (trend_is_rising(&s->failed)) {
		h.state = BROKEN;
		h.remedy = "see the log for the reason";
	} else if (trend_is_rising(&s->dropped)) {
		h.state = BROKEN;
		h.remedy = "the sink is too slow: use a faster disk, or fewer sinks on it";
	}
	add(hops, &h);
}

static void store_hop(json_t *hops, const struct run *r)
{
	struct hop h = { .hop = "store", .object = r->sinks.store_path };
	struct weir_err fault = { 0 };
	struct weir_store_stats s;

	weir_store_stats(r->sinks.store, &s);
	weir_store_fault(r->sinks.store, &fault);
	detail(&h,
	       "%" PRIu64 " records stored, %" PRIu64 " lost; %u files, %u to be indexed, %u bad",
	       s.stored, s.lost, s.files, s.unfinished, s.bad);
	if (fault.code != 0) {
		h.state = BROKEN;
		detail(&h, "%s", fault.msg);
		h.remedy = "capture goes on; it is tried again each second";
	} else if (s.bad > 0) {
		h.state = WARN;
		h.remedy = "files that are damaged or not ours are left alone; the log names them";
	}
	add(hops, &h);
}

static void disk_hop(json_t *hops, const struct run *r)
{
	struct hop h = { .hop = "disk", .object = r->sinks.store_path };
	struct statvfs fs;
	double share;

	if (statvfs(r->sinks.store_path, &fs) != 0) {
		h.state = BROKEN;
		detail(&h, "cannot be looked at: %m");
	} else {
		share = fs.f_blocks > 0 ? (double)fs.f_bavail / (double)fs.f_blocks : 0;
		detail(&h, "%.1f GiB free, %.0f %%",
		       (double)fs.f_bavail * (double)fs.f_frsize / (1 << 30), 100 * share);
		if (share < DISK_FREE_SHARE) {
			h.state = WARN;
			h.remedy = "free space, or set max_mib or max_age of the store lower";
		}
	}
	add(hops, &h);
}

static void ports_hops(json_t *hops, const struct run *r)
{
	const unsigned int n = ports_n(r->ports);
	struct port_view v;

	for (unsigned int i = 0; i < n; i++) {
		ports_view(r->ports, i, &v);
		link_hop(hops, &v, ports_paused(r->ports));
	}
	for (unsigned int i = 0; i < n; i++) {
		ports_view(r->ports, i, &v);
		if (v.state == PORT_UP || v.acc.received > 0)
			port_hop(hops, &v);
	}
	if (n == 0) {
		struct hop h = { .hop = "link", .object = "none", .state = BROKEN };

		detail(&h, "no port is configured, and no interface was found to capture from");
		h.remedy = "name ports in " BOX_PATH " and reload";
		add(hops, &h);
	}
}

/* Only where there is something to say. */
static void group_hop(json_t *hops, const struct run *r)
{
	const struct group_refused *no = &r->group.refused;
	struct hop h = { .hop = "config", .object = "group", .state = WARN };
	char at[32];

	if (!group_is_refused(r))
		return;
	detail(&h, "%s: %s at %s, that of %s goes on", no->err.msg, no->origin,
	       clock_text(no->at_us, at, sizeof(at)), r->group.origin);
	h.remedy = "mend it; weirctl config plan -f FILE says what is wrong, and where";
	add(hops, &h);
}

static json_t *hops_json(const struct run *r)
{
	json_t *hops = json_array();

	controller_hop(hops, r);
	for (enum table i = 0; i < TABLES; i++)
		controller_table_hop(hops, r, i);
	limits_hops(hops, r);
	ports_hops(hops, r);
	steer_hop(hops, r);
	for (unsigned int i = 0; i < r->boot->box.cores.workers; i++)
		worker_hop(hops, r, i);
	table_hop(hops, r);
	collector_hop(hops, r);
	for (uint32_t i = 0; i < r->sinks.n; i++)
		sink_hop(hops, r, i);
	if (r->sinks.store != NULL) {
		store_hop(hops, r);
		disk_hop(hops, r);
	}
	group_hop(hops, r);
	return hops;
}

json_t *status_json(struct run *r)
{
	char host[256] = "";

	gethostname(host, sizeof(host) - 1);
	return json_pack("{s:s, s:i, s:o, s:I, s:I, s:s, s:o, s:o}", "version", WEIR_VERSION, "pid",
			 (int)getpid(), "name", weir_ctl_text(host), "started_us",
			 (json_int_t)r->started_us, "uptime_s",
			 (json_int_t)((weir_clock_mono_ns() - r->started_ns) / WEIR_NS_PER_S),
			 "way", ways[weir_pipe_way(r->pipe)], "group", group_json(r), "hops",
			 hops_json(r));
}

void status_line(struct run *r, char *text, size_t size)
{
	const unsigned int n = ports_n(r->ports);
	double packets = 0, lost = 0;
	unsigned int up = 0;

	for (unsigned int i = 0; i < n; i++) {
		struct port_view v;

		ports_view(r->ports, i, &v);
		up += v.state == PORT_UP;
		packets += trend_rate(v.received);
		lost += trend_rate(v.missing);
	}
	snprintf(text, size,
		 "%u of %u port%s up, %.0f packets/s, %.0f missed/s, %.0f records/s, %.0f %% busy",
		 up, n, n == 1 ? "" : "s", packets, lost, trend_rate(&r->health.records),
		 100 * r->health.workers[0].busy);
}

bool status_is_ready(struct run *r, char *why, size_t size)
{
	struct weir_err fault = { 0 };
	bool up = false;

	for (unsigned int i = 0; i < ports_n(r->ports); i++) {
		struct port_view v;

		ports_view(r->ports, i, &v);
		up |= v.state == PORT_UP;
	}
	if (!up) {
		snprintf(why, size,
			 ports_paused(r->ports) ? "the capture is stopped" : "no port is up");
		return false;
	}
	if (r->sinks.store != NULL)
		weir_store_fault(r->sinks.store, &fault);
	if (fault.code != 0)
		snprintf(why, size, "%s", fault.msg);
	return fault.code == 0;
}
