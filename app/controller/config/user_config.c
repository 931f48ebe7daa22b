/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What agents of the newer dialect are sent: YAML of the newer tree (control plane, 3.2).
 *
 * A text of newer names goes out as it was given, comments and all. Written into it are the site's keys, where it does
 * not have them, and what lib/conf takes and DeepFlow's agents do not: a name for a number, a key without a value. A text with
 * older names is written anew, as is one that could not be changed in place: whether it could is seen by reading it back.
 */
#include "config_priv.h"
#include "form.h"
#include "nest.h"

#include <stdlib.h>

#define PATH_MAX_LEN  256
#define COMMUNICATION "global.communication"
#define SITE_KEYS     4

const char *const config_names_newer[] = { "tap-interfaces", "slave_interfaces", "field-selector",
					   "field_selector", NULL };
const char *const config_names_older[] = { "slave_interfaces", "tap-interfaces", "field_selector",
					   "field-selector", NULL };

/* A key of the site that the text does not have. */
struct site_key {
	const char *path;
	char *value; /* as YAML; free() */
	bool there;  /* the key is, without a value */
};

struct edit {
	const struct config_source *s;
	struct site_key keys[SITE_KEYS];
	unsigned int n_keys;
	FILE *out;
	size_t at; /* of the text that is written */
	bool bad;  /* it cannot be changed in place */
};

static bool is_given(const struct config_source *s, const void *field)
{
	return weir_group_conf_from(s->conf, field) == WEIR_CONF_FILE;
}

/* A port goes with its address: the site's is none of a host that the text names. */
static uint32_t port_of(const struct config_source *s, const void *ip, const uint32_t *port,
			uint32_t of_site)
{
	return is_given(s, ip) || is_given(s, port) || of_site == 0 ? *port : of_site;
}

struct config_places config_places_of(const struct config_source *s)
{
	const typeof(s->conf->global.communication) *own = &s->conf->global.communication;

	return (struct config_places){
		.ingester_ip = is_given(s, &own->ingester_ip) ? own->ingester_ip
							      : s->site->ingester_ip,
		.ingester_port = port_of(s, &own->ingester_ip, &own->ingester_port,
					 s->site->ingester_port),
		.controller_ip = is_given(s, &own->proxy_controller_ip) ? own->proxy_controller_ip
									: s->site->controller_ip,
		.controller_port = port_of(s, &own->proxy_controller_ip,
					   &own->proxy_controller_port, s->site->controller_port),
	};
}

static char *quoted(const char *text)
{
	char *to = NULL;
	size_t n;
	FILE *out = open_memstream(&to, &n);

	if (out == NULL)
		return NULL;
	tree_quote(out, text);
	return fclose(out) == 0 ? to : NULL;
}

static char *decimal(uint32_t v)
{
	char text[16];

	snprintf(text, sizeof(text), "%u", v);
	return strdup(text);
}

static void key_add(struct edit *e, const void *field, const char *name, char *value)
{
	char path[64];
	struct weir_conf_twist twist;
	const struct weir_conf_row *row;

	if (value == NULL)
		e->bad = true;
	if (value == NULL || is_given(e->s, field)) {
		free(value);
		return;
	}
	snprintf(path, sizeof(path), COMMUNICATION ".%s", name);
	row = weir_conf_row_at(&weir_group_table, path, &twist);
	e->keys[e->n_keys++] = (struct site_key){
		row->path, value, e->s->given.rows[row - weir_group_table.rows].newer != NULL
	};
}

/* An empty controller is said too: without it an agent takes itself (127.0.0.1) for a proxy. */
static void keys_find(struct edit *e)
{
	const typeof(e->s->conf->global.communication) *own = &e->s->conf->global.communication;
	const struct config_places p = config_places_of(e->s);

	if (p.ingester_ip[0] != '\0') {
		key_add(e, &own->ingester_ip, "ingester_ip", quoted(p.ingester_ip));
		key_add(e, &own->ingester_port, "ingester_port", decimal(p.ingester_port));
	}
	key_add(e, &own->proxy_controller_ip, "proxy_controller_ip", quoted(p.controller_ip));
	key_add(e, &own->proxy_controller_port, "proxy_controller_port",
		decimal(p.controller_port));
}

