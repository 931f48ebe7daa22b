/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libconfig stops at the first slip of the pen. So that a person is told of all mistakes in one run, a
 * text is mended where it is plain what was meant (quotes, '=' or a comma forgotten, a name given
 * twice), else the line is left out. Each is a mistake that has been said; the mended text is only read
 * to find the others.
 */
#include "conf_priv.h"

#include <libconfig.h>

#include <ctype.h>
#include <stdlib.h>
#include <strings.h>

#define NAMES_MAX 8 /* of one line that are tried as the one given twice */

struct token {
	char kind; /* the character itself; w = word, " = text in quotes */
	size_t begin, end;
	uint32_t line;
};

struct tokens {
	struct token *v;
	size_t n, room;
	bool no_memory;
};

static void add(struct tokens *t, char kind, size_t begin, size_t end, uint32_t line)
{
	if (t->n == t->room) {
		size_t room = t->room * 2 + 256;
		struct token *more = realloc(t->v, room * sizeof(*more));

		if (more == NULL) {
			t->no_memory = true;
			return;
		}
		t->v = more;
		t->room = room;
	}
	t->v[t->n++] = (struct token){ kind, begin, end, line };
}

/* Kind of the token before; ';' where there is none. */
static char kind_before(const struct tokens *t, size_t i)
{
	if (i == 0)
		return ';';
	return t->v[i - 1].kind;
}

static bool is_value_next(char before)
{
	return strchr("=:[,(", before) != NULL;
}

/* Length of blanks or a comment at `s`; 0 = neither. */
static size_t gap_len(const char *s)
{
	const char *end;

	if (s[0] == '#' || (s[0] == '/' && s[1] == '/'))
		return strcspn(s, "\n");
	if (s[0] == '/' && s[1] == '*') {
		end = strstr(s + 2, "*/");
		return end != NULL ? (size_t)(end + 2 - s) : strlen(s);
	}
	return strspn(s, " \t\r\n\v\f");
}

static size_t quoted_len(const char *s)
{
	size_t n = 1;

	while (s[n] != '\0' && s[n] != '"')
		n += s[n] == '\\' && s[n + 1] != '\0' ? 2 : 1;
	return n + (s[n] == '"');
}

const char *weir_conf_box_unended(const char *text, uint32_t *line)
{
	*line = 1;
	for (size_t at = 0, n; text[at] != '\0'; at += n) {
		const char *s = text + at;

		n = gap_len(s);
		if (s[0] == '/' && s[1] == '*' && (n < 4 || strncmp(s + n - 2, "*/", 2) != 0))
			return "a comment begins here and has no end";
		if (n == 0)
			n = s[0] == '"' ? quoted_len(s) : 1;
		if (s[0] == '"' && (n < 2 || s[n - 1] != '"' || memchr(s, '\n', n) != NULL))
			return "a text in quotes begins here and has no end in this line";
		for (size_t i = 0; i < n; i++)
			*line += s[i] == '\n';
	}
	return NULL;
}

/* A colon parts a name from its value, and belongs to a value that is a word. */
static size_t word_len(const char *s, bool is_value)
{
	size_t n = strcspn(s, " \t\r\n\v\f;,{}()[]=\"#");

	if (!is_value)
		n = strcspn(s, " \t\r\n\v\f;,{}()[]=\"#:");
	else if (n > 1 && s[n - 1] == ':')
		n--;
	return n > 0 ? n : 1;
}

static void tokens_make(struct tokens *t, const char *text)
{
	uint32_t line = 1;

	for (size_t at = 0, n; text[at] != '\0' && !t->no_memory; at += n) {
		n = gap_len(text + at);
		if (n == 0 && text[at] == '"') {
			n = quoted_len(text + at);
			add(t, '"', at, at + n, line);
		} else if (n == 0 && strchr(";,{}()[]=:", text[at]) != NULL) {
			n = 1;
			add(t, text[at], at, at + 1, line);
		} else if (n == 0) {
			n = word_len(text + at, is_value_next(kind_before(t, t->n)));
			add(t, 'w', at, at + n, line);
		}
		for (size_t i = 0; i < n; i++)
			line += text[at + i] == '\n';
	}
}

/* The text with `before` and `after` around [begin, end) of it; NULL without memory. */
static char *with(const char *text, size_t begin, size_t end, const char *before, const char *after)
{
	const size_t len = strlen(text), room = len + strlen(before) + strlen(after) + 1;
	char *out = malloc(room);

	if (out != NULL)
		snprintf(out, room, "%.*s%s%.*s%s%s", (int)begin, text, before, (int)(end - begin),
			 text + begin, after, text + end);
	return out;
}

/* true, false, or a number of libconfig. */
static bool is_literal(const char *s, size_t n)
{
	char word[32], *end;

	if (n >= sizeof(word))
		return false;
	memcpy(word, s, n);
	word[n] = '\0';
	if (strcasecmp(word, "true") == 0 || strcasecmp(word, "false") == 0)
		return true;
	if (isalpha((unsigned char)word[0]))
		return false;
	strtod(word, &end);
	return end != word && end[strspn(end, "L")] == '\0';
}

struct mend {
	const char *text;
	struct tokens t;
	uint32_t line;
	const char *file;
	struct weir_err_list *errs;
};

/* `what` is said of the setting whose value the token is in, or of none. */
static void say(const struct mend *m, size_t i, const char *what)
{
	const struct token *t = m->t.v;
	size_t k = i;

	while (k > 1 && strchr("=:;{}", t[k].kind) == NULL)
		k--;
	if (k > 0 && k < m->t.n && strchr("=:", t[k].kind) != NULL)
		weir_err_list_add(m->errs, false, m->file, m->line, 0, "%.*s: %s",
				  (int)(t[k - 1].end - t[k - 1].begin), m->text + t[k - 1].begin,
				  what);
	else
		weir_err_list_add(m->errs, false, m->file, m->line, 0, "%s", what);
}

