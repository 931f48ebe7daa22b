/* SPDX-License-Identifier: Apache-2.0 */
/* The table of routes as an OpenAPI file, 3.0.3. */
#include "api_priv.h"

#include <ctype.h>
#include <stdio.h>

static void put_params(struct out *o, const char *path)
{
	api_out_open(o, "parameters", '[');
	for (const char *p = path; (p = strchr(p, '{')) != NULL;) {
		const size_t n = strcspn(++p, "}");

		api_out_open(o, NULL, '{');
		api_out_bytes(o, "name", p, n);
		api_out_text(o, "in", "path");
		api_out_bool(o, "required", true);
		api_out_json(o, "schema", "{\"type\": \"string\"}");
		api_out_close(o, '}');
	}
	api_out_close(o, ']');
}

static const char *body_type(const struct api_row *row)
{
	if (row->upload)
		return row->family == API_DEEPFLOW ? "multipart/form-data"
						   : "application/octet-stream";
	return row->body_max == API_CONFIG_MAX ? "application/yaml" : "application/json";
}

static void put_operation(struct out *o, const struct api_row *row)
{
	static const char *const roles[] = { "none", "read", "operate", "admin" };
	char method[8] = "";

	for (size_t i = 0; row->method[i] != '\0'; i++)
		method[i] = (char)tolower((unsigned char)row->method[i]);
	api_out_open(o, method, '{');
	api_out_text(o, "summary", row->help);
	api_out_text(o, "x-weir-role", roles[row->role]);
	if (row->role == 0) {
		api_out_open(o, "security", '[');
		api_out_close(o, ']');
	}
	put_params(o, row->path);
	if (row->body_max > 0) {
		api_out_open(o, "requestBody", '{');
		api_out_open(o, "content", '{');
		api_out_open(o, body_type(row), '{');
		api_out_close(o, '}');
		api_out_close(o, '}');
		api_out_number(o, "x-weir-max-bytes", row->body_max);
		api_out_close(o, '}');
	}
	api_out_json(
		o, "responses",
		"{\"200\": {\"description\": \"done\"}, \"default\": {\"description\": \"refused; says why\"}}");
	api_out_close(o, '}');
}

/* Is there an earlier row of this path? Methods of one path are one object. */
static bool is_again(unsigned int row)
{
	for (unsigned int i = 0; i < row; i++)
		if (strcmp(api_rows[i].path, api_rows[row].path) == 0)
			return true;
	return false;
}

static void put_path(struct out *o, unsigned int first)
{
	api_out_open(o, api_rows[first].path, '{');
	for (unsigned int i = first; i < api_n_rows; i++)
		if (strcmp(api_rows[i].path, api_rows[first].path) == 0)
			put_operation(o, &api_rows[i]);
	api_out_close(o, '}');
}

static void put_table(struct out *o)
{
	api_out_open(o, NULL, '{');
	api_out_text(o, "openapi", "3.0.3");
	api_out_json(o, "info", "{\"title\": \"weir-controller\", \"version\": \"1\"}");
	api_out_json(
		o, "components",
		"{\"securitySchemes\": {\"token\": {\"type\": \"http\", \"scheme\": \"bearer\"}}}");
	api_out_open(o, "security", '[');
	api_out_json(o, NULL, "{\"token\": []}");
	api_out_close(o, ']');
	api_out_open(o, "paths", '{');
	for (unsigned int i = 0; i < api_n_rows; i++)
		if (!is_again(i))
			put_path(o, i);
	api_out_close(o, '}');
	api_out_close(o, '}');
}

void api_own_openapi(struct call *c)
{
	api_begin(c);
	put_table(&c->out);
	api_end(c);
}

void api_openapi_print(FILE *to)
{
	struct weir_http_text text = { 0 };
	struct out o = { .to = &text };

	put_table(&o);
	fwrite(text.bytes, 1, text.len, to);
	fputc('\n', to);
	weir_http_text_free(&text);
}
