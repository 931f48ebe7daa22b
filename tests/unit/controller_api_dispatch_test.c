/* SPDX-License-Identifier: Apache-2.0 */
/* The table of routes, and the way of a request through it, without a connection. JSON is read back by jansson. */
#include "api_priv.h"
#include "multipart.h"
#include "weir_test.h"

#include <event2/event.h>

#include <stdio.h>
#include <stdlib.h>

static struct api api;
static struct event_base *base;
static char dir[] = P_tmpdir "/weir-api-XXXXXX";
static char secret[64];

static void start(void)
{
	const struct site_actor me = { "me", "127.0.0.1", SITE_ADMIN };
	struct weir_err err = { 0 };

	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(dir));
	base = event_base_new();
	api.site = site_open(&(struct site_options){ .base = base, .dir = dir }, &err);
	CU_ASSERT_PTR_NOT_NULL_FATAL(api.site);
	CU_ASSERT_EQUAL_FATAL(api_routes_make(&api), 0);
	strcpy(api.own_ip, "192.0.2.1");
	strcpy(api.region, "here");
	CU_ASSERT_EQUAL_FATAL(site_token_create(api.site, &me, "me", SITE_ADMIN, 0, secret, &err),
			      0);
}

static void stop(void)
{
	char command[64];

	free(api.routes);
	site_close(api.site);
	event_base_free(base);
	snprintf(command, sizeof(command), "rm -r %s", dir);
	CU_ASSERT_EQUAL(system(command), 0);
}

static char said[1 << 20];

/* -> status, 0: no route. What was said is in `said`. */
static int ask(const char *method, const char *target, const char *body, const char *token)
{
	const struct weir_http_routes routes = { api.routes, api.n_routes };
	struct weir_http_text text = { 0 };
	struct weir_http_answer answer = { .status = 200, .type = "", .body = &text, .file = -1 };
	struct weir_http_request rq;
	char allow[64], header[128];
	int status = 0;

	memset(&rq, 0, sizeof(rq));
	weir_http_request_clear(&rq);
	rq.body = body;
	rq.body_len = strlen(body);
	rq.peer = "192.0.2.7";
	if (token != NULL) {
		snprintf(header, sizeof(header), "Bearer %s", token);
		rq.headers[rq.n_headers++] = (struct weir_http_pair){ "Authorization", header };
	}
	if (weir_http_request_set(&rq, &routes, method, target, allow) == 0) {
		if (api_admit(&api, &rq, &answer))
			api_serve(&api, &rq, &answer);
		status = answer.status;
	}
	snprintf(said, sizeof(said), "%.*s", (int)text.len, text.bytes != NULL ? text.bytes : "");
	weir_http_request_clear(&rq);
	weir_http_text_free(&text);
	return status;
}

static void test_a_row_is_there_once(void)
{
	for (unsigned int i = 0; i < api_n_rows; i++)
		for (unsigned int j = 0; j < i; j++)
			CU_ASSERT_FALSE(strcmp(api_rows[i].method, api_rows[j].method) == 0 &&
					strcmp(api_rows[i].path, api_rows[j].path) == 0);
}

static void test_who_changes_needs_more_than_to_read(void)
{
	for (unsigned int i = 0; i < api_n_rows; i++)
		if (strcmp(api_rows[i].method, "GET") != 0)
			CU_ASSERT(api_rows[i].role >= SITE_OPERATE);
}

static void concrete(const char *path, char *out)
{
	for (; *path != '\0'; path++) {
		if (*path == '{') {
			*out++ = 'x';
			path = strchr(path, '}');
		} else {
			*out++ = *path;
		}
	}
	*out = '\0';
}

/* From elsewhere, without a token or with a wrong one, nothing is served but health and the table. */
static void test_every_row_is_found_and_refuses_who_has_no_credential(void)
{
	char path[256];

	for (unsigned int i = 0; i < api_n_rows; i++) {
		concrete(api_rows[i].path, path);
		if (api_rows[i].role == 0) {
			CU_ASSERT_EQUAL(ask(api_rows[i].method, path, "", NULL), 200);
			continue;
		}
		CU_ASSERT_EQUAL(ask(api_rows[i].method, path, "", NULL), 401);
		CU_ASSERT_EQUAL(ask(api_rows[i].method, path, "", "wrong"), 401);
		strcat(path, "/");
		CU_ASSERT_EQUAL(ask(api_rows[i].method, path, "", ""), 401);
	}
}

static void test_literal_rows_win_over_parameters(void)
{
	CU_ASSERT_EQUAL(ask("GET", "/v1/agent-group-configuration/template/yaml", "", secret), 200);
	CU_ASSERT_PTR_NOT_NULL(strstr(said, "max_memory"));
	CU_ASSERT_EQUAL(ask("GET", "/v1/agent-group-configuration/none/yaml", "", secret), 404);
	CU_ASSERT_EQUAL(ask("GET", "/v1/vtap-group-configuration/advanced", "", secret), 200);
	CU_ASSERT_EQUAL(ask("DELETE", "/v1/vtap-group-configuration/filter", "", secret), 400);
}

