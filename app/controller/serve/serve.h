/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The gRPC side: every method of both dialects, and Push to who is connected. Loop's thread.
 */
#ifndef SERVE_H
#define SERVE_H

#include <inventory.h>
#include <site.h>
#include <weir_rpc.h>

struct serve;

struct serve_options {
	struct event_base *base;
	struct site *site;
	struct inventory *inventory;
	const struct weir_rpc_listen *listens; /* copied by the server */
	unsigned int n_listens;
	unsigned int calls_max,
		peer_calls_max; /* an agent has a Push open, and now and then a call */
	const char *
		ntp_server; /* "HOST" or "HOST:PORT" that answers Query; "" = this machine's clock */
};

struct serve *serve_start(const struct serve_options *o, struct weir_err *err);
void serve_stop(struct serve *s); /* ends streams; NULL is fine */
uint16_t serve_port(const struct serve *s, unsigned int listen);

struct serve_counts {
	uint32_t pushes_open;
	uint64_t syncs, pushes_sent, pushes_skipped,
		refused; /* skipped: a slow reader gets the newest later */
	struct weir_rpc_counts rpc;
};
void serve_counts(const struct serve *s, struct serve_counts *out);

#endif