static char kind_after(const struct mend *m, size_t i)
{
	if (i + 1 >= m->t.n)
		return ';';
	return m->t.v[i + 1].kind;
}

/* A value that is a word, but for what libconfig knows. */
static char *quotes_forgotten(const struct mend *m, size_t i)
{
	const struct token *t = &m->t.v[i];
	char what[160];

	if (t->kind != 'w' || !is_value_next(kind_before(&m->t, i)) ||
	    strchr("=:", kind_after(m, i)) != NULL ||
	    is_literal(m->text + t->begin, t->end - t->begin))
		return NULL;
	snprintf(what, sizeof(what), "a text stands in quotes; write \"%.*s\"",
		 (int)weir_min_u64(t->end - t->begin, 80), m->text + t->begin);
	say(m, i, what);
	return with(m->text, t->begin, t->end, "\"", "\"");
}

/* A name, and its value at once. */
static char *equals_forgotten(const struct mend *m, size_t i)
{
	const struct token *t = &m->t.v[i];
	char what[160];

	if (t->kind != 'w' || strchr(";,{}])", kind_before(&m->t, i)) == NULL ||
	    strchr("w\"{[(", kind_after(m, i)) == NULL)
		return NULL;
	snprintf(what, sizeof(what), "%.*s: lacks its =", (int)weir_min_u64(t->end - t->begin, 80),
		 m->text + t->begin);
	weir_err_list_add(m->errs, false, m->file, m->line, 0, "%s", what);
	return with(m->text, t->begin, t->end, "", "=");
}

static char *comma_forgotten(const struct mend *m, size_t i)
{
	const struct token *t = &m->t.v[i];

	if (t->kind != '{' || kind_before(&m->t, i) != '}')
		return NULL;
	weir_err_list_add(m->errs, false, m->file, m->line, 0,
			  "a comma is missing between this { and the } before it");
	return with(m->text, t->begin, t->end, ",", "");
}

static char *comma_too_many(const struct mend *m, size_t i)
{
	const struct token *t = &m->t.v[i];
	char *out;

	if ((t->kind != ')' && t->kind != ']') || kind_before(&m->t, i) != ',')
		return NULL;
	weir_err_list_add(m->errs, false, m->file, m->line, 0, "a comma before %c is one too many",
			  t->kind);
	out = strdup(m->text);
	if (out != NULL)
		out[m->t.v[i - 1].begin] = ' ';
	return out;
}

/* The name that is given twice: without it, reading goes on. It is marked by a star. */
static char *name_twice(const struct mend *m)
{
	unsigned int tried = 0;

	for (size_t i = m->t.n; i-- > 0 && tried < NAMES_MAX;) {
		const struct token *t = &m->t.v[i];
		config_t cfg;
		char *out;
		bool solved;

		if (t->line != m->line || t->kind != 'w' || strchr("=:", kind_after(m, i)) == NULL)
			continue;
		out = strdup(m->text);
		if (out == NULL)
			return NULL;
		out[t->begin] = '*';
		config_init(&cfg);
		solved = config_read_string(&cfg, out) ||
			 (uint32_t)config_error_line(&cfg) > m->line;
		config_destroy(&cfg);
		if (solved) {
			weir_err_list_add(m->errs, false, m->file, m->line, 0,
					  "%.*s: is given twice in one group; write it once",
					  (int)weir_min_u64(t->end - t->begin, 80),
					  m->text + t->begin);
			return out;
		}
		free(out);
		tried++;
	}
	return NULL;
}

/* Leave out what stands on the line, if it opens and closes as much. */
static char *without_line(const struct mend *m, const char *why)
{
	char *out;
	int depth = 0;
	size_t last = m->t.n;

	for (size_t i = 0; i < m->t.n; i++) {
		if (m->t.v[i].line != m->line)
			continue;
		depth += strchr("{[(", m->t.v[i].kind) != NULL;
		depth -= strchr("}])", m->t.v[i].kind) != NULL;
		if (depth < 0)
			return NULL;
		last = i;
	}
	if (depth != 0 || last == m->t.n)
		return NULL;
	out = strdup(m->text);
	for (size_t i = 0; out != NULL && i < m->t.n; i++)
		if (m->t.v[i].line == m->line)
			for (size_t k = m->t.v[i].begin; k < m->t.v[i].end; k++)
				out[k] = out[k] == '\n' ? '\n' : ' ';
	weir_err_list_add(m->errs, false, m->file, m->line, 0, "is not a libconfig text: %s", why);
	return out;
}

static char *mend(const struct mend *m, const char *why)
{
	static char *(*const slips[])(const struct mend *m,
				      size_t i) = { quotes_forgotten, equals_forgotten,
						    comma_forgotten, comma_too_many };
	char *out = NULL;

	if (strcmp(why, "duplicate setting name") == 0)
		out = name_twice(m);
	else if (strcmp(why, "syntax error") == 0)
		for (size_t i = 0; out == NULL && i < m->t.n; i++)
			for (size_t k = 0;
			     out == NULL && m->t.v[i].line == m->line && k < WEIR_ARRAY_SIZE(slips);
			     k++)
				out = slips[k](m, i);
	return out != NULL ? out : without_line(m, why);
}

char *weir_conf_box_mend(const char *text, uint32_t line, const char *why, const char *file,
			 struct weir_err_list *errs)
{
	struct mend m = { .text = text, .line = line, .file = file, .errs = errs };
	char *out = NULL;

	tokens_make(&m.t, text);
	if (!m.t.no_memory)
		out = mend(&m, why);
	free(m.t.v);
	return out;
}
