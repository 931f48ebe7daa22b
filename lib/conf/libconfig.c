/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reader of configurations in libconfig's grammar, whichever table they have. One file: @include is refused.
 */
#include "conf_priv.h"

#include <libconfig.h>

#include <errno.h>
#include <stdlib.h>

#define PATH_MAX_LEN 128
#define ROWS_MAX     64
#define SLIPS_MAX    32 /* of libconfig's grammar that are mended in one text */

struct reader {
	const char *name;
	const struct conf_kind *kind;
	void *out;
	struct weir_err_list *errs;
	int rc;      /* -ENOMEM, or 0 */
	bool mended; /* a name with a star was given twice, and that has been said */
};

/* Where the walk is: below a path of the table, which may be an item of a list. */
struct place {
	char path[PATH_MAX_LEN];  /* taps[0] */
	char shown[PATH_MAX_LEN]; /* taps[2] */
	size_t shift;             /* of that item against item 0 */
	bool *seen;               /* rows given; NULL outside of lists */
};

static void mistake(const struct reader *r, const config_setting_t *at, const char *object,
		    const char *what, const char *more)
{
	weir_err_list_add(r->errs, false, r->name, config_setting_source_line(at), 0, "%s: %s%s",
			  object, what, more);
}

/* A single value as text; NULL when it is something else. `buf` holds numbers. */
static const char *scalar_text(const config_setting_t *s, char *buf, size_t size)
{
	switch (config_setting_type(s)) {
	case CONFIG_TYPE_INT:
		snprintf(buf, size, "%d", config_setting_get_int(s));
		return buf;
	case CONFIG_TYPE_INT64:
		snprintf(buf, size, "%lld", config_setting_get_int64(s));
		return buf;
	case CONFIG_TYPE_FLOAT:
		snprintf(buf, size, "%g", config_setting_get_float(s));
		return buf;
	case CONFIG_TYPE_BOOL:
		return config_setting_get_bool(s) ? "true" : "false";
	case CONFIG_TYPE_STRING:
		return config_setting_get_string(s);
	default:
		return NULL;
	}
}

/* Remember where a value stands. */
static void remember(struct reader *r, size_t offset, uint32_t element, const config_setting_t *s,
		     bool wrong)
{
	const struct conf_given **given = weir_conf_given(r->kind, r->out);
	struct conf_given *g = weir_conf_mem_take(weir_conf_mem(r->kind, r->out), sizeof(*g));

	if (g == NULL) {
		r->rc = -ENOMEM;
		return;
	}
	*g = (struct conf_given){ *given, offset, element, config_setting_source_line(s), wrong };
	*given = g;
}

static bool is_empty(const struct weir_conf_row *row, const void *field)
{
	return row->type == WEIR_CONF_STRING  ? (*(const char *const *)field)[0] == '\0'
	       : row->type == WEIR_CONF_NAMES ? ((const struct weir_conf_names *)field)->n == 0
					      : false;
}

static void store(struct reader *r, const struct weir_conf_row *row, const struct place *at,
		  const config_setting_t *s, const struct conf_raw *raw)
{
	uint32_t i = (uint32_t)(row - r->kind->table->rows);
	void *field = (char *)r->out + row->offset + at->shift;
	struct weir_err err = { 0 };
	int rc = weir_conf_value_parse(row, (struct weir_conf_twist){ .scale = 1 }, raw,
				       weir_conf_mem(r->kind, r->out), field, &err);

	if (rc == 0 && row->flags & WEIR_CONF_NEEDED && is_empty(row, field))
		rc = weir_err_set(&err, EINVAL, "is empty; it is needed");
	if (rc == -ENOMEM)
		r->rc = rc;
	else if (rc < 0)
		mistake(r, s, at->shown, err.msg, "");
	remember(r, row->offset + at->shift, CONF_WHOLE, s, rc < 0);
	if (!(row->flags & WEIR_CONF_USED))
		weir_err_list_add(r->errs, true, r->name, config_setting_source_line(s), 0,
				  "%s: has no effect in this version", at->shown);
	if (at->seen != NULL)
		at->seen[i] = true;
	else
		(*weir_conf_origin(r->kind, r->out))[i] = (struct weir_conf_origin){
			.from = WEIR_CONF_FILE, .line = config_setting_source_line(s)
		};
}

/* The value is of no kind that a setting can have. */
static void wrong(struct reader *r, const struct weir_conf_row *row, const struct place *at,
		  const config_setting_t *s, const char *what)
{
	mistake(r, s, at->shown, what, "");
	remember(r, row->offset + at->shift, CONF_WHOLE, s, true);
	if (at->seen != NULL)
		at->seen[row - r->kind->table->rows] = true;
}

