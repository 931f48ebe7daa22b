/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The head of an HTTP/1.x request: RFC 9112, 2 to 6, as strict as it allows. What is not clear about where a body ends is
 * refused: what one takes for a body, another may take for a request.
 */
#include "http_priv.h"

#include <stdlib.h>

#define BAD 400

static bool is_token(const char *text)
{
	return text[0] != '\0' &&
	       text[strspn(text, "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz"
				 "ABCDEFGHIJKLMNOPQRSTUVWXYZ")] == '\0';
}

static bool has_control(const char *text)
{
	for (; *text != '\0'; text++)
		if (((unsigned char)*text < ' ' && *text != '\t') || *text == 0x7f)
			return true;
	return false;
}

/* The next line, its end cut off. NULL: there is none. */
static char *take_line(char **rest)
{
	char *line = *rest, *end;

	if (line == NULL)
		return NULL;
	end = strchr(line, '\n');
	*rest = end != NULL ? end + 1 : NULL;
	if (end != NULL && end > line && end[-1] == '\r')
		end--;
	if (end != NULL)
		*end = '\0';
	return line;
}

/* The target reaches to the last space: DeepFlow's ctl sends names as they are. */
static bool parse_first(char *line, struct http_head *out)
{
	char *target = strchr(line, ' '), *version = strrchr(line, ' ');

	if (target == NULL || target == version || has_control(line))
		return false;
	*target++ = '\0';
	*version++ = '\0';
	if (strncmp(version, "HTTP/1.", 7) != 0 || (version[7] != '0' && version[7] != '1') ||
	    version[8] != '\0' || !is_token(line) || target[0] == '\0')
		return false;
	out->method = line;
	out->target = target;
	out->minor = (unsigned int)(version[7] - '0');
	return true;
}

static char *trim(char *text)
{
	size_t len;

	text += strspn(text, " \t");
	len = strlen(text);
	while (len > 0 && (text[len - 1] == ' ' || text[len - 1] == '\t'))
		text[--len] = '\0';
	return text;
}

static bool parse_header(char *line, struct weir_http_pair *out)
{
	char *colon = strchr(line, ':');

	if (colon == NULL)
		return false;
	*colon = '\0';
	out->name = line;
	out->value = trim(colon + 1);
	return is_token(line) && !has_control(out->value);
}

static bool parse_length(struct http_head *out, const char *value)
{
	const size_t len = strlen(value);

	if (out->has_length || len == 0 || len > 18 || strspn(value, "0123456789") != len)
		return false;
	out->has_length = true;
	out->length = strtoull(value, NULL, 10);
	return true;
}

/* Is `word` one of a list with commas? */
static bool lists(const char *list, const char *word)
{
	const size_t len = strlen(word);

	for (const char *p = list; *p != '\0';) {
		size_t n;

		p += strspn(p, ", \t");
		n = strcspn(p, ", \t");
		if (n == len && strncasecmp(p, word, len) == 0)
			return true;
		p += n;
	}
	return false;
}

/* What a header says of how the request is read. */
static bool parse_framing(struct http_head *out, const struct weir_http_pair *h)
{
	if (strcasecmp(h->name, "Content-Length") == 0)
		return parse_length(out, h->value);
	if (strcasecmp(h->name, "Transfer-Encoding") == 0) {
		if (out->chunked || out->minor == 0 || strcasecmp(h->value, "chunked") != 0)
			return false;
		out->chunked = true;
	} else if (strcasecmp(h->name, "Connection") == 0) {
		out->close |= lists(h->value, "close");
	} else if (strcasecmp(h->name, "Expect") == 0) {
		out->expects = true;
	}
	return true;
}

int http_head_parse(char *text, size_t len, struct http_head *out, const char **why)
{
	char *rest = text, *line;

	*out = (struct http_head){ .method = "", .target = "", .minor = 1, .close = true };
	*why = "this is not HTTP/1.1";
	if (memchr(text, '\0', len) != NULL)
		return BAD;
	line = take_line(&rest);
	if (!parse_first(line, out))
		return BAD;
	out->close = out->minor == 0;
	while ((line = take_line(&rest)) != NULL) {
		struct weir_http_pair *h = &out->headers[out->n_headers];

		if (out->n_headers == WEIR_HTTP_HEADERS) {
			*why = "the header has too many lines";
			return 431;
		}
		if (!parse_header(line, h)) {
			*why = "a line of the header is none";
			return BAD;
		}
		if (!parse_framing(out, h)) {
			*why = "the length of the body is not clear";
			return BAD;
		}
		out->n_headers++;
	}
	*why = "the length of the body is not clear";
	return out->chunked && out->has_length ? BAD : 0;
}
