/* SPDX-License-Identifier: Apache-2.0 */
/* An agent that calls, and one that is made of it. */
#ifndef SEEN_H
#define SEEN_H

#include "site_priv.h"

/* Who calls, in the form in which it is kept, and what it says. */
struct caller {
	const struct site_hello *hello;
	char ip[46], mac[18], key[KEY_SIZE];
	char facts[FACTS_SIZE_MAX];
	size_t facts_len;
	const char *cluster_id; /* in `facts` */
	const char *identity;   /* "" = none */
	bool push;
	uint64_t now_ns;
};

/* The group it asks for, where there is one; else default. */
struct group *site_group_asked(const struct site *s, const struct caller *c);

/* A new agent, told. *out NULL: no number is left. 0, or -errno of the database. */
int site_enroll(struct site *s, const struct caller *c, struct group *g, const struct domain *d,
		struct agent **out, struct weir_err *err);

#endif
