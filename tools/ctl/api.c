/* SPDX-License-Identifier: Apache-2.0 */
#include "api.h"

#include "agent.h"
#include "api_open.h"
#include "input.h"

#include <weir_conf.h>

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>

enum ctl_exit api_exit(const struct weir_err *err)
{
	switch (err->code) {
	case EBADMSG: /* what was sent */
		return CTL_INVALID;
	case EHOSTUNREACH:
	case ENETUNREACH:
	case EADDRNOTAVAIL:
	case EKEYREJECTED:
		return CTL_UNREACHABLE;
	default:
		return agent_exit(err);
	}
}

/* --- a path and query --- */

/* RFC 3986, 2.3: all but unreserved characters are escaped. The dot, too: no name is a way up in a path. */
static void put_escaped(FILE *to, const char *text)
{
	static const char unreserved[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_~";

	for (; *text != '\0'; text++)
		if (strchr(unreserved, *text) != NULL)
			putc(*text, to);
		else
			fprintf(to, "%%%02X", (unsigned char)*text);
}

char *api_target(const char *fmt, ...)
{
	char *target = NULL;
	size_t len;
	FILE *to = open_memstream(&target, &len);
	va_list ap;

	if (to == NULL)
		return NULL;
	va_start(ap, fmt);
	for (const char *p = fmt; *p != '\0'; p++) {
		if (*p != '%')
			putc(*p, to);
		else if (*++p == 's')
			put_escaped(to, va_arg(ap, const char *));
		else
			fprintf(to, "%u", va_arg(ap, unsigned int));
	}
	va_end(ap);
	if (fclose(to) == 0)
		return target;
	free(target);
	return NULL;
}

/* --- an answer --- */

static const struct {
	const char *status; /* of DeepFlow's envelope */
	int code;
} statuses[] = {
	{ "INVALID_PARAMETERS", EINVAL },
	{ "INVALID_POST_DATA", EBADMSG },
	{ "RESOURCE_ALREADY_EXIST", EEXIST },
	{ "RESOURCE_NOT_FOUND", ENOENT },
};

static int code_of(int http, const char *status)
{
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(statuses); i++)
		if (strcmp(statuses[i].status, status) == 0)
			return statuses[i].code;
	switch (http) {
	case 400:
		return EINVAL;
	case 401:
	case 403:
		return EPERM;
	case 404:
		return ENOENT;
	default:
		return EIO;
	}
}

/* Each mistake of what was sent, with its place. False: the answer names none. */
static bool mistakes_print(const struct ctl *ctl, const json_t *answer)
{
	static struct weir_err_list errs; /* large */
	const json_t *mistake;
	char words[ROWS_TEXT_MAX];
	size_t i;

	json_array_foreach(json_object_get(answer, "errors"), i, mistake) {
		rows_copy(words, sizeof(words), agent_text(mistake, "message"));
		weir_err_list_add(&errs, strcmp(agent_text(mistake, "level"), "warning") == 0,
				  ctl->file != NULL ? input_name(ctl) : "configuration",
				  (uint32_t)agent_u64(mistake, "line"),
				  (uint32_t)agent_u64(mistake, "column"), "%s", words);
	}
	weir_err_list_print(&errs, stderr);
	return errs.mistakes > 0;
}

/* The controller says no, or what it cannot do. */
static void refusal_set(const struct ctl *ctl, const json_t *answer, int http, struct weir_err *err)
{
	const char *status = agent_text(answer, "OPT_STATUS");
	const char *words = agent_text(answer, "DESCRIPTION");
	char text[sizeof(err->msg)];

	if (words[0] == '\0')
		words = agent_text(answer, "detail"); /* RFC 9457 */
	rows_copy(text, sizeof(text), words[0] != '\0' ? words : status);
	if (mistakes_print(ctl, answer))
		weir_err_set(err, EBADMSG, "%s", ""); /* all is said */
	else
		weir_err_set(err, code_of(http, status), "%s%s", text,
			     http == 401 ? ": --token-file FILE or WEIR_TOKEN has yours" : "");
}

static void not_json_set(const struct weir_http_client_reply *reply, const char *target,
			 struct weir_err *err)
{
	weir_err_set(
		err, reply->status == 404 ? EPROTO : EIO,
		"%.200s: the answer (status %d) is none of a controller's API: --api-port PORT "
		"names its port",
		target, reply->status);
}

static bool is_good(const json_t *answer, int http)
{
	const char *status = agent_text(answer, "OPT_STATUS");

	return http >= 200 && http < 300 && (status[0] == '\0' || strcmp(status, "SUCCESS") == 0);
}

