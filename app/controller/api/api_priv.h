/* SPDX-License-Identifier: Apache-2.0 */
#ifndef API_PRIV_H
#define API_PRIV_H

#include <api.h>
#include <weir_http.h>

#include <jansson.h>

#define API_CONFIG_MAX WEIR_CONF_BYTES_MAX
#define API_JSON_MAX   ((size_t)64 << 10)
#define API_IMAGE_MAX  ((size_t)512 << 20)

struct api {
	struct site *site;
	struct inventory *inventory; /* NULL: there is none (tests) */
	struct serve *serve;         /* the same */
	struct weir_http_server *http;
	struct weir_http_route *routes;
	unsigned int n_routes;
	char own_ip[46], region[64];
	bool local_root;
	uint64_t started_s;
	uint64_t refused_credentials, refused_roles, changes;
};

/* ------------------------------------------------------------------ JSON that is written: out.c */

struct out {
	struct weir_http_text *to;
	bool more; /* something stands before, at this level */
};

/* `key` NULL: in a list. Text that is no UTF-8 is shown as far as it is. */
void api_out_open(struct out *o, const char *key, char bracket);
void api_out_close(struct out *o, char bracket);
void api_out_text(struct out *o, const char *key, const char *value);
void api_out_bytes(struct out *o, const char *key, const char *value, size_t n);
void api_out_number(struct out *o, const char *key, uint64_t value);
void api_out_bool(struct out *o, const char *key, bool value);
void api_out_null(struct out *o, const char *key);
void api_out_json(struct out *o, const char *key, const char *json); /* as it is; no object: {} */
/* "2026-03-19 09:30:00", of this machine's zone; "" of 0. And as RFC 3339; null of 0. */
void api_out_time(struct out *o, const char *key, uint64_t epoch_s);
void api_out_rfc3339(struct out *o, const char *key, uint64_t epoch_s);

/* ------------------------------------------------------------------ one call */

enum api_family { API_DEEPFLOW, API_OWN, API_PLAIN };

struct call {
	struct api *api;
	struct weir_http_request *rq;
	struct weir_http_answer *answer;
	struct out out;
	struct site_actor by;
	char who[128];
	json_t *body; /* of who asked for one; freed afterwards */
};

/* A row of the table of routes. */
struct api_row {
	const char *method, *path;
	enum api_family family;
	int role; /* enum site_role; 0 = anybody */
	void (*serve)(struct call *c);
	size_t body_max;
	bool upload;
	const char *help;
};
extern const struct api_row api_rows[];
extern const unsigned int api_n_rows;

/* Success: what stands between is the DATA, or the whole of it. */
void api_begin(struct call *c);
void api_end(struct call *c);
void api_done(struct call *c);                     /* with nothing to say */
void api_gone(struct call *c, const char *lcuuid); /* what was deleted */
enum api_family api_family_of(const struct call *c);

/* Failure. `code`: negative or positive errno; `err` may be NULL. */
void api_fail(struct call *c, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
void api_fail_err(struct call *c, int code, const struct weir_err *err);
/* A configuration with mistakes. */
void api_fail_list(struct call *c, const struct weir_err_list *errs, const struct weir_err *err);

/* The same of the server and of credentials, where there is no call. */
void api_refuse(void *ctx, const struct weir_http_request *rq, const char *why,
		struct weir_http_answer *answer);

/* auth.c: may it be served? */
bool api_admit(void *ctx, const struct weir_http_request *rq, struct weir_http_answer *answer);
/* The role of who asks, and who it is. 0: `status` and `why` say why not. */
int api_role_of(struct api *a, const struct weir_http_request *rq, bool changes, char *who,
		size_t size, int *status, const char **why);

/* routes.c: what the server calls; and a table of the server's own, of `api_rows`. */
int api_routes_make(struct api *a);
void api_serve(void *ctx, const struct weir_http_request *rq, struct weir_http_answer *answer);

/* body.c: the body as a JSON object whose keys are upper case; NULL, and the call has failed. */
json_t *api_body(struct call *c);
const char *api_body_text(const json_t *body, const char *key); /* "" = none */
/* 1 and `value`, 0 none, -1: it is no number (or boolean), and the call has failed. */
int api_body_number(struct call *c, const json_t *body, const char *key, int64_t *value);
bool api_is_utf8(const char *text);
bool api_is_number(const char *text, uint32_t max, uint32_t *value);

/* The same: what a path names; NULL, and the call has failed. */
const struct site_agent *api_agent(struct call *c, const char *name);
const struct site_group *api_group(struct call *c, const char *name);
const struct site_domain *api_domain(struct call *c, const char *name);
bool api_wants(const struct weir_http_request *rq, const char *name,
	       const char *value); /* the query has no such name, or this value of it */

/* What both families change alike (agents.c, groups.c, domains.c), shown and asked for as each does. */
void api_deepflow_agent_say(struct call *c, const struct site_agent *a);
void api_own_agent_say(struct call *c, const struct site_agent *a);
bool api_deepflow_agent_change(struct call *c, const json_t *body, struct site_agent_change *to);
bool api_own_agent_change(struct call *c, const json_t *body, struct site_agent_change *to);
void api_deepflow_group_say(struct call *c, const struct site_group *g);
void api_own_group_say(struct call *c, const struct site_group *g);
void api_deepflow_domain_say(struct call *c, const struct site_domain *d);
void api_own_domain_say(struct call *c, const struct site_domain *d);

/* upload.c */
void api_upload_take(void *ctx, struct weir_http_request *rq, const char *bytes, size_t n);
void api_upload_over(void *ctx, struct weir_http_request *rq);

/* Those that serve: named by the table. */
#define API_ROUTE(method, path, family, role, fn, body_max, upload, help) void fn(struct call *c);
#include "routes.def"

#endif
