/* SPDX-License-Identifier: Apache-2.0 */
/* agent_load: many agents of a controller in one process, of either dialect, and how long they wait. README.md. */
#include "agent_load.h"

#include <event2/event.h>

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static const char usage[] =
	"usage: agent_load --target HOST:PORT [options]\n"
	"\n"
	"Agents that call a controller: all Sync at their interval, keep a Push open, and wait. When each has heard the\n"
	"controller, what is measured begins; the result is one JSON object.\n"
	"\n"
	"  --agents N           1000\n"
	"  --dialect D          agent, trident, or both in turn: agent\n"
	"  --group G            they ask for: the default one\n"
	"  --host NAME          they call themselves NAME-0, NAME-1, ...: load\n"
	"  --interval S         between two Syncs of one: 60\n"
	"  --rate N             new ones a second, 0 all at once: 1000\n"
	"  --no-push            no Push is opened\n"
	"  --interfaces N       that each reports by GenesisSync: 0\n"
	"  --seconds S          measured: 10\n"
	"  --patience S         for all of them to come: 120\n"
	"  --change COMMAND     run by sh, with CHANGE=1, 2, ...: how long until each agent has a new configuration;\n"
	"                       it must end well, and its time counts too\n"
	"  --change-interfaces  agent 0 reports one more: how long until each agent has new platform data\n"
	"  --changes N          that many, one after the other has arrived: 1\n"
	"  --pid PID            the controller's: its processor time and memory\n";

struct plan {
	unsigned int seconds, patience, changes, pid;
	const char *command;
	bool interfaces;
};

void times_add(struct times *t, uint64_t ns)
{
	uint64_t *slot = weir_list_add(&t->v, sizeof(ns));

	if (slot != NULL)
		*slot = ns;
}

