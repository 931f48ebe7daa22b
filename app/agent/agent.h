/* SPDX-License-Identifier: Apache-2.0 */
/* What the commands of weir-agent share. */
#ifndef WEIR_AGENT_H
#define WEIR_AGENT_H

#include <program.h>
#include <weir_conf.h>
#include <weir_export.h>
#include <weir_pipe.h>

#include <stdio.h>

#define BOX_PATH         "/etc/weir/agent.cfg" /* read where there is one and no other is named */
#define LOSSLESS_RECORDS 1024 /* ring slots where workers wait: what stays in a cache is enough */

int weir_agent_replay(int argc, char **argv);
int weir_agent_bench(int argc, char **argv);
int weir_agent_check(int argc, char **argv);
int weir_agent_doctor(int argc, char **argv);
int weir_agent_run(int argc, char **argv);

/* settings.c: both configurations, and what the pipe makes of them. */
struct agent_conf {
	const char *box_path; /* NULL = there was none; borrowed */
	struct weir_box_conf box;
	const struct agent_conf *box_of; /* whose box this one borrows; NULL = it is its own */
	struct weir_group_conf group;
	struct weir_settings settings;
};

/* A group configuration, before it is read: a file's, a text, or (both NULL) the appliance profile. */
struct agent_group_text {
	const char *path;
	const char *text;
	size_t len;
	const char *name; /* of a text, for messages */
	bool newer; /* a controller's text, which may have settings this agent does not know */
};

/*
 * NULL paths: BOX_PATH or, without that file, defaults; the appliance profile. 0, or an exit code after
 * messages.
 */
int agent_conf_load(struct agent_conf *c, const char *box_path, const char *group_path);
/* The same without a word: mistakes and warnings go to `errs`. 0, -EINVAL or -ENOMEM. */
int agent_conf_read(struct agent_conf *c, const char *box_path,
		    const struct agent_group_text *group, struct weir_err_list *errs);
/* The same with the box of `of`, which is borrowed. */
int agent_conf_regroup(struct agent_conf *c, const struct agent_conf *of,
		       const struct agent_group_text *group, struct weir_err_list *errs);
/*
 * Of an agent that runs on: what the box says of its taps holds for packets, not for those of files, or of memory; tables
 * are as large as the box allows, and the group's limit is a setting.
 */
void agent_conf_live(struct agent_conf *c);
/* What the group's capture mode makes of the settings; part of agent_conf_live(). */
void agent_conf_mode(struct agent_conf *c);
/* The log's form, as the box configuration wants it. */
void agent_log_set(const struct weir_box_conf *b);
/* Records that the group wants passed on. */
void agent_record_filter(struct weir_record_filter *to, const struct weir_group_conf *g);
/* What is said: as the box configuration's file wants it; where that is silent, as the group's. */
enum weir_log_level agent_log_level(const struct agent_conf *c);
/* rules.c: set before a configuration is read. The machine's also warn of what is not there now. */
extern const struct weir_conf_rules agent_rules, agent_machine_rules;
void agent_conf_free(struct agent_conf *c);
/* Captures and load are no mirror: they are deduplicated only where the group's file says so itself. */
bool agent_dedup_is_asked_for(const struct agent_conf *c);
/* One run over one source: tap 1, port 0. As weir_pipe_run(). */
int agent_run_source(struct weir_pipe *p, struct weir_source *src, const atomic_bool *stop,
		     struct weir_err *err);
/* A pipe's sizes for `workers` workers, `flows` in all (0 = as configured). */
struct weir_pipe_options agent_pipe_options(const struct agent_conf *c, unsigned int workers,
					    uint32_t flows);

/* accounting.c */
/* One JSON object in one line: {"file":...,"received":...,"missed":...,"outcomes":{...}}. */
void accounting_print_json(FILE *out, const char *file, const struct weir_accounting *a,
			   bool missed_known, uint64_t missed);
/* Where packets went, for a person. */
void accounting_print(FILE *out, const struct weir_accounting *a, const struct weir_pipe *pipe);
/* Packets that should have been in a flow and are not, and packets that vanished. */
uint64_t accounting_lost(const struct weir_accounting *a);

/*
 * signal.c: the first SIGINT, SIGTERM or, unless it is ignored as under nohup, SIGHUP sets it; another,
 * later one ends the process.
 */
atomic_bool *agent_stop_on_signals(void);

#endif
