/* SPDX-License-Identifier: Apache-2.0 */
/* weir-agent replay: capture files through the pipeline that live packets take. */
#include "agent.h"
#include "progress.h"

#include <weir_source_pcap.h>

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

/* An input of so much is worth memory that is there from the start; a smaller one is over before. */
#define BACK_BYTES    ((uint64_t)16 << 20)

#define STORE_BUSY_MS 60000

enum {
	OPT_MODE,
	OPT_WORKERS,
	OPT_SPEED,
	OPT_LOOP,
	OPT_EACH,
	OPT_DEDUP,
	OPT_CONFIG,
	OPT_GROUP,
	OPT_FLOWS,
	OPT_REQUESTS,
	OPT_SORTED,
	OPT_REPORTS,
	OPT_RECORDS,
	OPT_STORE,
	OPT_ACCOUNTING,
};

static const struct option_row rows[] = {
	[OPT_MODE] = { "mode", 0, "MODE",
		       "local, mirror or analyzer (as the group configuration\n"
		       "says, else analyzer)" },
	[OPT_WORKERS] = { "workers", 'w', "N",
			  "threads that process packets (cores.workers, or 1)" },
	[OPT_SPEED] = { "speed", 0, "SPEED", "max, 1x, or Nx as fast as recorded (max)" },
	[OPT_LOOP] = { "loop", 0, "N", "the input N times over (1)" },
	[OPT_EACH] = { "each", 0, NULL, "every file is a run of its own" },
	[OPT_DEDUP] = { "dedup", 0, NULL,
			"drop packets that were captured twice; without it\n"
			"the group configuration's word holds, or they stay" },
	[OPT_CONFIG] = { "config", 'c', "FILE", "box configuration (" BOX_PATH ", if there)" },
	[OPT_GROUP] = { "group-config", 0, "FILE", "group configuration (YAML)" },
	[OPT_FLOWS] = { "flows", 0, "FILE", "flow records as JSON lines, - for standard output" },
	[OPT_REQUESTS] = { "requests", 0, "FILE", "request records: not there yet" },
	[OPT_SORTED] = { "sorted", 0, NULL, "--flows ordered by start, key and flow_id" },
	[OPT_REPORTS] = { "reports", 0, NULL,
			  "--flows has each minute's report, not one record a flow" },
	[OPT_RECORDS] = { "records", 0, "DIR", "compact binary records, for weirctl flow" },
	[OPT_STORE] = { "store", 0, "DIR",
			"the embedded store: SQLite files of each minute's report" },
	[OPT_ACCOUNTING] = { "accounting", 0, NULL,
			     "end with what became of the packets, as JSON" },
};

static const struct option_table table = {
	.command = "weir-agent replay",
	.synopsis = "PCAP|DIR...",
	.purpose =
		"Read capture files (pcap, pcapng, also gzip) and make flow records of them. Several files\n"
		"are one stream in time order, unless --each is given.",
	.rows = rows,
	.n = WEIR_ARRAY_SIZE(rows),
};

struct replay {
	uint64_t workers, loop;
	double speed;
	const char *config, *group, *flows, *records, *store_dir;
	char what[512]; /* the operands, for the accounting */
	bool each, dedup, sorted, reports, accounting;
	int mode; /* WEIR_CAPTURE_*; -1 = as the group configuration says */
	struct agent_conf conf;
	struct weir_pcap_files files;
	struct weir_pipe *pipe;
	struct weir_store *store; /* NULL = none */
	struct weir_collector *collector;
	atomic_bool *stop; /* by a signal, or by a sink that failed */
	struct weir_accounting total;
	bool damaged;     /* some input ended early */
	bool interrupted; /* some input was not read to its end */
	FILE *lines;      /* accounting lines of --each go there */
	char *kept;       /* what `lines` holds back, while flows go to standard output */
	size_t kept_bytes;
};

static bool parse_speed(const char *arg, double *speed)
{
	char *end;

	if (strcmp(arg, "max") == 0) {
		*speed = 0;
		return true;
	}
	*speed = strtod(arg, &end);
	if (end != arg && strcmp(end, "x") == 0 && *speed > 0 && *speed <= 1e6)
		return true;
	option_mistake(&table, "--speed %s: max, or a number and x, as in 1x or 2.5x, is needed",
		       arg);
	return false;
}

