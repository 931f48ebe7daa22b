/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a call ends: DeepFlow's envelope (control plane, 6.1), or, of /api/v1, what was asked for itself and an error as of
 * RFC 9457.
 */
#include "api_priv.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

static const struct {
	int code, status;
	const char *opt, *title;
} kinds[] = {
	{ EINVAL, 400, "INVALID_PARAMETERS", "not valid" },
	{ EBADMSG, 400, "INVALID_POST_DATA", "not valid" },
	{ EACCES, 401, "UNAUTHORIZED", "no credential" },
	{ EPERM, 403, "FORBIDDEN", "not allowed" },
	{ ENOENT, 404, "RESOURCE_NOT_FOUND", "there is none" },
	{ EEXIST, 409, "RESOURCE_ALREADY_EXIST", "there is one already" },
	{ EAGAIN, 412, "FAIL", "changed meanwhile" },
	{ EFBIG, 413, "INVALID_POST_DATA", "too large" },
	{ EBUSY, 503, "SERVER_ERROR", "busy" },
	{ ENOSPC, 507, "SERVER_ERROR", "no space left" },
	{ EIO, 500, "SERVER_ERROR", "failed" }, /* and all others */
};

static size_t kind_of(int code)
{
	size_t i = 0;

	while (i < WEIR_ARRAY_SIZE(kinds) - 1 && kinds[i].code != code)
		i++;
	return i;
}

static size_t kind_of_status(int status)
{
	size_t i = 0;

	while (i < WEIR_ARRAY_SIZE(kinds) - 1 && kinds[i].status != status)
		i++;
	return kinds[i].status == status || status >= 500 ? i : 0;
}

static bool is_deepflow(const struct weir_http_request *rq)
{
	const struct api_row *row = rq->route != NULL ? rq->route->row : NULL;

	if (row != NULL)
		return row->family == API_DEEPFLOW;
	return strncmp(rq->path, "/v1/", 4) == 0 || strncmp(rq->path, "/v2/", 4) == 0;
}

static void put_envelope(struct out *o, const char *opt, const char *description)
{
	api_out_open(o, NULL, '{');
	api_out_text(o, "OPT_STATUS", opt);
	api_out_text(o, "DESCRIPTION", description);
}

static void put_problem(struct out *o, const char *title, int status, const char *detail)
{
	api_out_open(o, NULL, '{');
	api_out_text(o, "type", "about:blank");
	api_out_text(o, "title", title);
	api_out_number(o, "status", (uint64_t)status);
	api_out_text(o, "detail", detail);
}

/* Begun, so that a list of mistakes may follow. */
static struct out begin_failure(const struct weir_http_request *rq, struct weir_http_answer *answer,
				size_t kind, const char *text)
{
	struct out o = { .to = answer->body };

	answer->body->len = 0; /* whatever was begun */
	if (is_deepflow(rq)) {
		answer->type = "application/json";
		put_envelope(&o, kinds[kind].opt, text);
		api_out_null(&o, "DATA");
	} else {
		answer->type = "application/problem+json";
		put_problem(&o, kinds[kind].title, answer->status, text);
	}
	return o;
}

void api_refuse(void *ctx, const struct weir_http_request *rq, const char *why,
		struct weir_http_answer *answer)
{
	struct out o = begin_failure(rq, answer, kind_of_status(answer->status), why);

	(void)ctx;
	api_out_close(&o, '}');
}

static struct out fail(struct call *c, int code, const char *text)
{
	const size_t kind = kind_of(code < 0 ? -code : code);

	c->answer->status = kinds[kind].status;
	if (kinds[kind].status == 503)
		weir_http_answer_header(c->answer, "Retry-After", "1");
	return begin_failure(c->rq, c->answer, kind, text);
}

void api_fail(struct call *c, int code, const char *fmt, ...)
{
	char text[480];
	struct out o;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	o = fail(c, code, text);
	api_out_close(&o, '}');
}

void api_fail_err(struct call *c, int code, const struct weir_err *err)
{
	api_fail(c, code, "%s", err->msg);
}

static void put_items(struct out *o, const struct weir_err_list *errs)
{
	api_out_open(o, "errors", '[');
	for (uint32_t i = 0; i < errs->n; i++) {
		api_out_open(o, NULL, '{');
		api_out_text(o, "level", errs->items[i].warning ? "warning" : "error");
		api_out_number(o, "line", errs->items[i].line);
		api_out_number(o, "column", errs->items[i].column);
		api_out_text(o, "message", errs->items[i].msg);
		api_out_close(o, '}');
	}
	api_out_close(o, ']');
	api_out_number(o, "mistakes", errs->mistakes);
}

/* As lines, for who reads DESCRIPTION. */
static void lines_of(const struct weir_err_list *errs, char *text, size_t size)
{
	size_t used = 0;

	text[0] = '\0';
	for (uint32_t i = 0; i < errs->n && used + 1 < size; i++) {
		const struct weir_err_item *item = &errs->items[i];
		int n;

		if (item->warning)
			continue;
		n = snprintf(text + used, size - used, "%s%u:%u: %s", used > 0 ? "\n" : "",
			     item->line, item->column, item->msg);
		used += n > 0 ? (size_t)n : 0;
	}
}

void api_fail_list(struct call *c, const struct weir_err_list *errs, const struct weir_err *err)
{
	char text[16384];
	struct out o;

	if (errs->mistakes == 0) {
		api_fail_err(c, err->code, err);
		return;
	}
	lines_of(errs, text, sizeof(text));
	o = fail(c, EBADMSG, text);
	put_items(&o, errs);
	api_out_close(&o, '}');
}

enum api_family api_family_of(const struct call *c)
{
	return ((const struct api_row *)c->rq->route->row)->family;
}

void api_begin(struct call *c)
{
	c->answer->type = "application/json";
	if (api_family_of(c) == API_DEEPFLOW) {
		put_envelope(&c->out, "SUCCESS", "");
		weir_http_text_printf(c->out.to, ",\"DATA\":");
		c->out.more = false;
	}
}

void api_end(struct call *c)
{
	if (api_family_of(c) == API_DEEPFLOW)
		api_out_close(&c->out, '}');
	weir_http_text_add(c->out.to, "\n", 1);
}

void api_done(struct call *c)
{
	api_begin(c);
	if (api_family_of(c) == API_DEEPFLOW) {
		api_out_null(&c->out, NULL);
	} else {
		api_out_open(&c->out, NULL, '{');
		api_out_close(&c->out, '}');
	}
	api_end(c);
}

void api_gone(struct call *c, const char *lcuuid)
{
	if (api_family_of(c) != API_DEEPFLOW) {
		api_done(c);
		return;
	}
	api_begin(c);
	api_out_open(&c->out, NULL, '{');
	api_out_text(&c->out, "LCUUID", lcuuid);
	api_out_close(&c->out, '}');
	api_end(c);
}