static void list_value(struct reader *r, const struct weir_conf_row *row, const struct place *at,
		       const config_setting_t *s)
{
	int n = config_setting_length(s);
	const char **text = calloc((size_t)n + 1, sizeof(*text));
	char(*numbers)[32] = calloc((size_t)n + 1, sizeof(*numbers));
	bool single = n <= LIST_ITEMS_MAX;

	if (text == NULL || numbers == NULL) {
		r->rc = -ENOMEM;
		goto done;
	}
	for (int i = 0; i < n && single; i++) {
		const config_setting_t *e = config_setting_get_elem(s, (unsigned int)i);

		text[i] = scalar_text(e, numbers[i], sizeof(numbers[i]));
		single = text[i] != NULL;
		if (config_setting_source_line(e) != config_setting_source_line(s))
			remember(r, row->offset + at->shift, (uint32_t)i, e, false);
	}
	if (single)
		store(r, row, at, s, &(struct conf_raw){ true, (uint32_t)n, text });
	else
		wrong(r, row, at, s, "is not a list of single values");
done:
	free(text);
	free(numbers);
}

static void value(struct reader *r, const struct weir_conf_row *row, const struct place *at,
		  const config_setting_t *s)
{
	char number[32];
	const char *text = scalar_text(s, number, sizeof(number));

	if (config_setting_is_group(s))
		wrong(r, row, at, s, "is a setting, not a group");
	else if (text == NULL)
		list_value(r, row, at, s);
	else
		store(r, row, at, s, &(struct conf_raw){ false, 1, &text });
}

static const struct conf_list *list_find(const struct conf_kind *kind, const char *path)
{
	for (uint32_t i = 0; i < kind->n_lists; i++)
		if (strcmp(kind->lists[i].name, path) == 0)
			return &kind->lists[i];
	return NULL;
}

/* `name` below `from`; false when no setting has so long a path. */
static bool enter(struct place *to, const struct place *from, const char *name)
{
	const char *dot = from->path[0] != '\0' ? "." : "";
	int path, shown;

	to->shift = from->shift;
	to->seen = from->seen;
	path = snprintf(to->path, sizeof(to->path), "%s%s%s", from->path, dot, name);
	shown = snprintf(to->shown, sizeof(to->shown), "%s%s%s", from->shown, dot, name);
	return path < (int)sizeof(to->path) && shown < (int)sizeof(to->shown);
}

static void group(struct reader *r, const struct place *at, const config_setting_t *s);

static bool is_row_of(const struct weir_conf_row *row, const struct conf_list *list)
{
	size_t len = strlen(list->name);

	return strncmp(row->path, list->name, len) == 0 && row->path[len] == '[';
}

static void item_defaults(struct reader *r, const struct conf_list *list, size_t shift)
{
	for (uint32_t i = 0; i < r->kind->table->n; i++) {
		const struct weir_conf_row *row = &r->kind->table->rows[i];

		if (is_row_of(row, list) &&
		    weir_conf_value_parse_text(row, row->dflt, weir_conf_mem(r->kind, r->out),
					       (char *)r->out + row->offset + shift, NULL) < 0)
			r->rc = -ENOMEM;
	}
}

/* A row that the item does not have. */
static void lacking(struct reader *r, const struct weir_conf_row *row, const struct place *at,
		    const config_setting_t *item)
{
	if (!(row->flags & WEIR_CONF_NEEDED))
		return;
	if (config_setting_is_group(item))
		mistake(r, item, at->shown, "lacks ", strrchr(row->path, '.') + 1);
	remember(r, row->offset + at->shift, CONF_WHOLE, item, true);
}

static void item(struct reader *r, const struct conf_list *list, uint32_t i,
		 const config_setting_t *s)
{
	uint32_t line = config_setting_source_line(s);
	bool seen[ROWS_MAX] = { false };
	struct place at = { .shift = i * list->size, .seen = seen };

	assert(r->kind->table->n <= ROWS_MAX);
	snprintf(at.path, sizeof(at.path), "%s[0]", list->name);
	snprintf(at.shown, sizeof(at.shown), "%s[%u]", list->name, i);
	memcpy((char *)r->out + list->offset + at.shift, &line, sizeof(line));
	item_defaults(r, list, at.shift);
	if (config_setting_is_group(s))
		group(r, &at, s);
	else
		mistake(r, s, at.shown, "is not a group; write { name = value; }", "");
	for (uint32_t k = 0; k < r->kind->table->n; k++)
		if (is_row_of(&r->kind->table->rows[k], list) && !seen[k])
			lacking(r, &r->kind->table->rows[k], &at, s);
}

static void items(struct reader *r, const struct conf_list *list, const config_setting_t *s)
{
	uint32_t *n = (uint32_t *)((char *)r->out + list->n_offset);
	int given = config_setting_length(s);
	char most[32];

	if (!config_setting_is_list(s)) {
		mistake(r, s, list->name, "is not a list; write ( { name = value; }, ... )", "");
		return;
	}
	if (given > (int)list->most) {
		snprintf(most, sizeof(most), "%u", list->most);
		mistake(r, s, list->name, "is too long; most items are ", most);
		return;
	}
	for (int i = 0; i < given; i++)
		item(r, list, (uint32_t)i, config_setting_get_elem(s, (unsigned int)i));
	*n = (uint32_t)given;
}

