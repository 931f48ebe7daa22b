/* SPDX-License-Identifier: Apache-2.0 */
/* What a request asks for: its target taken apart (RFC 3986, 3.3; WHATWG's URL, 5.1), and the row that serves it. */
#include "http_priv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define SEGMENTS_MAX 16

static int nibble(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* In place, once. False: not decodable; a NUL would hide what is behind it. */
static bool decode(char *text, bool plus)
{
	char *to = text;

	for (const char *p = text; *p != '\0'; p++) {
		if (*p == '%') {
			const int high = nibble(p[1]), low = high >= 0 ? nibble(p[2]) : -1;

			if (low < 0 || (high == 0 && low == 0))
				return false;
			*to++ = (char)(unsigned char)(high << 4 | low);
			p += 2;
		} else {
			*to++ = (char)(plus && *p == '+' ? ' ' : *p);
		}
	}
	*to = '\0';
	return true;
}

/* `text` is cut into them. Negative: too many, or not decodable. */
static int cut_path(char *text, char *segments[SEGMENTS_MAX])
{
	size_t len = strlen(text);
	int n = 0;

	if (len > 1 && text[len - 1] == '/')
		text[len - 1] = '\0';
	for (char *rest = text + 1, *segment; (segment = strsep(&rest, "/")) != NULL;) {
		if (n == SEGMENTS_MAX || !decode(segment, false))
			return -1;
		segments[n++] = segment;
	}
	return n;
}

static bool cut_query(struct weir_http_request *rq, char *text)
{
	for (char *rest = text, *value; (value = strsep(&rest, "&")) != NULL;) {
		const char *name = value;

		if (*value == '\0')
			continue;
		strsep(&value, "=");
		if (rq->n_queries == WEIR_HTTP_QUERIES)
			return false;
		if (value == NULL)
			value = text + strlen(text); /* "" */
		rq->queries[rq->n_queries++] = (struct weir_http_pair){ name, value };
	}
	for (unsigned int i = 0; i < rq->n_queries; i++)
		if (!decode((char *)(uintptr_t)rq->queries[i].name, true) ||
		    !decode((char *)(uintptr_t)rq->queries[i].value, true))
			return false;
	return true;
}

/* Is it the path of this row? `params` has what stood for {...}. */
static bool matches(const char *path, char *const segments[], int n,
		    const char *params[WEIR_HTTP_PARAMS])
{
	unsigned int n_params = 0;
	int i = 0;

	for (const char *p = path; *p == '/'; i++) {
		const size_t len = strcspn(++p, "/");

		if (i == n)
			return false;
		if (*p == '{' && *segments[i] != '\0' && n_params < WEIR_HTTP_PARAMS)
			params[n_params++] = segments[i];
		else if (strlen(segments[i]) != len || memcmp(segments[i], p, len) != 0)
			return false;
		p += len;
	}
	return i == n;
}

static void add_method(char allow[64], const char *method)
{
	const char *more = strcmp(method, "GET") == 0 ? "GET, HEAD" : method;
	const size_t used = strlen(allow);

	if (strstr(allow, more) == NULL)
		snprintf(allow + used, 64 - used, "%s%s", used > 0 ? ", " : "", more);
}

static int find_route(struct weir_http_request *rq, const struct weir_http_routes *routes,
		      char *const segments[], int n, char allow[64])
{
	const char *method = strcmp(rq->method, "HEAD") == 0 ? "GET" : rq->method;

	for (unsigned int i = 0; i < routes->n; i++) {
		const struct weir_http_route *r = &routes->v[i];
		const char *params[WEIR_HTTP_PARAMS] = { 0 };

		if (!matches(r->path, segments, n, params))
			continue;
		if (strcmp(r->method, method) == 0) {
			rq->route = r;
			memcpy(rq->params, params, sizeof(params));
			return 0;
		}
		add_method(allow, r->method);
	}
	return allow[0] != '\0' ? -EPERM : -ENOENT;
}

int weir_http_request_set(struct weir_http_request *rq, const struct weir_http_routes *routes,
			  const char *method, const char *target, char allow[64])
{
	const size_t path_len = strcspn(target, "?"), len = strlen(target);
	const char *query = target[path_len] == '?' ? target + path_len + 1 : "";
	const size_t query_len = strlen(query);
	char *segments[SEGMENTS_MAX], *path, *text;
	int n;

	rq->route = NULL;
	rq->method = method;
	rq->n_queries = 0;
	allow[0] = '\0';
	rq->store = malloc(2 * len + 4); /* both as they came, and both taken apart */
	if (rq->store == NULL)
		return -ENOMEM;
	path = rq->store;
	rq->path = path;
	memcpy(path, target, path_len);
	path[path_len] = '\0';
	path += path_len + 1;
	rq->query = path;
	memcpy(path, query, query_len + 1);
	path += query_len + 1;
	text = path;
	memcpy(text, target, path_len);
	text[path_len] = '\0';
	path += path_len + 1;
	memcpy(path, query, query_len + 1);
	if (text[0] != '/')
		return -EINVAL;
	n = cut_path(text, segments);
	if (n < 0 || !cut_query(rq, path))
		return -EINVAL;
	return find_route(rq, routes, segments, n, allow);
}

void weir_http_request_clear(struct weir_http_request *rq)
{
	free(rq->store);
	*rq = (struct weir_http_request){
		.method = "", .path = "", .query = "", .body = "", .peer = "", .fd = -1
	};
}

const char *weir_http_query(const struct weir_http_request *rq, const char *name)
{
	for (unsigned int i = 0; i < rq->n_queries; i++)
		if (strcmp(rq->queries[i].name, name) == 0)
			return rq->queries[i].value;
	return NULL;
}

const char *weir_http_header(const struct weir_http_request *rq, const char *name)
{
	for (unsigned int i = 0; i < rq->n_headers; i++)
		if (strcasecmp(rq->headers[i].name, name) == 0)
			return rq->headers[i].value;
	return NULL;
}
