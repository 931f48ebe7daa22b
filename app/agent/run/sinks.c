/* SPDX-License-Identifier: Apache-2.0 */
#include "sinks.h"

#include "watch.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

static const struct {
	const char *name;
	enum weir_sink_type type; /* unless it is the store */
} types[] = {
	[WEIR_BOX_SINK_RECORDS] = { "records", WEIR_SINK_RECORDS },
	[WEIR_BOX_SINK_JSONL] = { "jsonl", WEIR_SINK_JSONL },
	[WEIR_BOX_SINK_STORE] = { "store", WEIR_SINK_NULL },
};

/* Where nothing is configured. */
static const struct weir_box_sink default_sink = { .type = WEIR_BOX_SINK_STORE,
						   .path = STORE_PATH };

static const struct weir_box_sink *configured(const struct weir_box_conf *box, uint32_t *n)
{
	*n = box->sinks_n != 0 ? box->sinks_n : 1;
	return box->sinks_n != 0 ? box->sinks : &default_sink;
}

/* The directory, or the first one above it that is there: the store makes it. */
static uint64_t half_of_file_system(const char *path)
{
	char dir[1024];
	struct statvfs fs;

	snprintf(dir, sizeof(dir), "%s", path);
	while (statvfs(dir, &fs) != 0) {
		char *slash = strrchr(dir, '/');

		if (slash == NULL)
			snprintf(dir, sizeof(dir), ".");
		else
			slash[slash == dir ? 1 : 0] = '\0';
		if (strcmp(dir, "/") == 0 || strcmp(dir, ".") == 0)
			break;
	}
	return statvfs(dir, &fs) == 0 ? (uint64_t)fs.f_blocks * fs.f_frsize / 2 : 0;
}

static void parents_make(const char *path)
{
	char dir[1024];

	snprintf(dir, sizeof(dir), "%s", path);
	for (char *slash = strchr(dir + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		(void)mkdir(dir, 0755); /* what cannot be made, the store's own error names */
		*slash = '/';
	}
}

static int store_open(struct sinks *s, const struct weir_box_sink *conf, struct weir_err *err)
{
	const struct weir_store_conf store = {
		.dir = conf->path,
		.max_bytes = conf->max_mib != 0 ? (uint64_t)conf->max_mib << 20
						: half_of_file_system(conf->path),
		.max_age_s = conf->max_age / WEIR_NS_PER_S,
	};

	if (s->store != NULL)
		return weir_err_set(err, EINVAL,
				    "sinks: %s: one store is all there can be, and %s is one",
				    conf->path, s->store_path);
	parents_make(conf->path);
	snprintf(s->store_path, sizeof(s->store_path), "%s", conf->path);
	s->store = weir_store_open(&store, err);
	return s->store != NULL ? 0 : -err->code;
}

static void name_it(struct sinks *s, struct sink_info *info, const char *type)
{
	unsigned int before = 0;

	for (uint32_t i = 0; i < s->n; i++)
		before += strcmp(s->v[i].type, type) == 0;
	info->type = type;
	if (before == 0)
		snprintf(info->name, sizeof(info->name), "%s", type);
	else
		snprintf(info->name, sizeof(info->name), "%s%u", type, before + 1);
}

int sinks_open(struct sinks *s, const struct weir_box_conf *box, struct weir_err *err)
{
	uint32_t n;
	const struct weir_box_sink *conf = configured(box, &n);

	for (uint32_t i = 0; i < n; i++) {
		struct sink_info *info = &s->v[s->n];

		name_it(s, info, types[conf[i].type].name);
		snprintf(info->target, sizeof(info->target), "%s", conf[i].path);
		s->n++;
		if (conf[i].type == WEIR_BOX_SINK_STORE && store_open(s, &conf[i], err) != 0)
			return -err->code;
	}
	return 0;
}

static struct weir_sink *sink_open(const struct sinks *s, const struct weir_box_sink *conf,
				   struct weir_err *err)
{
	if (conf->type == WEIR_BOX_SINK_STORE)
		return weir_sink_store_create(s->store, err);
	return weir_sink_open(types[conf->type].type, conf->path, err);
}

int sinks_start(struct sinks *s, const struct weir_box_conf *box, struct weir_pipe *pipe,
		struct watch *watch, struct weir_err *err)
{
	struct weir_outlet_conf outlets[SINKS_MAX + 1];
	struct weir_collector_conf conf = {
		.rings = weir_pipe_records(pipe),
		.n_rings = box->cores.workers,
		.queue_batches = box->rings.sink_batches,
		.outlets = outlets,
		.cpu = -1,
	};
	uint32_t n, i;
	const struct weir_box_sink *sinks = configured(box, &n);

	for (i = 0; i <= n; i++) {
		struct weir_sink *sink = i < n ? sink_open(s, &sinks[i], err)
					       : watch_sink(watch, err);

		if (sink == NULL)
			goto err_close;
		outlets[i] = (struct weir_outlet_conf){
			.sink = sink,
			.name = i < n ? s->v[i].name : "watch",
		};
	}
	conf.n_outlets = n + 1;
	s->collector = weir_collector_start(&conf, err);
	return s->collector != NULL ? 0 : -err->code;

err_close:
	while (i-- > 0)
		outlets[i].sink->ops->close(outlets[i].sink, NULL);
	return -err->code;
}

int sinks_close(struct sinks *s, struct weir_err *err)
{
	int rc = 0, store = 0;

	if (s->collector != NULL)
		rc = weir_collector_join(s->collector, err);
	if (s->store != NULL)
		store = weir_store_close(s->store, rc == 0 ? err : NULL);
	s->store = NULL;
	return rc != 0 ? rc : store;
}