static int compare(const void *a, const void *b)
{
	const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* Milliseconds below which `part` of them are. */
static double quantile(const struct times *t, double part)
{
	const uint64_t *v = t->v.items;
	const size_t n = t->v.count;

	return n == 0 ? 0 : (double)v[(size_t)((double)(n - 1) * part)] / 1e6;
}

static void print_times(const char *name, struct times *t)
{
	if (t->v.count > 0)
		qsort(t->v.items, t->v.count, sizeof(uint64_t), compare);
	printf("\"%s\": {\"n\": %zu, \"p50_ms\": %.2f, \"p99_ms\": %.2f, \"max_ms\": %.2f}, ", name,
	       t->v.count, quantile(t, 0.5), quantile(t, 0.99), quantile(t, 1));
}

/* ---- the controller's process ---- */

struct usage {
	double cpu_s, rss_mb, peak_mb;
	uint64_t at_ns;
};

static double field(const char *text, const char *name)
{
	const char *at = strstr(text, name);

	return at != NULL ? strtod(at + strlen(name), NULL) : 0;
}

static size_t slurp(unsigned int pid, const char *name, char *to, size_t size)
{
	char path[64];
	size_t n = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%u/%s", pid, name);
	f = fopen(path, "r");
	if (f != NULL) {
		n = fread(to, 1, size - 1, f);
		fclose(f);
	}
	to[n] = '\0';
	return n;
}

static struct usage usage_of(unsigned int pid)
{
	struct usage u = { .at_ns = weir_clock_mono_ns() };
	char text[8192];
	unsigned long user = 0, kernel = 0;
	const char *after;

	if (pid == 0)
		return u;
	slurp(pid, "stat", text, sizeof(text));
	after = strrchr(text, ')'); /* a name may hold anything */
	if (after != NULL &&
	    sscanf(after + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user,
		   &kernel) == 2)
		u.cpu_s = (double)(user + kernel) / (double)sysconf(_SC_CLK_TCK);
	slurp(pid, "status", text, sizeof(text));
	u.rss_mb = field(text, "VmRSS:") / 1024;
	u.peak_mb = field(text, "VmHWM:") / 1024;
	return u;
}

/* ---- phases ---- */

static void on_time(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	*(bool *)arg = true;
}

static bool all_have_come(const struct load *l)
{
	return l->synced == l->agents && (!l->push || l->streaming == l->agents);
}

static bool all_have_heard(const struct load *l)
{
	return l->awaited == 0;
}

static bool never(const struct load *l)
{
	(void)l;
	return false;
}

/* Run until it is so: true; or for so long. */
static bool run(struct load *l, bool (*is_so)(const struct load *l), unsigned int seconds)
{
	const struct timeval limit = { .tv_sec = seconds };
	bool over = false;
	struct event *ev = evtimer_new(l->base, on_time, &over);

	evtimer_add(ev, &limit);
	while (!over && !is_so(l))
		event_base_loop(l->base, EVLOOP_ONCE);
	event_free(ev);
	return is_so(l);
}

/* 0, or it ended badly. The loop runs on meanwhile. */
static int command_run(struct load *l, const char *command, unsigned int number)
{
	char variable[32], shell[] = "sh", flag[] = "-c";
	char *const arguments[] = { shell, flag, (char *)(uintptr_t)command, NULL };
	int status = -1;
	pid_t pid;

	snprintf(variable, sizeof(variable), "%u", number);
	setenv("CHANGE", variable, 1);
	if (posix_spawn(&pid, "/bin/sh", NULL, NULL, arguments, environ) != 0)
		return -1;
	while (waitpid(pid, &status, WNOHANG) == 0) {
		event_base_loop(l->base, EVLOOP_NONBLOCK);
		usleep(200);
	}
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -1;
}

static int change(struct load *l, const struct plan *p, unsigned int number)
{
	l->awaits_tables = p->interfaces;
	l->awaited = l->agents;
	for (unsigned int i = 0; i < l->agents; i++)
		l->sims[i].awaits = true;
	l->changed_ns = weir_clock_mono_ns();
	if (p->interfaces) {
		l->sims[0].more_interfaces++;
		sim_report(&l->sims[0]);
	} else if (command_run(l, p->command, number) < 0) {
		fprintf(stderr, "agent_load: the command of --change failed\n");
		return -1;
	}
	if (run(l, all_have_heard, p->patience))
		return 0;
	fprintf(stderr, "agent_load: %u agents have not heard of change %u\n", l->awaited, number);
	return -1;
}

static int measure(struct load *l, const struct plan *p)
{
	const uint64_t start = weir_clock_mono_ns();
	unsigned int spent_s;

	l->measures = true;
	for (unsigned int i = 1; i <= p->changes; i++) {
		if (change(l, p, i) < 0)
			return -1;
		run(l, never, 1);
	}
	spent_s = (unsigned int)((weir_clock_mono_ns() - start) / WEIR_NS_PER_S);
	if (spent_s < p->seconds)
		run(l, never, p->seconds - spent_s);
	return 0;
}

static void report(struct load *l, double came_s, const struct usage *from, const struct usage *to)
{
	const double s = (double)(to->at_ns - from->at_ns) / 1e9;
	const char *comma = "";

	printf("{\"agents\": %u, \"dialect\": \"%s\", \"came_s\": %.2f, \"seconds\": %.1f, ",
	       l->agents,
	       !l->trident ? "agent"
	       : l->agent  ? "both"
			   : "trident",
	       came_s, s);
	print_times("sync", &l->sync);
	print_times("change", &l->change);
	printf("\"syncs\": %" PRIu64 ", \"pushes\": %" PRIu64 ", \"tables\": %" PRIu64
	       ", \"received_bytes\": %" PRIu64 ", \"wiped\": %" PRIu64 ", \"denied\": %" PRIu64
	       ", \"unreported\": %" PRIu64 ", \"pushes_ended\": %" PRIu64 ", \"failed\": {",
	       l->syncs, l->pushes, l->tables, l->bytes, l->wiped, l->denied, l->unreported,
	       l->ended);
	for (int i = 0; i < 17; i++)
		if (l->failed[i] > 0) {
			printf("%s\"%s\": %" PRIu64, comma, weir_rpc_status_name(i), l->failed[i]);
			comma = ", ";
		}
	printf("}, \"controller\": {\"cpu_percent\": %.1f, \"rss_mb\": %.0f, \"peak_rss_mb\": %.0f}}\n",
	       s > 0 ? 100 * (to->cpu_s - from->cpu_s) / s : 0, to->rss_mb, to->peak_mb);
}

static int load_run(struct load *l, const struct plan *p)
{
	const uint64_t start = weir_clock_mono_ns();
	struct weir_err err = { 0 };
	struct usage from, to;
	double came_s;
	int rc = 1;

	for (unsigned int i = 0; i < l->agents; i++) {
		l->sims[i].load = l;
		l->sims[i].number = i;
		if (sim_start(&l->sims[i], &err) < 0) {
			fprintf(stderr, "agent_load: %s\n", err.msg);
			return 1;
		}
	}
	if (!run(l, all_have_come, p->patience))
		fprintf(stderr,
			"agent_load: of %u agents %u have an answer to Sync, %u one to Push\n",
			l->agents, l->synced, l->streaming);
	came_s = (double)(weir_clock_mono_ns() - start) / 1e9;
	if (all_have_come(l)) {
		run(l, never, 1); /* what the last of them changed */
		from = usage_of(p->pid);
		rc = measure(l, p) == 0 ? 0 : 1;
		to = usage_of(p->pid);
	} else {
		from = to = usage_of(p->pid);
	}
	report(l, came_s, &from, &to);
	return rc;
}

/* ---- options ---- */

enum {
	AGENTS = 1,
	DIALECT,
	GROUP,
	HOST,
	INTERVAL,
	RATE,
	NO_PUSH,
	INTERFACES,
	SECONDS,
	PATIENCE,
	CHANGE,
	CHANGE_INTERFACES,
	CHANGES,
	PID,
	TARGET,
	HELP,
};

static const struct option names[] = {
	{ "agents", 1, NULL, AGENTS },
	{ "dialect", 1, NULL, DIALECT },
	{ "group", 1, NULL, GROUP },
	{ "host", 1, NULL, HOST },
	{ "interval", 1, NULL, INTERVAL },
	{ "rate", 1, NULL, RATE },
	{ "no-push", 0, NULL, NO_PUSH },
	{ "interfaces", 1, NULL, INTERFACES },
	{ "seconds", 1, NULL, SECONDS },
	{ "patience", 1, NULL, PATIENCE },
	{ "change", 1, NULL, CHANGE },
	{ "change-interfaces", 0, NULL, CHANGE_INTERFACES },
	{ "changes", 1, NULL, CHANGES },
	{ "pid", 1, NULL, PID },
	{ "target", 1, NULL, TARGET },
	{ "help", 0, NULL, HELP },
	{ 0 },
};

static unsigned int count(const char *text)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	if (end == text || *end != '\0' || n > 1000000) {
		fprintf(stderr, "agent_load: %s: a number is wanted\n", text);
		exit(2);
	}
	return (unsigned int)n;
}

