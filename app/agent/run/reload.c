/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The configurations, read again. What is wrong in any of them is refused whole. Ports, filters, the log and
 * what the pipe's settings are made of change in place; sizes, sinks and sockets do not, and that is said.
 */
#include "run.h"
#include "appliance.h"
#include "own.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>

struct teller {
	ports_change_fn fn;
	void *ctx;
};

static void say(void *ctx, const char *text)
{
	const struct teller *t = ctx;

	weir_log(WEIR_LOG_INFO, "configuration: %s", text);
	if (t->fn != NULL)
		t->fn(t->ctx, text);
}

__attribute__((format(printf, 2, 3))) static void tell(struct teller *t, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	say(t, text);
}

static bool begins(const char *path, const char *with)
{
	return strncmp(path, with, strlen(with)) == 0;
}

static bool is_of_a_list(const struct weir_conf_row *row)
{
	return strchr(row->path, '[') != NULL;
}

/* Rows outside of lists that take effect at once. */
static bool is_live(const struct weir_conf_row *row)
{
	return begins(row->path, "log.") || begins(row->path, "dedup.") ||
	       begins(row->path, "controller.");
}

static bool differs(const struct weir_conf_row *row, const struct weir_box_conf *a,
		    const struct weir_box_conf *b, char *words, size_t size)
{
	char *x = weir_conf_value_text(row, (const char *)a + row->offset);
	char *y = weir_conf_value_text(row, (const char *)b + row->offset);
	const bool differ = x != NULL && y != NULL && strcmp(x, y) != 0;

	if (differ)
		snprintf(words, size, "%s: %s -> %s", row->path, x, y);
	free(x);
	free(y);
	return differ;
}

static void rows_tell(const struct run *r, const struct agent_conf *next, struct teller *t)
{
	char words[400];

	for (uint32_t i = 0; i < weir_box_table.n; i++) {
		const struct weir_conf_row *row = &weir_box_table.rows[i];

		if (is_of_a_list(row) || !(row->flags & WEIR_CONF_USED))
			continue;
		if (is_live(row) && differs(row, &r->conf->box, &next->box, words, sizeof(words)))
			tell(t, "%s", words);
		if (!is_live(row) && differs(row, &r->boot->box, &next->box, words, sizeof(words)))
			tell(t, "%s: stays as it was until the agent is started again", words);
	}
}

static bool sinks_differ(const struct weir_box_conf *a, const struct weir_box_conf *b)
{
	if (a->sinks_n != b->sinks_n)
		return true;
	for (uint32_t i = 0; i < a->sinks_n; i++) {
		const struct weir_box_sink *x = &a->sinks[i], *y = &b->sinks[i];

		if (x->type != y->type || strcmp(x->path, y->path) != 0 ||
		    x->max_mib != y->max_mib || x->max_age != y->max_age)
			return true;
	}
	return false;
}

static bool same_ports(const uint8_t *a, const uint8_t *b)
{
	if (a == NULL || b == NULL)
		return a == b;
	return memcmp(a, b, 65536 / 8) == 0;
}

/* They lie in zeroed memory, and members are set one by one: no byte of them is undefined. */
static bool settings_differ(const struct weir_settings *a, const struct weir_settings *b)
{
	struct weir_settings x, y;

	memcpy(&x, a, sizeof(x));
	memcpy(&y, b, sizeof(y));
	x.flow.server_ports = y.flow.server_ports = NULL;
	/* NOLINTNEXTLINE(bugprone-suspicious-memory-comparison) */
	return memcmp(&x, &y, sizeof(x)) != 0 ||
	       !same_ports(a->flow.server_ports, b->flow.server_ports);
}

/* `next` is in force from here on. */
static void settings_take(struct run *r, struct agent_conf *next, struct teller *t)
{
	const bool differ = settings_differ(&r->conf->settings, &next->settings);
	struct agent_conf *old = r->conf;

	if (weir_pipe_settings_set(r->pipe, &next->settings) != 0) {
		tell(t, "settings of flows: no memory; they stay as they were");
		return;
	}
	if (differ) {
		weir_pipe_epoch_raise(r->pipe);
		tell(t, "settings of flows: changed; open flows end with a report");
	}
	r->conf = next;
	if (old != r->boot) {
		agent_conf_free(old);
		free(old);
	}
}

static int taps_apply(struct run *r, const struct agent_conf *next, struct teller *t,
		      struct weir_err *err)
{
	const struct weir_box_tap *taps = next->box.taps;
	uint32_t n = next->box.taps_n;
	struct appliance *choice = NULL;
	char own[OWN_TEXT_MAX];
	int rc;

	if (n == 0) {
		choice = appliance_choose();
		if (choice == NULL)
			return weir_err_set(err, ENOMEM, "no memory");
		n = appliance_taps(choice, &taps);
	}
	own_traffic(own, sizeof(own), &next->box);
	rc = ports_apply(r->ports, taps, n, own, say, t, err);
	appliance_free(choice);
	return rc;
}

static int read_again(const struct run *r, struct agent_conf *next, struct weir_err *err)
{
	static struct weir_err_list errs; /* large */
	const char *first = "no memory";

	memset(&errs, 0, sizeof(errs));
	if (agent_conf_read(next, r->box_path, r->group_path, &errs) == 0)
		return 0;
	weir_err_list_print(&errs, stderr);
	for (uint32_t i = errs.n; i-- > 0;)
		if (!errs.items[i].warning)
			first = errs.items[i].msg;
	return weir_err_set(err, EINVAL,
			    "configuration refused, the old one stays: %u mistake%s: %.300s",
			    errs.mistakes, errs.mistakes == 1 ? "" : "s", first);
}

int run_configure(struct run *r, struct weir_err *err)
{
	struct teller t = { 0 };

	return taps_apply(r, r->conf, &t, err);
}

int run_reload(struct run *r, ports_change_fn change, void *ctx, struct weir_err *err)
{
	struct agent_conf *next = calloc(1, sizeof(*next));
	struct teller t = { change, ctx };
	int rc;

	if (next == NULL)
		return weir_err_set(err, ENOMEM, "no memory to read the configuration");
	rc = read_again(r, next, err);
	if (rc == 0) {
		agent_conf_live(next);
		rc = taps_apply(r, next, &t, err);
	}
	if (rc != 0) {
		agent_conf_free(next);
		free(next);
		return rc;
	}
	rows_tell(r, next, &t);
	if (sinks_differ(&r->boot->box, &next->box))
		tell(&t, "sinks: stay as they were until the agent is started again");
	agent_log_set(&next->box);
	settings_take(r, next, &t);
	return 0;
}
