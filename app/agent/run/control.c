/* SPDX-License-Identifier: Apache-2.0 */
/* What the control socket answers: the table of commands at the end. */
#include "capture.h"
#include "run.h"
#include "watch.h"

#include <weir_ctl.h>

#include <errno.h>

static json_t *or_no_memory(json_t *data, struct weir_err *err)
{
	if (data == NULL)
		weir_err_set(err, ENOMEM, "no memory for the answer");
	return data;
}

static json_t *status(void *ctx, const json_t *args, struct weir_err *err)
{
	(void)args;
	return or_no_memory(status_json(ctx), err);
}

static json_t *ports(void *ctx, const json_t *args, struct weir_err *err)
{
	(void)args;
	return or_no_memory(ports_json(ctx), err);
}

static json_t *config(void *ctx, const json_t *args, struct weir_err *err)
{
	(void)args;
	return or_no_memory(config_json(ctx), err);
}

static json_t *check(void *ctx, const json_t *args, struct weir_err *err)
{
	const char *text = json_string_value(json_object_get(args, "text"));

	if (text == NULL) {
		weir_err_set(err, EINVAL, "check: needs a text, the group configuration");
		return NULL;
	}
	return or_no_memory(config_check_json(ctx, text), err);
}

static void note(void *ctx, const char *text)
{
	json_array_append_new(ctx, weir_ctl_text(text));
}

static json_t *reload(void *ctx, const json_t *args, struct weir_err *err)
{
	json_t *changes = json_array();

	(void)args;
	if (run_reload(ctx, note, changes, err) == 0)
		return or_no_memory(json_pack("{s:o}", "changes", changes), err);
	json_decref(changes);
	return NULL;
}

static int watch(void *ctx, const json_t *args, struct weir_ctl_stream *s, struct weir_err *err)
{
	const struct run *r = ctx;

	(void)args;
	return watch_add(r->watch, s, err);
}

static int capture(void *ctx, const json_t *args, struct weir_ctl_stream *s, struct weir_err *err)
{
	const struct run *r = ctx;

	return captures_add(r->captures, args, s, err);
}

static const struct weir_ctl_command commands[] = {
	{ .name = "status", .answer = status },
	{ .name = "ports", .answer = ports },
	{ .name = "reload", .answer = reload },
	{ .name = "watch", .begin = watch },
	{ .name = "capture", .begin = capture },
	{ .name = "config", .answer = config },
	{ .name = "check", .answer = check, .is_long = true },
};

struct weir_ctl_server *control_open(struct run *r, struct weir_err *err)
{
	const struct weir_box_conf *box = &r->conf->box;
	const struct weir_ctl_server_conf conf = {
		.base = r->base,
		.path = box->control.socket,
		.group = box->control.group[0] != '\0' ? box->control.group : NULL,
		.commands = commands,
		.n_commands = WEIR_ARRAY_SIZE(commands),
		.ctx = r,
	};

	return weir_ctl_server_create(&conf, err);
}
