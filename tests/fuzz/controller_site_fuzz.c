/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What agents say of themselves, to a site that stays. The input is texts, one after the other, each ended by a 0 byte:
 * a handful of them a call. Whatever they are, what is kept of an agent is UTF-8, bounded, and found by what it is.
 */
#include <site.h>

#include <event2/event.h>
#include <jansson.h>

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define TEXTS 12 /* of one call */

static struct site *site;
static struct event_base *base;
static char dir[] = P_tmpdir "/weir-site-fuzz-XXXXXX";

static void remove_site(void)
{
	char command[sizeof(dir) + 16];

	site_close(site);
	event_base_free(base);
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	if (system(command) != 0)
		perror(command);
}

static void make_site(void)
{
	struct weir_err err;
	struct site_options o = { .dir = dir, .agents_max = 20 };

	if (mkdtemp(dir) == NULL)
		abort();
	weir_log_level_set(WEIR_LOG_ERR);
	o.base = base = event_base_new();
	site = site_open(&o, &err);
	if (site == NULL)
		abort();
	atexit(remove_site);
}

/* By what json_string() takes for UTF-8: another's opinion. */
static void check_text(const char *text)
{
	json_t *j = json_string(text);

	if (j == NULL || strlen(text) >= 1024)
		abort();
	json_decref(j);
}

static void check_agent(const struct site_agent *a)
{
	const struct site_facts *f = &a->facts;

	check_text(a->name);
	check_text(f->host);
	check_text(f->revision);
	check_text(f->os);
	check_text(f->exception_text);
	check_text(f->cluster_id);
	if (site_agent_named(site, a->name) != a || site_agent_named(site, a->lcuuid) != a ||
	    site_agent_of(site, a->id) != a || a->id < 1 || a->id > 20)
		abort();
	if (a->ctrl_mac[0] != '\0' && site_agent_at(site, a->ctrl_ip, a->ctrl_mac) != a)
		abort();
}

static struct site_hello hello_of(const char *const t[TEXTS])
{
	return (struct site_hello){
		.trident = t[0][0] & 1,
		.by_ip = t[0][0] & 2,
		.certified = t[0][0] & 4,
		.force_watch = t[0][0] & 8,
		.watch_policy = (uint8_t)t[0][0] >> 4,
		.ctrl_ip = t[1],
		.ctrl_mac = t[2],
		.group_request = t[3],
		.cluster_name = t[4],
		.peer = t[5],
		.facts = { .host = t[6],
			   .revision = t[7],
			   .os = t[8],
			   .exception_text = t[9],
			   .cluster_id = t[10],
			   .boot_s = (uint32_t)strlen(t[11]) * 100 },
	};
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = calloc(1, size + 1);
	const char *t[TEXTS], *p = text, *end = text + size;

	if (site == NULL)
		make_site();
	memcpy(text, data, size);
	while (p < end) {
		struct site_hello h;
		struct site_seen seen;

		for (size_t i = 0; i < TEXTS; i++) {
			t[i] = p;
			p += p < end ? strlen(p) + (p + strlen(p) < end) : 0;
		}
		h = hello_of(t);
		if (site_agent_seen(site, &h, false, &seen, NULL) == 0 && seen.agent != NULL)
			check_agent(seen.agent);
		site_agent_calls(site, h.ctrl_ip, h.ctrl_mac, h.peer, h.certified);
	}
	event_base_loop(base, EVLOOP_NONBLOCK);
	free(text);
	return 0;
}
