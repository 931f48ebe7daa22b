/* SPDX-License-Identifier: Apache-2.0 */
/* The words of a condition. Text from outside: any bytes may come. */
#include "expr_priv.h"

#define WORD_CHARS                                             \
	"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ" \
	"0123456789_.:/-+"
#define SIGN_CHARS "=!<>&|"

static const struct {
	const char *text;
	enum expr_op op;
} signs[] = {
	{ "==", EXPR_EQ }, { "!=", EXPR_NE }, { "<=", EXPR_LE },
	{ ">=", EXPR_GE }, { "<", EXPR_LT },  { ">", EXPR_GT },
};

static struct expr_token quoted(const char **text)
{
	struct expr_token t = { EXPR_TEXT, EXPR_OPS, *text, *text + 1, 0 };
	const char *end = strchr(t.text, *t.at);

	if (end == NULL) { /* never closed: a sign that is no operator */
		t.word = EXPR_SIGN;
		t.text = t.at;
		t.len = strlen(t.at);
		*text += t.len;
		return t;
	}
	t.len = (size_t)(end - t.text);
	*text = end + 1;
	return t;
}

static struct expr_token sign(const char **text)
{
	struct expr_token t = { EXPR_SIGN, EXPR_OPS, *text, *text, 0 };

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(signs) && t.len == 0; i++) {
		if (strncmp(t.at, signs[i].text, strlen(signs[i].text)) != 0)
			continue;
		t.op = signs[i].op;
		t.len = strlen(signs[i].text);
	}
	if (t.len == 0)
		t.len = strspn(t.at, SIGN_CHARS);
	t.len += t.len == 0;
	*text += t.len;
	return t;
}

struct expr_token expr_scan(const char **text)
{
	struct expr_token t = { EXPR_END, EXPR_OPS, NULL, NULL, 1 };

	*text += strspn(*text, " \t\r\n");
	t.at = t.text = *text;
	switch (**text) {
	case '\0':
		t.len = 0;
		return t;
	case '(':
		t.word = EXPR_OPEN;
		break;
	case ')':
		t.word = EXPR_CLOSE;
		break;
	case ',':
		t.word = EXPR_COMMA;
		break;
	case '"':
	case '\'':
		return quoted(text);
	default:
		t.len = strspn(*text, WORD_CHARS);
		if (t.len == 0)
			return sign(text);
		t.word = EXPR_WORD;
	}
	*text += t.len;
	return t;
}