static void dialect(struct load *l, const char *name)
{
	l->agent = strcmp(name, "agent") == 0 || strcmp(name, "both") == 0;
	l->trident = strcmp(name, "trident") == 0 || strcmp(name, "both") == 0;
	if (!l->agent && !l->trident) {
		fprintf(stderr, "agent_load: --dialect %s: agent, trident or both\n", name);
		exit(2);
	}
}

static void option(struct load *l, struct plan *p, int c)
{
	unsigned int *const numbers[] = {
		[AGENTS] = &l->agents,   [INTERVAL] = &l->interval_s,
		[RATE] = &l->rate,       [INTERFACES] = &l->interfaces,
		[SECONDS] = &p->seconds, [PATIENCE] = &p->patience,
		[CHANGES] = &p->changes, [PID] = &p->pid,
	};
	const char **const texts[] = {
		[GROUP] = &l->group,
		[HOST] = &l->host,
		[CHANGE] = &p->command,
		[TARGET] = &l->target,
	};

	if ((size_t)c < WEIR_ARRAY_SIZE(numbers) && numbers[c] != NULL)
		*numbers[c] = count(optarg);
	else if ((size_t)c < WEIR_ARRAY_SIZE(texts) && texts[c] != NULL)
		*texts[c] = optarg;
	else if (c == DIALECT)
		dialect(l, optarg);
	else if (c == NO_PUSH)
		l->push = false;
	else if (c == CHANGE_INTERFACES)
		p->interfaces = true;
	else {
		fputs(usage, c == HELP ? stdout : stderr);
		exit(c == HELP ? 0 : 2);
	}
}

int main(int argc, char **argv)
{
	struct rlimit files = { 65536, 65536 };
	struct load l = { .agents = 1000,
			  .agent = true,
			  .interval_s = 60,
			  .rate = 1000,
			  .push = true,
			  .host = "load" };
	struct plan p = { .seconds = 10, .patience = 120, .changes = 1 };
	struct weir_err err = { 0 };
	int c, rc = 1;

	while ((c = getopt_long(argc, argv, "", names, NULL)) != -1)
		option(&l, &p, c);
	if (l.target == NULL || l.agents == 0 || optind < argc) {
		fputs(usage, stderr);
		return 2;
	}
	if (p.command == NULL && !p.interfaces)
		p.changes = 0;
	signal(SIGPIPE, SIG_IGN);
	setrlimit(RLIMIT_NOFILE, &files); /* without it fewer agents find room */
	weir_log_level_set(WEIR_LOG_ERR);
	l.base = event_base_new();
	l.rpc = l.base != NULL ? weir_rpc_create(l.base, &err) : NULL;
	l.sims = calloc(l.agents, sizeof(*l.sims));
	if (l.rpc != NULL && l.sims != NULL)
		rc = load_run(&l, &p);
	else
		fprintf(stderr, "agent_load: no memory\n");
	fflush(stdout);
	for (unsigned int i = 0; l.sims != NULL && i < l.agents; i++)
		sim_stop(&l.sims[i]);
	weir_rpc_destroy(l.rpc);
	event_base_free(l.base);
	free(l.sims);
	free(l.sync.v.items);
	free(l.change.v.items);
	return rc;
}
