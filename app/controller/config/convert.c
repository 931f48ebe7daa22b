/* SPDX-License-Identifier: Apache-2.0 */
/* Between YAML and JSON. Comments are lost on the way. */
#include "config.h"
#include "tree.h"

#include <jansson.h>

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>

/* A number as JSON has it too. Others (0x10, 1_000) are texts there, which lib/conf reads as well. */
static json_t *number_of(const char *text)
{
	json_t *v = json_loads(text, JSON_DECODE_ANY, NULL);

	if (json_is_number(v))
		return v;
	json_decref(v);
	return NULL;
}

static json_t *scalar_json(const struct tree_node *n)
{
	json_t *v;

	if (!n->plain)
		return json_string(n->text);
	if (tree_is_null(n))
		return json_null();
	if (strcmp(n->text, "true") == 0 || strcmp(n->text, "false") == 0)
		return json_boolean(n->text[0] == 't');
	v = number_of(n->text);
	return v != NULL ? v : json_string(n->text);
}

/* NULL without memory. */
static json_t *node_json(const struct tree_node *n)
{
	json_t *to;
	int rc = 0;

	if (n->kind == TREE_SCALAR)
		return scalar_json(n);
	to = n->kind == TREE_MAP ? json_object() : json_array();
	for (const struct tree_node *m = n->first; to != NULL && m != NULL && rc == 0;
	     m = m->next) {
		const char *key = m->text;

		if (n->kind == TREE_MAP) {
			m = m->next;
			rc = json_object_set_new(to, key, node_json(m));
		} else {
			rc = json_array_append_new(to, node_json(m));
		}
	}
	if (rc == 0)
		return to;
	json_decref(to);
	return NULL;
}

char *config_yaml_to_json(const char *text, size_t len, struct weir_err *err)
{
	struct tree tree;
	json_t *json;
	char *to = NULL;

	if (tree_read(&tree, text, len, err) < 0)
		return NULL;
	json = tree.root != NULL && !tree_is_null(tree.root) ? node_json(tree.root) : json_object();
	if (json != NULL)
		to = json_dumps(json, JSON_COMPACT | JSON_ENCODE_ANY);
	if (to == NULL)
		weir_err_set(err, ENOMEM, "no memory");
	json_decref(json);
	tree_free(&tree);
	return to;
}

/* May it stand without quotes, as the name of a setting does? */
static bool is_word(const char *text)
{
	if (!isalpha((unsigned char)text[0]))
		return false;
	for (; *text != '\0'; text++)
		if (!isalnum((unsigned char)*text) && *text != '_' && *text != '-')
			return false;
	return true;
}

static void yaml_print(FILE *out, json_t *v, unsigned int indent, bool in_list);

static void scalar_print(FILE *out, const json_t *v)
{
	char *text;

	if (json_is_string(v)) {
		tree_quote(out, json_string_value(v));
		return;
	}
	text = json_dumps(v, JSON_ENCODE_ANY);
	fputs(text != NULL ? text : "~", out);
	free(text);
}

/* Behind "name:" or "-". */
static void member_print(FILE *out, json_t *v, unsigned int indent, bool in_list)
{
	if ((json_is_object(v) && json_object_size(v) > 0) ||
	    (json_is_array(v) && json_array_size(v) > 0)) {
		fputs(in_list ? " " : "\n", out);
		yaml_print(out, v, indent, in_list);
		return;
	}
	fputc(' ', out);
	if (json_is_object(v) || json_is_array(v))
		fputs(json_is_object(v) ? "{}" : "[]", out);
	else
		scalar_print(out, v);
	fputc('\n', out);
}

/* `goes_on`: the first line has begun. */
static void yaml_print(FILE *out, json_t *v, unsigned int indent, bool goes_on)
{
	const char *key;
	json_t *m;
	size_t i;

	json_object_foreach(v, key, m) {
		fprintf(out, "%*s", goes_on ? 0 : (int)indent * 2, "");
		goes_on = false;
		if (is_word(key))
			fputs(key, out);
		else
			tree_quote(out, key);
		fputc(':', out);
		member_print(out, m, indent + 1, false);
	}
	json_array_foreach(v, i, m) {
		fprintf(out, "%*s-", goes_on ? 0 : (int)indent * 2, "");
		goes_on = false;
		member_print(out, m, indent + 1, true);
	}
}

char *config_json_to_yaml(const char *text, size_t len, struct weir_err *err)
{
	json_error_t why;
	json_t *json;
	char *to = NULL;
	size_t n;
	FILE *out;

	if (len > WEIR_CONF_BYTES_MAX) {
		weir_err_set(err, EINVAL, "is too long; allowed are %d bytes", WEIR_CONF_BYTES_MAX);
		return NULL;
	}
	json = json_loadb(text, len, JSON_REJECT_DUPLICATES, &why);
	if (!json_is_object(json)) {
		if (json == NULL)
			weir_err_set(err, EINVAL, "line %d: is not JSON: %s", why.line, why.text);
		else
			weir_err_set(err, EINVAL, "is not a JSON object");
		json_decref(json);
		return NULL;
	}
	out = open_memstream(&to, &n);
	if (out != NULL) {
		yaml_print(out, json, 0, false);
		if (fclose(out) != 0) {
			free(to);
			to = NULL;
		}
	}
	json_decref(json);
	if (to == NULL)
		weir_err_set(err, ENOMEM, "no memory");
	return to;
}
