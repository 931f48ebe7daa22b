/* SPDX-License-Identifier: Apache-2.0 */
/* Many agents in one process: what one of them does (agent_load_agent.c), and what it counts. */
#ifndef AGENT_LOAD_H
#define AGENT_LOAD_H

#include <weir_rpc.h>

#include <stdio.h>

/* Nanoseconds of each time something was seen. */
struct times {
	struct weir_list v; /* uint64_t */
};

struct load {
	/* options */
	const char *target, *group, *host;
	bool trident, agent; /* dialects */
	unsigned int agents, interval_s, interfaces, rate;
	bool push;

	struct event_base *base;
	struct weir_rpc *rpc;
	struct sim *sims;

	/* what was seen */
	unsigned int synced, streaming; /* agents with an answer; with a Push that said something */
	bool measures;                  /* from when all of them have come */
	struct times sync, change;
	uint64_t syncs, pushes, bytes, tables, ended;
	uint64_t wiped;       /* a table that was dropped: another version came without bytes */
	uint64_t failed[17];  /* Syncs, by gRPC's status */
	uint64_t unreported;  /* GenesisSyncs that failed */
	uint64_t denied;      /* answers that said FAILED */
	uint64_t changed_ns;  /* something was changed; 0: nothing is waited for */
	unsigned int awaited; /* agents that have not heard of it */
	bool awaits_tables;
};

struct sim {
	struct load *load;
	unsigned int number;
	bool trident;
	struct weir_rpc_channel *channel;
	struct weir_rpc_call *push;
	struct event *sync, *report;
	char ip[16], mac[18], host[64];
	uint64_t asked_ns;
	uint64_t platform, acls, groups; /* versions held */
	uint64_t config;                 /* hash of what it is to have in force */
	uint32_t id, more_interfaces;
	bool synced, streaming, awaits, asks;
};

void times_add(struct times *t, uint64_t ns);

/* agent_load_agent.c */
int sim_start(struct sim *s, struct weir_err *err);
void sim_stop(struct sim *s);
void sim_report(struct sim *s); /* GenesisSync */

#endif