static void keys_free(struct edit *e)
{
	for (unsigned int i = 0; i < e->n_keys; i++)
		free(e->keys[i].value);
}

static const struct site_key *key_of(const struct edit *e, const char *path)
{
	for (unsigned int i = 0; i < e->n_keys; i++)
		if (strcmp(e->keys[i].path, path) == 0)
			return &e->keys[i];
	return NULL;
}

/* -- in place -- */

/* Everything up to `at`, but what stands from there to `end` is left out. */
static void write_to(struct edit *e, size_t at, size_t end)
{
	e->bad |= at < e->at;
	if (e->bad)
		return;
	fwrite(e->s->text + e->at, 1, at - e->at, e->out);
	e->at = end;
}

static void replace(struct edit *e, const struct tree_node *n, const char *value)
{
	if (n->kind != TREE_SCALAR && n->plain) { /* its end is not known */
		e->bad = true;
		return;
	}
	write_to(e, n->start, n->end);
	fprintf(e->out, "%s%s", n->start > 0 && e->s->text[n->start - 1] == ':' ? " " : "", value);
}

static void setting(struct edit *e, const struct weir_conf_row *row, const struct tree_node *n)
{
	const struct site_key *key = key_of(e, row->path);
	char *value = NULL;

	if (key != NULL) {
		replace(e, n, key->value);
	} else if (row->type == WEIR_CONF_ANY) {
		if (tree_is_null(n))
			replace(e, n, row->dflt[0] != '\0' ? row->dflt : "{}");
	} else if (!form_is_right(row, n)) {
		value = form_text(row, NULL, (const char *)e->s->conf + row->offset);
		if (value != NULL)
			replace(e, n, value);
		e->bad |= value == NULL;
		free(value);
	}
}

/* Of the site's keys those for which there is no name in the text: "ingester_ip: "10.0.0.9", ...". */
static bool site_keys_print(const struct edit *e, FILE *out)
{
	const char *between = "";

	for (unsigned int i = 0; i < e->n_keys; i++) {
		if (e->keys[i].there)
			continue;
		if (out != NULL)
			fprintf(out, "%s%s: %s", between,
				e->keys[i].path + strlen(COMMUNICATION "."), e->keys[i].value);
		between = ", ";
	}
	return between[0] != '\0';
}

/* As the whole of global.communication: below `path`, which is it or above it. */
static void site_print(const struct edit *e, const char *path)
{
	const bool root = path[0] == '\0', above = strcmp(path, COMMUNICATION) != 0;

	fputs(root ? "global: {communication: {" : above ? "communication: {" : "", e->out);
	site_keys_print(e, e->out);
	fputs(root ? "}}" : above ? "}" : "", e->out);
}

/* Before the first name of a section. Lines of one without brackets begin at its column. */
static void site_insert(struct edit *e, const struct tree_node *map, const char *path)
{
	if (map->first == NULL) { /* {} */
		write_to(e, map->start + 1, map->start + 1);
		site_print(e, path);
		return;
	}
	write_to(e, map->first->start, map->first->start);
	if (strcmp(path, COMMUNICATION) != 0 || !map->plain) {
		site_print(e, path);
		fprintf(e->out, map->plain ? "\n%*s" : ", ", (int)map->first->column, "");
		return;
	}
	for (unsigned int i = 0; i < e->n_keys; i++)
		if (!e->keys[i].there)
			fprintf(e->out, "%s: %s\n%*s", strrchr(e->keys[i].path, '.') + 1,
				e->keys[i].value, (int)map->first->column, "");
}

/* Do the site's keys go right here: is this global.communication, or where its next section is lacking? */
static bool is_place(const struct edit *e, const struct tree_node *map, const char *path)
{
	if (!site_keys_print(e, NULL))
		return false;
	if (path[0] == '\0')
		return tree_get(map, "global") == NULL;
	if (strcmp(path, "global") == 0)
		return tree_get(map, "communication") == NULL;
	return strcmp(path, COMMUNICATION) == 0;
}

static void null_section(struct edit *e, const struct tree_node *n, const char *path)
{
	const struct tree_node nothing = { .kind = TREE_MAP };

	replace(e, n, "{");
	if (is_place(e, &nothing, path))
		site_print(e, path);
	fputc('}', e->out);
}

