/* SPDX-License-Identifier: Apache-2.0 */
#include "sync.h"

#include "helper.h"
#include "run.h"
#include "tables.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#define STATE_PATH "/var/lib/weir"
#define REVISION   "weir " WEIR_VERSION

struct sync {
	struct run *r;
	struct weir_sync_boot boot;
	struct weir_sync_env env;
	struct weir_sync *session;
	char kept[300];
};

static struct weir_err_list errs; /* large */

/* ---- what comes of it ---- */

static int on_group(void *user, const char *yaml, size_t len, const char *origin, uint64_t revision,
		    const struct weir_group_conf **taken, struct weir_err *err)
{
	struct sync *s = user;
	const int rc = group_apply(s->r, yaml, len, origin, revision, NULL, NULL, err);

	*taken = &s->r->conf->group;
	return rc;
}

/* By its run, and not the session: it may be over before the work is. */
static int aside(void *user, void (*work)(void *), void (*done)(void *), void *arg)
{
	const struct sync *s = user;

	return helpers_start(s->r->helpers, "weir-keep", work, done, arg);
}

static void on_dynamic(void *user, const struct weir_sync_dynamic *d)
{
	const struct sync *s = user;

	weir_log(WEIR_LOG_INFO, "controller: this is agent %u of group %s, VPC %u", d->agent_id,
		 d->group_id[0] != '\0' ? d->group_id : "unknown", d->vpc_id);
	tables_dynamic(s->r->tables, d);
}

static void on_tables(void *user, const struct weir_sync_tables *t, unsigned int changed)
{
	const struct sync *s = user;

	tables_take(s->r->tables, t, changed);
}

static void on_capture(void *user, bool enabled, bool escaped)
{
	struct sync *s = user;

	ports_pause(s->r->ports, PORTS_PAUSED_BY_GROUP, !enabled);
	ports_pause(s->r->ports, PORTS_PAUSED_BY_CONTROLLER, escaped);
}

static void on_clock(void *user, int64_t offset_s)
{
	(void)user;
	weir_log(WEIR_LOG_INFO, "controller: its clock is %+" PRId64 " s from this machine's",
		 offset_s);
}

static const struct weir_sync_handlers handlers = {
	.group = on_group,
	.dynamic = on_dynamic,
	.tables = on_tables,
	.capture = on_capture,
	.clock = on_clock,
};

/* ---- who is asked ---- */

/*
 * The box's own word wins over DeepFlow's file, which need not be there. Not 0, and said: there is one that cannot
 * be used, so that who is wanted, and how, is not known.
 */
static int boot_read(const struct run *r, struct weir_sync_boot *boot, bool *wanted)
{
	const struct weir_box_conf *box = &r->conf->box;
	int rc;

	memset(&errs, 0, sizeof(errs));
	rc = weir_sync_boot_load(WEIR_SYNC_BOOT_PATH, boot, &errs);
	weir_err_list_print(&errs, stderr);
	if (rc != 0 && rc != -ENOENT) {
		weir_log(WEIR_LOG_ERR,
			 WEIR_SYNC_BOOT_PATH ": not used: %s (%u mistakes); %s until it is mended",
			 strerror(-rc), errs.mistakes,
			 r->sync != NULL ? "the session with the controller stays as it is"
					 : "no controller is followed");
		return rc;
	}
	if (box->controller.address[0] != '\0') {
		boot->controller_ips.n = 1;
		snprintf(boot->controller_ips.v[0], sizeof(boot->controller_ips.v[0]), "%s",
			 box->controller.address);
		boot->controller_port = box->controller.port;
		if (weir_box_conf_line(box, &box->controller.port) != 0)
			boot->controller_tls_port = box->controller.port;
	}
	*wanted = boot->controller_ips.n > 0;
	return 0;
}

/* Where systemd says that state is kept. */
static void kept_path(char *to, size_t size)
{
	const char *dir = getenv("STATE_DIRECTORY");

	if (dir == NULL || dir[0] == '\0')
		dir = STATE_PATH;
	snprintf(to, size, "%.*s", (int)strcspn(dir, ":"), dir);
	(void)mkdir(to, 0750);
	snprintf(to + strlen(to), size - strlen(to), "/controller");
}

struct sync *sync_open(struct run *r)
{
	struct sync *s = calloc(1, sizeof(*s));
	struct weir_err err = { 0 };
	struct weir_sync_options o = {
		.base = r->base,
		.exceptions = &r->exceptions,
		.to = &handlers,
		.user = s,
		.revision = REVISION,
		.process_name = "weir-agent",
		.aside = aside,
	};

	bool wanted = false;

	if (s == NULL || boot_read(r, &s->boot, &wanted) != 0 || !wanted) {
		free(s);
		return NULL;
	}
	s->r = r;
	memset(&errs, 0, sizeof(errs));
	weir_sync_env_read(&s->env, &errs);
	weir_err_list_print(&errs, stderr);
	kept_path(s->kept, sizeof(s->kept));
	o.boot = &s->boot;
	o.env = &s->env;
	o.kept_path = s->kept;
	s->session = weir_sync_start(&o, &err);
	if (s->session == NULL) {
		weir_log(WEIR_LOG_ERR, "controller: %s", err.msg);
		free(s);
		return NULL;
	}
	return s;
}

void sync_close(struct sync *s)
{
	if (s == NULL)
		return;
	weir_sync_stop(s->session);
	free(s);
}

void sync_follow(struct run *r)
{
	struct weir_sync_boot *boot = calloc(1, sizeof(*boot));
	struct weir_err err = { 0 };
	bool wanted = false;

	if (boot == NULL || boot_read(r, boot, &wanted) != 0) {
		free(boot);
		return;
	}
	/* Both are plain memory that was zeroed before it was filled. */
	/* NOLINTNEXTLINE(bugprone-suspicious-memory-comparison) */
	if (r->sync != NULL && (!wanted || memcmp(boot, &r->sync->boot, sizeof(*boot)) != 0)) {
		sync_close(r->sync);
		r->sync = NULL;
		ports_pause(r->ports, PORTS_PAUSED_BY_GROUP, false);
		ports_pause(r->ports, PORTS_PAUSED_BY_CONTROLLER, false);
		if (!wanted)
			tables_forget(r->tables);
		if (!wanted && group_forget(r, NULL, NULL, &err) != 0)
			weir_log(WEIR_LOG_ERR, "without a controller: %s", err.msg);
	}
	free(boot);
	if (r->sync != NULL)
		weir_sync_group_retry(r->sync->session);
	else if (wanted)
		r->sync = sync_open(r);
}

void sync_refuse(struct sync *s, enum weir_sync_table table, const char *why)
{
	if (s != NULL)
		weir_sync_table_refuse(s->session, table, why);
}

uint32_t sync_servers(const struct sync *s, struct weir_sync_server to[WEIR_SYNC_SERVERS_MAX])
{
	return s != NULL ? weir_sync_servers(s->session, to) : 0;
}

bool sync_view(const struct sync *s, struct weir_sync_view *v)
{
	if (s != NULL)
		weir_sync_view(s->session, v);
	return s != NULL;
}