/* Of weir's own routes the whole answer, of DeepFlow's what is in the envelope. NULL with `err` set. */
static json_t *data_of(const struct ctl *ctl, const struct weir_http_client_reply *reply,
		       const char *target, struct weir_err *err)
{
	json_t *answer = json_loadb(reply->body, reply->len, 0, NULL), *data;
	const bool own = strncmp(target, "/api/", 5) == 0;

	if (answer == NULL || !(json_is_object(answer) || (own && json_is_array(answer))))
		not_json_set(reply, target, err);
	else if (!is_good(answer, reply->status))
		refusal_set(ctl, answer, reply->status, err);
	if (err->code != 0 || own) {
		data = err->code == 0 ? json_incref(answer) : NULL;
	} else {
		data = json_object_get(answer, "DATA");
		data = data != NULL ? json_incref(data) : json_null();
	}
	json_decref(answer);
	return data;
}

/* --- a question --- */

static int ask(struct ctl *ctl, struct weir_http_client_request *request,
	       struct weir_http_client_reply *reply, struct weir_err *err)
{
	struct weir_http_client *client = api_client(ctl, err);

	if (client == NULL)
		return -err->code;
	if (request->target == NULL)
		return weir_err_set(err, ENOMEM, "no memory");
	if (weir_http_client_ask(client, request, reply, err) == 0)
		return 0;
	if (api_exit(err) == CTL_UNREACHABLE)
		api_add_remedy(ctl, err);
	return -err->code;
}

json_t *api_ask(struct ctl *ctl, const char *method, char *target, const struct api_body *body,
		struct weir_err *err)
{
	struct weir_http_client_request request = { .method = method, .target = target };
	struct weir_http_client_reply reply = { 0 };
	char *json = NULL;
	json_t *data = NULL;

	if (body != NULL && body->json != NULL) {
		request.body = json = json_dumps(body->json, JSON_COMPACT);
		request.len = json != NULL ? strlen(json) : 0;
		request.type = "application/json";
		json_decref(body->json);
	} else if (body != NULL && body->text != NULL) {
		request.body = body->text;
		request.len = body->len;
		/* That is what DeepFlow's own command calls YAML. */
		request.type = "application/x-www-form-urlencoded";
	} else if (body != NULL) {
		request.parts = body->parts;
		request.n_parts = body->n_parts;
	}
	if (ask(ctl, &request, &reply, err) == 0)
		data = data_of(ctl, &reply, target, err);
	free(reply.body);
	free(json);
	free(target);
	return data;
}

json_t *api_get(struct ctl *ctl, char *target, struct weir_err *err)
{
	return api_ask(ctl, "GET", target, NULL, err);
}

enum ctl_exit api_change(struct ctl *ctl, const char *method, char *target, json_t *json,
			 struct weir_err *err)
{
	const struct api_body body = { .json = json };
	json_t *answer = api_ask(ctl, method, target, json != NULL ? &body : NULL, err);

	json_decref(answer);
	return answer != NULL ? CTL_OK : api_exit(err);
}

enum ctl_exit api_print(const struct ctl *ctl, json_t *rows, const struct rows_column *columns,
			size_t n, struct weir_err *err)
{
	int rc;

	if (rows == NULL)
		return api_exit(err);
	if (!json_is_array(rows) && !json_is_null(rows)) {
		json_decref(rows);
		weir_err_set(err, EPROTO,
			     "the controller's answer is no list: is it of this version?");
		return api_exit(err);
	}
	rc = rows_print(ctl->format, columns, n, rows, err);
	json_decref(rows);
	return rc == 0 ? CTL_OK : CTL_FAILED;
}

enum ctl_exit api_list(struct ctl *ctl, char *target, const struct rows_column *columns, size_t n,
		       struct weir_err *err)
{
	return api_print(ctl, api_get(ctl, target, err), columns, n, err);
}

int api_fetch(struct ctl *ctl, const char *method, char *target, FILE *to, struct weir_err *err)
{
	struct weir_http_client_request request = { .method = method, .target = target, .to = to };
	struct weir_http_client_reply reply = { 0 };
	int rc = ask(ctl, &request, &reply, err);

	if (rc == 0 && reply.status != 200) {
		json_decref(data_of(ctl, &reply, target, err));
		rc = -err->code;
	}
	free(reply.body);
	free(target);
	return rc;
}

json_t *api_find(struct ctl *ctl, char *target, const char *key, const char *value,
		 const char *kind, struct weir_err *err)
{
	json_t *rows = api_get(ctl, target, err), *row, *found = NULL;
	size_t i;

	if (rows == NULL)
		return NULL;
	json_array_foreach(rows, i, row)
		if (found == NULL && strcmp(agent_text(row, key), value) == 0)
			found = json_incref(row);
	json_decref(rows);
	if (found == NULL)
		weir_err_set(err, ENOENT, "%s %.200s: there is none; weirctl %s list names them",
			     kind, value, kind);
	return found;
}