static bool parse_mode(const char *arg, int *mode)
{
	static const char *const names[] = {
		[WEIR_CAPTURE_LOCAL] = "local",
		[WEIR_CAPTURE_MIRROR] = "mirror",
		[WEIR_CAPTURE_ANALYZER] = "analyzer",
	};

	for (*mode = 0; *mode < (int)WEIR_ARRAY_SIZE(names); ++*mode)
		if (strcmp(arg, names[*mode]) == 0)
			return true;
	option_mistake(&table, "--mode %s: local, mirror or analyzer is needed", arg);
	return false;
}

/* One option; false after a message. */
static bool take(struct replay *r, int row, const char *arg)
{
	switch (row) {
	case OPT_MODE:
		return parse_mode(arg, &r->mode);
	case OPT_WORKERS:
		return option_number(&table, row, arg, 1, WEIR_PIPE_WORKERS_MAX, &r->workers);
	case OPT_SPEED:
		return parse_speed(arg, &r->speed);
	case OPT_LOOP:
		return option_number(&table, row, arg, 1, UINT32_MAX, &r->loop);
	case OPT_EACH:
		return r->each = true;
	case OPT_DEDUP:
		return r->dedup = true;
	case OPT_CONFIG:
		r->config = arg;
		return true;
	case OPT_GROUP:
		r->group = arg;
		return true;
	case OPT_FLOWS:
		r->flows = arg;
		return true;
	case OPT_SORTED:
		return r->sorted = true;
	case OPT_REPORTS:
		return r->reports = true;
	case OPT_RECORDS:
		r->records = arg;
		return true;
	case OPT_STORE:
		r->store_dir = arg;
		return true;
	case OPT_ACCOUNTING:
		return r->accounting = true;
	default:
		option_mistake(&table, "--%s: this version does not have it yet", rows[row].name);
		return false;
	}
}

static void name_input(struct replay *r, char *const *operands, int n)
{
	size_t len = 0;

	for (int i = 0; i < n && len < sizeof(r->what); i++)
		len += (size_t)snprintf(r->what + len, sizeof(r->what) - len, "%s%s",
					i > 0 ? " " : "", operands[i]);
}

/* 0 to go on, else an exit code; *operand is the first file's place in argv. */
static int parse(struct replay *r, int argc, char **argv, int *operand, bool *help)
{
	const char *arg;
	int row;

	while ((row = options_next(&table, argc, argv, &arg, operand)) >= 0)
		if (!take(r, row, arg))
			return WEIR_EXIT_USAGE;
	*help = row == OPTION_HELP;
	if (row == OPTION_BAD)
		return WEIR_EXIT_USAGE;
	if (!*help && *operand == argc)
		return option_mistake(&table,
				      "no capture file given; see 'weir-agent replay --help'");
	if (r->flows == NULL && (r->sorted || r->reports))
		return option_mistake(&table, "--%s: needs --flows",
				      r->sorted ? "sorted" : "reports");
	return 0;
}

static void close_sinks(const struct weir_outlet_conf *outlets, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		outlets[i].sink->ops->close(outlets[i].sink, NULL);
}

/* Nobody waits for it here: it may wait for others. */
static int open_store(struct replay *r, struct weir_err *err)
{
	const struct weir_store_conf conf = { .dir = r->store_dir, .busy_ms = STORE_BUSY_MS };

	if (r->store_dir == NULL)
		return 0;
	r->store = weir_store_open(&conf, err);
	return r->store != NULL ? 0 : -err->code;
}

/* Files are finished, so that what is asked next is answered soon. */
static int close_store(struct replay *r, struct weir_err *err)
{
	struct weir_err why = { 0 };
	struct weir_store_stats st;
	int rc;

	if (r->store == NULL)
		return 0;
	weir_store_fault(r->store, &why);
	weir_store_stats(r->store, &st);
	rc = weir_store_settle(r->store, err);
	weir_store_close(r->store, NULL);
	if (st.lost == 0)
		return rc;
	return weir_err_set(err, why.code != 0 ? why.code : EIO,
			    "--store %s: %llu of %llu records could not be written; %s",
			    r->store_dir, (unsigned long long)st.lost, (unsigned long long)st.taken,
			    why.msg);
}

static struct weir_collector *start_collector(struct replay *r, struct weir_err *err)
{
	struct weir_record_filter filter;
	struct weir_outlet_conf outlets[3];
	struct weir_collector_conf conf = {
		.rings = weir_pipe_records(r->pipe),
		.n_rings = (uint32_t)r->workers,
		.outlets = outlets,
		.lossless = true,
		.cpu = -1,
		.filter = &filter,
	};

