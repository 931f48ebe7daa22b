/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as what a connection brings: a head, its target, a body in chunks. */
#include "http_priv.h"

#include <stdlib.h>

static const struct weir_http_route routes[] = {
	{ .method = "GET", .path = "/" },
	{ .method = "GET", .path = "/v1/vtaps" },
	{ .method = "PATCH", .path = "/v1/vtaps/{lcuuid}" },
	{ .method = "POST", .path = "/a/{b}/{c}/{d}/{e}/{f}" },
};
static const struct weir_http_routes table = { routes, WEIR_ARRAY_SIZE(routes) };

static void look_at(const struct http_head *head)
{
	struct weir_http_request rq;
	char allow[64];

	memset(&rq, 0, sizeof(rq));
	weir_http_request_clear(&rq);
	if (weir_http_request_set(&rq, &table, head->method, head->target, allow) == 0)
		for (unsigned int i = 0; i < WEIR_HTTP_PARAMS && rq.params[i] != NULL; i++)
			if (rq.params[i][0] == '\0')
				abort(); /* nothing stands for nothing */
	for (unsigned int i = 0; i < rq.n_queries; i++)
		if (strlen(rq.queries[i].name) + strlen(rq.queries[i].value) > strlen(head->target))
			abort();
	weir_http_request_clear(&rq);
}

/* A body is the same, however it is cut. */
static void read_chunks(const char *bytes, size_t n, size_t step)
{
	struct http_chunked c = { 0 };
	size_t at = 0, body = 0;

	while (at < n && c.state != CHUNK_OVER) {
		const char *data = NULL;
		const size_t piece = weir_min_u64(step, n - at);
		size_t n_data;
		ssize_t used = http_chunked_take(&c, bytes + at, piece, &data, &n_data);

		if (used < 0)
			return;
		if (used == 0 || (size_t)used > piece || n_data > (size_t)used)
			abort();
		if (n_data > 0 && (data < bytes + at || data + n_data > bytes + at + piece))
			abort();
		at += (size_t)used;
		body += n_data;
	}
	if (body > n)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);
	struct http_head head;
	const char *why;

	if (size > 0)
		memcpy(text, data, size);
	text[size] = '\0';
	read_chunks(text, size, size);
	read_chunks(text, size, 1);
	if (http_head_parse(text, size, &head, &why) == 0)
		look_at(&head);
	free(text);
	return 0;
}