static void member(struct reader *r, const struct place *at, const config_setting_t *s)
{
	struct weir_conf_twist twist;
	const struct weir_conf_row *row = weir_conf_row_at(r->kind->table, at->path, &twist);
	const struct conf_list *of = list_find(r->kind, at->path);
	char meant[192];

	if (row != NULL)
		value(r, row, at, s);
	else if (of != NULL)
		items(r, of, s);
	else if (!weir_conf_is_section(r->kind->table, at->path))
		mistake(r, s, at->shown, "is not a setting",
			weir_conf_suggestion(r->kind->table, at->path, meant, sizeof(meant)));
	else if (config_setting_is_group(s))
		group(r, at, s);
	else
		mistake(r, s, at->shown, "is a group, not a setting; write { name = value; }", "");
}

/* The recursion follows the groups of the table, so it is as deep as those. */
static void group(struct reader *r, const struct place *at, const config_setting_t *s)
{
	int n = config_setting_length(s);

	for (int i = 0; i < n; i++) {
		const config_setting_t *m = config_setting_get_elem(s, (unsigned int)i);
		struct place below;

		if (r->mended && config_setting_name(m)[0] == '*')
			continue;
		if (enter(&below, at, config_setting_name(m)))
			member(r, &below, m);
		else
			mistake(r, m, below.shown, "is not a setting", "");
	}
}

/*
 * libconfig would open what a line with @include names, and text ends for it at a zero byte. False
 * when there is either; it is a mistake then.
 */
static bool is_one_text(const struct reader *r, const char *text, size_t len)
{
	uint32_t line = 1;
	bool begin = true; /* of a line, but for blanks */

	for (size_t i = 0; i < len; i++) {
		const char *what = NULL;

		if (text[i] == '\0')
			what = "a zero byte is not text";
		else if (begin && text[i] == '@')
			what = "@include is not allowed; write all settings into this file";
		if (what != NULL) {
			weir_err_list_add(r->errs, false, r->name, line, 0, "%s", what);
			return false;
		}
		begin = text[i] == '\n' || (begin && strchr(" \t\r\v\f", text[i]) != NULL);
		line += text[i] == '\n';
	}
	return true;
}

static void syntax_error(const struct reader *r, const config_t *cfg)
{
	weir_err_list_add(r->errs, false, r->name, (uint32_t)config_error_line(cfg), 0,
			  "is not a libconfig text: %s", config_error_text(cfg));
}

/* The text as libconfig has it, after so many slips were mended as it takes; `text` is taken. */
static bool libconfig_read(struct reader *r, config_t *cfg, char *text)
{
	for (unsigned int slips = 0; text != NULL; slips++) {
		uint32_t line;
		char *mended;

		config_init(cfg);
		if (config_read_string(cfg, text)) {
			free(text);
			return true;
		}
		line = (uint32_t)config_error_line(cfg);
		mended = slips < SLIPS_MAX ? weir_conf_box_mend(text, line, config_error_text(cfg),
								r->name, r->errs)
					   : NULL;
		if (mended == NULL)
			syntax_error(r, cfg);
		config_destroy(cfg);
		free(text);
		text = mended;
		r->mended = true;
	}
	return false;
}

/* Takes `text`. */
static void read_text(struct reader *r, char *text)
{
	config_t cfg;
	uint32_t line;
	const char *unended = weir_conf_box_unended(text, &line);

	if (unended != NULL) {
		weir_err_list_add(r->errs, false, r->name, line, 0, "%s", unended);
		free(text);
		return;
	}
	if (!libconfig_read(r, &cfg, text))
		return;
	group(r, &(struct place){ .path = "" }, config_root_setting(&cfg));
	config_destroy(&cfg);
}

int weir_conf_libconfig_parse(const struct conf_kind *kind, const char *text, size_t len,
			      const char *name, void *out, struct weir_err_list *errs)
{
	struct reader r = { .name = name, .kind = kind, .out = out, .errs = errs };
	uint32_t before = errs->mistakes;
	char *copy = strndup(text, len);

	r.rc = copy == NULL ? -ENOMEM : weir_conf_kind_defaults(kind, out);
	if (r.rc == 0 && is_one_text(&r, text, len))
		read_text(&r, copy);
	else
		free(copy);
	if (r.rc == 0)
		kind->rules(out, name, errs);
	if (r.rc == 0 && errs->mistakes > before)
		r.rc = -EINVAL;
	if (r.rc < 0)
		weir_conf_kind_free(kind, out);
	return r.rc;
}