	agent_record_filter(&filter, &r->conf.group);
	/* Flows last: to open them empties their file. */
	if (r->records != NULL) {
		outlets[conf.n_outlets++] = (struct weir_outlet_conf){
			.sink = weir_sink_open(WEIR_SINK_RECORDS, r->records, err),
			.name = "records",
			.stop = r->stop,
		};
	}
	if (r->store != NULL && err->code == 0) {
		outlets[conf.n_outlets++] = (struct weir_outlet_conf){
			.sink = weir_sink_store_create(r->store, err),
			.name = "store",
		};
	}
	if (r->flows != NULL && err->code == 0) {
		outlets[conf.n_outlets++] = (struct weir_outlet_conf){
			.sink = weir_sink_open(WEIR_SINK_JSONL, r->flows, err),
			.name = "flows",
			.merge = !r->reports,
			.sorted = r->sorted,
			.stop = r->stop,
		};
	}
	if (conf.n_outlets == 0)
		outlets[conf.n_outlets++] = (struct weir_outlet_conf){
			.sink = weir_sink_open(WEIR_SINK_NULL, NULL, err), .name = "nothing"
		};
	if (err->code != 0) {
		close_sinks(outlets, conf.n_outlets - 1); /* the last one did not open */
		return NULL;
	}
	return weir_collector_start(&conf, err);
}

/* A sink's thread that writes flows to standard output must be done before lines of this one. */
static int open_lines(struct replay *r, struct weir_err *err)
{
	const bool wait = r->each && r->flows != NULL && strcmp(r->flows, "-") == 0;

	r->lines = wait ? open_memstream(&r->kept, &r->kept_bytes) : stdout;
	return r->lines != NULL ? 0 : weir_err_set(err, ENOMEM, "--accounting: no memory for it");
}

static int close_lines(struct replay *r, struct weir_err *err)
{
	bool lost;

	if (r->lines == NULL || r->lines == stdout)
		return 0;
	lost = ferror(r->lines) != 0;
	lost |= fclose(r->lines) != 0;
	fwrite(r->kept, 1, r->kept_bytes, stdout);
	free(r->kept);
	return lost ? weir_err_set(err, ENOMEM, "--accounting: no memory for all of it") : 0;
}

/* A group that does not say what its agents are says nothing of files. */
static void mode_set(struct replay *r)
{
	uint32_t *mode = &r->conf.group.inputs.cbpf.common.capture_mode;

	if (r->mode >= 0)
		*mode = (uint32_t)r->mode;
	else if (weir_group_conf_from(&r->conf.group, mode) != WEIR_CONF_FILE)
		*mode = WEIR_CAPTURE_ANALYZER;
	agent_conf_mode(&r->conf);
}

static int start(struct replay *r, struct weir_err *err)
{
	struct weir_pipe_options o = agent_pipe_options(&r->conf, (unsigned int)r->workers, 0);

	o.lossless = true;
	o.record_slots = (uint32_t)weir_min_u64(o.record_slots, LOSSLESS_RECORDS);
	mode_set(r);
	if (r->dedup || !agent_dedup_is_asked_for(&r->conf))
		r->conf.settings.dedup_enabled = r->dedup;
	r->pipe = weir_pipe_create(&o, err);
	if (r->pipe == NULL)
		return -err->code;
	if (open_store(r, err) != 0)
		return -err->code;
	r->collector = start_collector(r, err);
	return r->collector != NULL ? open_lines(r, err) : -err->code;
}

static void report_fault(struct replay *r, const struct weir_source *src)
{
	if (!atomic_load_explicit(&src->ended, memory_order_acquire))
		r->interrupted = true;
	if (src->fault.code == 0)
		return;
	weir_log(WEIR_LOG_ERR, "%s", src->fault.msg);
	r->damaged = true;
}

