/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A session with controllers and nothing else: what it is told comes out as lines, what is to happen comes in
 * as lines. For sync_test.py.
 *
 *   sync_client BOOT_FILE KEPT_FILE [NAME=MS...]    retry_first retry_most push_again interval escape call
 *   in: raise BIT | view | again (the session ends, and a new one begins) | quit
 */
#include <weir_sync.h>

#include <event2/event.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct client {
	struct event_base *base;
	struct weir_sync_options o;
	struct weir_sync *sync;
	struct weir_exceptions exceptions;
};

static int on_group(void *user, const char *yaml, size_t len, const char *origin, uint64_t revision,
		    const struct weir_group_conf **taken, struct weir_err *err)
{
	static struct weir_err_list errs;
	static struct weir_group_conf conf;

	(void)user;
	memset(&errs, 0, sizeof(errs));
	weir_group_conf_free(&conf);
	memset(&conf, 0, sizeof(conf));
	if (weir_group_conf_take(yaml, len, "controller", &conf, &errs) != 0) {
		printf("refused\t%s\t%s\n", origin, errs.items[0].msg);
		return weir_err_set(err, 22, "%s", errs.items[0].msg);
	}
	printf("group\t%s\t%" PRIu64 "\t%u\n", origin, revision, conf.global.limits.max_memory);
	*taken = &conf;
	return 0;
}

static void on_dynamic(void *user, const struct weir_sync_dynamic *d)
{
	(void)user;
	printf("dynamic\t%u\t%u\t%s\n", d->agent_id, d->enabled, d->group_id);
}

static void on_tables(void *user, const struct weir_sync_tables *t, unsigned int changed)
{
	(void)user;
	printf("tables\t%u", changed);
	for (int i = 0; i < WEIR_SYNC_TABLES; i++)
		printf("\t%" PRIu64 ":%zu", t->part[i].version, t->part[i].bytes.n);
	putchar('\n');
}

static void on_capture(void *user, bool enabled, bool escaped)
{
	(void)user;
	printf("capture\t%s\t%s\n", enabled && !escaped ? "on" : "off", escaped ? "escaped" : "");
}

static void on_clock(void *user, int64_t offset_s)
{
	(void)user;
	printf("clock\t%" PRId64 "\n", offset_s);
}

static void view(const struct client *c)
{
	struct weir_sync_view v;

	weir_sync_view(c->sync, &v);
	printf("view\t%s\t%s\t%s\t%d\t%d\t%s\t%s\t%" PRIu64 "\t%" PRIu64 "\t%" PRIu64 "\n", v.state,
	       v.dialect, v.server, v.by_proxy, v.kept, v.identity, v.error, v.syncs, v.failures,
	       v.pushes);
}

static void again(struct client *c)
{
	struct weir_err err = { 0 };

	weir_sync_stop(c->sync);
	c->sync = weir_sync_start(&c->o, &err);
	if (c->sync == NULL)
		event_base_loopbreak(c->base);
}

static void on_line(evutil_socket_t fd, short what, void *arg)
{
	struct client *c = arg;
	char text[256];
	const ssize_t n = read(fd, text, sizeof(text) - 1);

	(void)what;
	if (n <= 0) {
		event_base_loopbreak(c->base);
		return;
	}
	text[n] = '\0';
	if (strncmp(text, "raise ", 6) == 0)
		(void)weir_exceptions_set(&c->exceptions, strtoull(text + 6, NULL, 0));
	else if (strncmp(text, "view", 4) == 0)
		view(c);
	else if (strncmp(text, "again", 5) == 0)
		again(c);
	else
		event_base_loopbreak(c->base);
}

static void option(struct weir_sync_options *o, const char *text)
{
	static const char *const names[] = { "retry_first", "retry_most", "push_again", "interval",
					     "escape" };
	uint64_t *const to[] = { &o->retry_first_ns, &o->retry_most_ns, &o->push_again_ns,
				 &o->interval_ns, &o->escape_ns };
	const char *is = strchr(text, '=');

	if (is == NULL)
		return;
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(names); i++)
		if (strncmp(text, names[i], (size_t)(is - text)) == 0)
			*to[i] = strtoull(is + 1, NULL, 10) * WEIR_NS_PER_MS;
	if (strncmp(text, "call", 4) == 0)
		o->call_ms = atoi(is + 1);
}

int main(int argc, char **argv)
{
	static const struct weir_sync_handlers to = { on_group, on_dynamic, on_tables, on_capture,
						      on_clock };
	static struct weir_err_list errs;
	static struct weir_sync_boot boot;
	static struct weir_sync_env env;
	static struct client c;
	struct weir_sync_options o = {
		.boot = &boot,
		.env = &env,
		.exceptions = &c.exceptions,
		.to = &to,
		.user = &c,
		.revision = "weir 1-0123456",
		.process_name = "weir-agent",
	};
	struct weir_err err = { 0 };
	struct event *in;

	if (argc < 3)
		return 2;
	setvbuf(stdout, NULL, _IOLBF, 0);
	weir_log_limit_set(0, WEIR_NS_PER_S);
	if (weir_sync_boot_load(argv[1], &boot, &errs) != 0) {
		weir_err_list_print(&errs, stderr);
		return 3;
	}
	weir_sync_env_read(&env, &errs);
	o.kept_path = argv[2];
	for (int i = 3; i < argc; i++)
		option(&o, argv[i]);
	o.base = c.base = event_base_new();
	in = event_new(c.base, 0, EV_READ | EV_PERSIST, on_line, &c);
	event_add(in, NULL);
	c.o = o;
	c.sync = weir_sync_start(&o, &err);
	if (c.sync == NULL) {
		fprintf(stderr, "%s\n", err.msg);
		return 1;
	}
	event_base_dispatch(c.base);
	weir_sync_stop(c.sync);
	for (int i = 0; i < 2; i++) /* what it has cancelled ends, then its name servers */
		event_base_loop(c.base, EVLOOP_NONBLOCK);
	event_free(in);
	event_base_free(c.base);
	puts("gone");
	return 0;
}