/* Control plane, 6.1: keys of a body are the same in any case; the envelope. */
static void test_keys_of_a_body_are_the_same_in_any_case(void)
{
	json_t *answer;

	CU_ASSERT_EQUAL(ask("POST", "/v1/vtap-groups/", "{\"NaMe\": \"a\"}", secret), 200);
	answer = json_loads(said, 0, NULL);
	CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(answer, "OPT_STATUS")), "SUCCESS");
	CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(answer, "DESCRIPTION")), "");
	CU_ASSERT_STRING_EQUAL(json_string_value(
				       json_object_get(json_object_get(answer, "DATA"), "NAME")),
			       "a");
	json_decref(answer);
	CU_ASSERT_EQUAL(ask("POST", "/v1/vtap-groups/", "{\"NAME\": \"a\"}", secret), 409);
	CU_ASSERT_PTR_NOT_NULL(strstr(said, "RESOURCE_ALREADY_EXIST"));
}

/* What is UTF-8 comes back as it was; of other bytes JSON is made all the same. */
static void test_any_bytes_become_json(void)
{
	static const char *const texts[] = { "", "\"\\\n\t\r\x01\x7f",
					     "\xc3\xa4 \xe2\x82\xac \xf0\x9f\x98\x80",
					     "</script>" };

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(texts); i++) {
		struct weir_http_text text = { 0 };
		struct out o = { .to = &text };
		json_t *back;

		api_out_text(&o, NULL, texts[i]);
		back = json_loadb(text.bytes, text.len, JSON_DECODE_ANY, NULL);
		CU_ASSERT_PTR_NOT_NULL_FATAL(back);
		CU_ASSERT_STRING_EQUAL(json_string_value(back), texts[i]);
		json_decref(back);
		weir_http_text_free(&text);
	}
	for (unsigned int i = 0; i < 100000; i++) {
		struct weir_http_text text = { 0 };
		struct out o = { .to = &text };
		uint64_t bytes = weir_random_u64();
		json_t *back;

		api_out_bytes(&o, NULL, (const char *)&bytes, i % 9);
		back = json_loadb(text.bytes, text.len, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
		CU_ASSERT_PTR_NOT_NULL_FATAL(back);
		json_decref(back);
		weir_http_text_free(&text);
	}
}

struct parts {
	char text[65536];
	size_t n;
};

static void on_part(void *ctx, const char *name, const char *bytes, size_t n)
{
	struct parts *p = ctx;

	if (p->n == 0 || strcmp(p->text, name) != 0)
		p->n += (size_t)snprintf(p->text + p->n, sizeof(p->text) - p->n, "[%s]", name);
	memcpy(p->text + p->n, bytes, n);
	p->n += n;
}

/* RFC 7578: as DeepFlow's ctl writes it; boundaries lie anywhere in the pieces. */
static void test_a_form_is_the_same_however_it_is_cut(void)
{
	static const char form[] =
		"--b\r\nContent-Disposition: form-data; name=\"A\"\r\n\r\n1\r\n--b\r\n"
		"Content-Disposition: form-data; name=\"F\"; filename=\"f\"\r\n"
		"Content-Type: application/octet-stream\r\n\r\nx\r\n--\r\n--c\r\n-\r\n--b--\r\nrest";
	struct multipart *m = calloc(1, sizeof(*m));
	struct parts *p = calloc(1, sizeof(*p));

	for (size_t step = 1; step < sizeof(form); step++) {
		char a[64] = "", f[64] = "";

		memset(m, 0, sizeof(*m));
		memset(p, 0, sizeof(*p));
		m->data = on_part;
		m->ctx = p;
		CU_ASSERT(multipart_begin(m, "multipart/form-data; boundary=b"));
		for (size_t at = 0; at < sizeof(form) - 1; at += step)
			multipart_take(m, form + at,
				       at + step < sizeof(form) - 1 ? step : sizeof(form) - 1 - at);
		CU_ASSERT_EQUAL(m->state, MULTIPART_OVER);
		for (size_t i = 0; i < p->n; i++) { /* drop the names */
			char *to = f[0] != '\0' || strncmp(p->text + i, "[F]", 3) == 0 ? f : a;

			if (p->text[i] == '[' && p->text[i + 2] == ']') {
				i += 2;
				if (to == f && f[0] == '\0')
					strcpy(f, "=");
			} else {
				strncat(to, p->text + i, 1);
			}
		}
		CU_ASSERT_STRING_EQUAL(a, "1");
		CU_ASSERT_STRING_EQUAL(f, "=x\r\n--\r\n--c\r\n-");
	}
	CU_ASSERT_FALSE(multipart_begin(m, NULL));
	CU_ASSERT_FALSE(multipart_begin(m, "application/json"));
	CU_ASSERT_FALSE(multipart_begin(m, "multipart/form-data"));
	CU_ASSERT_FALSE(multipart_begin(m, "multipart/form-data; boundary=\"\""));
	free(m);
	free(p);
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "(a site is opened)", start },
		{ "a row is there once", test_a_row_is_there_once },
		{ "who changes needs more than to read", test_who_changes_needs_more_than_to_read },
		{ "every row is found, and refuses who has no credential",
		  test_every_row_is_found_and_refuses_who_has_no_credential },
		{ "literal rows win over parameters", test_literal_rows_win_over_parameters },
		{ "keys of a body are the same in any case",
		  test_keys_of_a_body_are_the_same_in_any_case },
		{ "any bytes become JSON", test_any_bytes_become_json },
		{ "a form is the same however it is cut",
		  test_a_form_is_the_same_however_it_is_cut },
		{ "(it is closed)", stop },
		CU_TEST_INFO_NULL,
	};

	return weir_test_main("controller_api/dispatch", tests);
}