/* One independent run over `n` files. */
static int run_files(struct replay *r, char *const *paths, size_t n, struct weir_err *err)
{
	const struct weir_pcap_options o = { .paths = (const char *const *)paths,
					     .n_paths = n,
					     .speed = r->speed,
					     .loop = (uint32_t)r->loop };
	struct weir_source *src = weir_source_pcap_create(&o, err);
	struct weir_accounting a;
	struct progress *progress;
	int rc;

	if (src == NULL)
		return -err->code;
	rc = src->ops->open(src, err);
	if (rc == 0)
		rc = src->ops->start(src, err);
	if (rc == 0) {
		if (src->bytes_total == 0 || src->bytes_total >= BACK_BYTES)
			weir_pipe_back(r->pipe);
		progress = progress_start(r->pipe, src);
		rc = agent_run_source(r->pipe, src, r->stop, err);
		progress_stop(progress);
		src->ops->stop(src);
	}
	if (rc == 0) {
		report_fault(r, src);
		weir_pipe_accounting(r->pipe, &a);
		weir_accounting_add(&r->total, &a);
		if (r->accounting && r->each)
			accounting_print_json(r->lines, paths[0], &a, true, 0);
	}
	src->ops->close(src);
	return rc;
}

static int run_each(struct replay *r, struct weir_err *err)
{
	for (size_t i = 0; i < r->files.n; i++) {
		int rc;

		if (atomic_load_explicit(r->stop, memory_order_relaxed)) {
			r->interrupted = true;
			return 0;
		}
		rc = run_files(r, &r->files.paths[i], 1, err);
		if (rc == -ENOMEM)
			return rc;
		if (rc < 0) { /* the others are runs of their own */
			weir_log(WEIR_LOG_ERR, "%s", err->msg);
			r->damaged = true;
			err->code = 0;
		}
	}
	return 0;
}

/* Records are out before the last word is said. */
static int finish(struct replay *r, struct weir_err *err)
{
	int rc = 0, store, lines;

	if (r->pipe != NULL)
		weir_pipe_close_records(r->pipe);
	if (r->collector != NULL)
		rc = weir_collector_join(r->collector, err);
	store = close_store(r, rc == 0 ? err : NULL);
	rc = rc == 0 ? store : rc;
	lines = close_lines(r, rc == 0 ? err : NULL);
	return rc == 0 ? lines : rc;
}

static void print_accounting(const struct replay *r)
{
	accounting_print(stderr, &r->total, r->pipe);
	if (r->accounting && !r->each)
		accounting_print_json(stdout, r->what, &r->total, true, 0);
}

static int replay(struct replay *r, struct weir_err *err)
{
	struct weir_err late = { 0 };
	int rc, end;

	rc = start(r, err);
	if (rc == 0)
		rc = r->each ? run_each(r, err) : run_files(r, r->files.paths, r->files.n, err);
	end = finish(r, rc == 0 ? err : &late);
	if (rc == 0)
		rc = end;
	if (rc < 0)
		return rc;
	print_accounting(r);
	if (r->interrupted)
		weir_log(WEIR_LOG_WARN, "interrupted: the input was read in part");
	return 0;
}

/* Opening --flows would empty a capture of that name. */
static int spare_inputs(const struct replay *r, struct weir_err *err)
{
	struct stat out, in;

	if (r->flows == NULL || stat(r->flows, &out) != 0)
		return 0;
	for (size_t i = 0; i < r->files.n; i++)
		if (stat(r->files.paths[i], &in) == 0 && in.st_dev == out.st_dev &&
		    in.st_ino == out.st_ino)
			return weir_err_set(err, EINVAL, "--flows %s: is a capture to be read",
					    r->flows);
	return 0;
}

int weir_agent_replay(int argc, char **argv)
{
	struct replay r = { .loop = 1, .mode = -1 };
	struct weir_err err = { 0 };
	int operand, rc;
	bool help;

	rc = parse(&r, argc, argv, &operand, &help);
	if (rc != 0 || help)
		return rc;
	rc = agent_conf_load(&r.conf, r.config, r.group);
	if (rc != 0)
		return rc;
	if (r.workers == 0)
		r.workers = r.conf.box.cores.workers;
	name_input(&r, &argv[operand], argc - operand);
	r.stop = agent_stop_on_signals();
	rc = weir_pcap_files_find(&r.files, (const char *const *)&argv[operand],
				  (size_t)(argc - operand), &err);
	if (rc == 0)
		rc = spare_inputs(&r, &err);
	if (rc == 0)
		rc = replay(&r, &err);
	if (rc < 0)
		weir_log(WEIR_LOG_ERR, "%s", err.msg);
	weir_collector_destroy(r.collector);
	weir_pipe_destroy(r.pipe);
	weir_pcap_files_free(&r.files);
	agent_conf_free(&r.conf);
	if (rc < 0 || accounting_lost(&r.total) > 0)
		return WEIR_EXIT_FAILED;
	return r.damaged || r.interrupted ? WEIR_EXIT_PARTIAL : WEIR_EXIT_OK;
}
