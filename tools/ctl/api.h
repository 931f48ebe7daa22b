/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The controller, asked over its HTTP API: DeepFlow's routes and envelope (control plane, 6.1), and /api/v1 of weir's own.
 */
#ifndef API_H
#define API_H

#include "ctl.h"
#include "rows.h"

#include <weir_http_client.h>

#include <jansson.h>

/* The exit code for an error of these functions. */
enum ctl_exit api_exit(const struct weir_err *err);

/*
 * A path and query. Of `fmt` %s (escaped), %u and no other conversion. NULL without memory; free().
 */
char *api_target(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* What a change is made of: one of them, or nothing. */
struct api_body {
	json_t *json;     /* given */
	const char *text; /* as it is: YAML */
	size_t len;
	const struct weir_http_client_part *parts;
	size_t n_parts;
};

/* `target` is given, NULL is fine. The DATA of the answer (null where it has none), given; NULL with `err` set. */
json_t *api_ask(struct ctl *ctl, const char *method, char *target, const struct api_body *body,
		struct weir_err *err);
json_t *api_get(struct ctl *ctl, char *target, struct weir_err *err);

/* A change whose answer says nothing to anybody. `json` is given; NULL: without a body. */
enum ctl_exit api_change(struct ctl *ctl, const char *method, char *target, json_t *json,
			 struct weir_err *err);

/* The rows at `target`, printed. */
enum ctl_exit api_list(struct ctl *ctl, char *target, const struct rows_column *columns, size_t n,
		       struct weir_err *err);

/* The same of rows that are here already; given. NULL: `err` says why. */
enum ctl_exit api_print(const struct ctl *ctl, json_t *rows, const struct rows_column *columns,
			size_t n, struct weir_err *err);

/* The body of an answer that is no JSON, to a file. */
int api_fetch(struct ctl *ctl, const char *method, char *target, FILE *to, struct weir_err *err);

/*
 * The one of the rows at `target` whose `key` is `value`, given. NULL with `err` set; `err->code` ENOENT: there is none,
 * and it says so of a `kind` ("agent").
 */
json_t *api_find(struct ctl *ctl, char *target, const char *key, const char *value,
		 const char *kind, struct weir_err *err);

void api_close(struct ctl *ctl);

#endif
