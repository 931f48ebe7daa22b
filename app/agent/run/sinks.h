/* SPDX-License-Identifier: Apache-2.0 */
/* Where records go: the sinks and the store that the configuration names, behind one collector. */
#ifndef RUN_SINKS_H
#define RUN_SINKS_H

#include <weir_conf.h>
#include <weir_export.h>
#include <weir_pipe.h>
#include <weir_store.h>

#define SINKS_MAX  8
#define STORE_PATH "/var/lib/weir/store" /* where no sink is configured */

struct watch;

struct sink_info {
	char name[16];     /* "store", "records", "jsonl"; with a number where there are more */
	const char *type;  /* static */
	char target[1024]; /* file or directory */
};

struct sinks {
	struct sink_info v[SINKS_MAX];
	uint32_t n;
	struct weir_store *store; /* NULL = none */
	char store_path[1024];
	struct weir_collector *collector;
};

/*
 * Open the store and all sinks. What is opened is closed by sinks_close(), also after a failure. Control
 * thread, all of it.
 */
int sinks_open(struct sinks *s, const struct weir_box_conf *box, struct weir_err *err);
/* Start the collector over the pipe's rings; `watch` gets all records, too. */
int sinks_start(struct sinks *s, const struct weir_box_conf *box, struct weir_pipe *pipe,
		struct watch *watch, struct weir_err *err);
/*
 * The pipe has closed its rings: wait until every sink has written all; close the store. 0, or the first
 * failure with `err` set.
 */
int sinks_close(struct sinks *s, struct weir_err *err);

#endif