static void section(struct edit *e, const struct tree_node *map, char *path, size_t len)
{
	if (is_place(e, map, path))
		site_insert(e, map, path);
	for (const struct tree_node *key = map->first; key != NULL; key = key->next->next) {
		struct weir_conf_twist twist;
		const struct weir_conf_row *row;
		const int n = snprintf(path + len, PATH_MAX_LEN - len, "%s%s", len > 0 ? "." : "",
				       key->text);

		e->bad |= (size_t)n >= PATH_MAX_LEN - len;
		if (e->bad)
			return;
		row = weir_conf_row_at(&weir_group_table, path, &twist);
		if (row != NULL)
			setting(e, row, key->next);
		else if (key->next->kind == TREE_MAP)
			section(e, key->next, path, len + (size_t)n);
		else
			null_section(e, key->next, path);
	}
	path[len] = '\0';
}

/* Does a text say what the source says, and the site's keys besides? */
static bool means_the_same(const struct edit *e, const char *text)
{
	struct weir_err_list *errs = calloc(1, sizeof(*errs));
	struct weir_group_conf conf;
	struct weir_conf_plan plan;
	bool same = errs != NULL && weir_group_conf_take(text, strlen(text), "", &conf, errs) == 0;

	free(errs);
	if (!same)
		return false;
	same = weir_group_conf_plan(&plan, e->s->conf, &conf) == 0;
	if (same) {
		for (uint32_t i = 0; i < plan.n; i++)
			same &= key_of(e, plan.changes[i].row->path) != NULL;
		weir_conf_plan_free(&plan);
	}
	weir_group_conf_free(&conf);
	return same;
}

/* NULL: it cannot be done, or no memory. */
static char *in_place(struct edit *e)
{
	char path[PATH_MAX_LEN] = "", *text = NULL;
	size_t n;

	e->out = open_memstream(&text, &n);
	if (e->out == NULL)
		return NULL;
	section(e, e->s->tree.root, path, 0);
	write_to(e, e->s->len, e->s->len);
	if (fclose(e->out) == 0 && !e->bad && means_the_same(e, text))
		return text;
	free(text);
	return NULL;
}

/* -- anew -- */

static char *any_text(const struct given_row *given, const char *const *renamed)
{
	char *text = NULL;
	size_t n;
	FILE *out = open_memstream(&text, &n);

	if (out == NULL)
		return NULL;
	tree_print(out, given->newer != NULL ? given->newer : given->older, renamed);
	return fclose(out) == 0 ? text : NULL;
}

static void row_add(struct nest *nest, const struct config_source *s, uint32_t i)
{
	const struct weir_conf_row *row = &weir_group_table.rows[i];
	const char *path = row->path[0] != '\0' ? row->path : row->old;

	if (s->conf->origin[i].from != WEIR_CONF_FILE)
		return;
	if (row->type != WEIR_CONF_ANY)
		nest_add(nest, path, strlen(path),
			 form_text(row, NULL, (const char *)s->conf + row->offset));
	else if (row->path[0] != '\0' || s->given.rows[i].newer != NULL)
		nest_add(nest, path, strlen(path), any_text(&s->given.rows[i], config_names_newer));
}

static char *anew(const struct edit *e)
{
	struct nest nest = { 0 };
	char *text = NULL;
	size_t n;
	FILE *out = open_memstream(&text, &n);

	for (unsigned int i = 0; i < e->n_keys; i++) {
		char *value = strdup(e->keys[i].value);

		nest_add(&nest, e->keys[i].path, strlen(e->keys[i].path), value);
	}
	for (uint32_t i = 0; i < weir_group_table.n; i++)
		row_add(&nest, e->s, i);
	if (out != NULL && !nest.failed)
		nest_print(&nest, 0, out);
	if (out == NULL || fclose(out) != 0 || nest.failed) {
		free(text);
		text = NULL;
	}
	nest_free(&nest);
	return text;
}

char *config_user_text(const struct config_source *s)
{
	struct edit e = { .s = s };
	char *text = NULL;

	keys_find(&e);
	if (e.bad) { /* no memory */
		keys_free(&e);
		return NULL;
	}
	if (!s->given.older && !s->given.twice && s->tree.root != NULL &&
	    s->tree.root->kind == TREE_MAP)
		text = in_place(&e);
	if (text == NULL)
		text = anew(&e);
	keys_free(&e);
	return text;
}
