/* SPDX-License-Identifier: Apache-2.0 */
/* JSON, written as it is made: a list of 10,000 agents is no tree of a million nodes first. RFC 8259. */
#include "api_priv.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

static void put(struct out *o, const char *text)
{
	weir_http_text_add(o->to, text, strlen(text));
}

/* Of a character that begins so; 0: none does. */
static size_t utf8_length(unsigned char first)
{
	static const struct {
		unsigned char to;
		size_t n;
	} lengths[] = {
		{ 0x7f, 1 }, { 0xc1, 0 }, { 0xdf, 2 }, { 0xef, 3 }, { 0xf4, 4 }, { 0xff, 0 }
	};
	size_t i = 0;

	while (first > lengths[i].to)
		i++;
	return lengths[i].n;
}

/* Written longer than need be, half of a pair, or beyond what there is. */
static bool is_odd(const unsigned char *p)
{
	return (p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) ||
	       (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f);
}

/* Length of the UTF-8 character at `p`; 0: it is none (RFC 3629, 4). */
static size_t utf8(const unsigned char *p, size_t n)
{
	const size_t len = utf8_length(p[0]);

	if (len == 0 || len > n)
		return 0;
	for (size_t i = 1; i < len; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	return len > 1 && is_odd(p) ? 0 : len;
}

bool api_is_utf8(const char *text)
{
	const unsigned char *p = (const unsigned char *)text;
	size_t n = strlen(text), len;

	for (; n > 0; p += len, n -= len) {
		len = utf8(p, n);
		if (len == 0)
			return false;
	}
	return true;
}

static void put_control(struct out *o, unsigned char c)
{
	switch (c) {
	case '\n':
		put(o, "\\n");
		break;
	case '\t':
		put(o, "\\t");
		break;
	case '\r':
		put(o, "\\r");
		break;
	default:
		weir_http_text_printf(o->to, "\\u%04x", c);
	}
}

static void put_quoted(struct out *o, const char *text, size_t n)
{
	const unsigned char *p = (const unsigned char *)text;
	size_t plain = 0, len;

	put(o, "\"");
	for (; n > 0; p += len, n -= len) {
		len = utf8(p, n);
		if (len > 0 && p[0] >= ' ' && p[0] != '"' && p[0] != '\\' && p[0] != 0x7f) {
			plain += len;
			continue;
		}
		weir_http_text_add(o->to, (const char *)p - plain, plain);
		plain = 0;
		if (len == 0)
			put(o, "\xef\xbf\xbd"); /* U+FFFD */
		else if (p[0] == '"' || p[0] == '\\')
			weir_http_text_add(o->to, (const char[]){ '\\', (char)p[0] }, 2);
		else
			put_control(o, p[0]);
		len = len > 0 ? len : 1;
	}
	weir_http_text_add(o->to, (const char *)p - plain, plain);
	put(o, "\"");
}

static void put_key(struct out *o, const char *key)
{
	if (o->more)
		put(o, ",");
	o->more = true;
	if (key == NULL)
		return;
	put_quoted(o, key, strlen(key));
	put(o, ":");
}

void api_out_open(struct out *o, const char *key, char bracket)
{
	put_key(o, key);
	weir_http_text_add(o->to, &bracket, 1);
	o->more = false;
}

void api_out_close(struct out *o, char bracket)
{
	weir_http_text_add(o->to, &bracket, 1);
	o->more = true;
}

void api_out_bytes(struct out *o, const char *key, const char *value, size_t n)
{
	put_key(o, key);
	put_quoted(o, value, n);
}

void api_out_text(struct out *o, const char *key, const char *value)
{
	api_out_bytes(o, key, value, strlen(value));
}

void api_out_number(struct out *o, const char *key, uint64_t value)
{
	put_key(o, key);
	weir_http_text_printf(o->to, "%" PRIu64, value);
}

void api_out_bool(struct out *o, const char *key, bool value)
{
	put_key(o, key);
	put(o, value ? "true" : "false");
}

void api_out_null(struct out *o, const char *key)
{
	put_key(o, key);
	put(o, "null");
}

void api_out_json(struct out *o, const char *key, const char *json)
{
	json_t *checked = json_loads(json, 0, NULL);
	char *text = checked != NULL ? json_dumps(checked, JSON_COMPACT) : NULL;

	put_key(o, key);
	put(o, text != NULL ? text : "{}");
	free(text);
	json_decref(checked);
}

static void put_time(struct out *o, const char *key, uint64_t epoch_s, const char *fmt)
{
	const time_t t = (time_t)epoch_s;
	char text[40] = "";
	struct tm tm;

	if (epoch_s > 0 && localtime_r(&t, &tm) != NULL)
		strftime(text, sizeof(text), fmt, &tm);
	api_out_text(o, key, text);
}

void api_out_time(struct out *o, const char *key, uint64_t epoch_s)
{
	put_time(o, key, epoch_s, "%Y-%m-%d %H:%M:%S");
}

void api_out_rfc3339(struct out *o, const char *key, uint64_t epoch_s)
{
	const time_t t = (time_t)epoch_s;
	char text[40];
	struct tm tm;

	if (epoch_s == 0 || gmtime_r(&t, &tm) == NULL) {
		api_out_null(o, key);
		return;
	}
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm);
	api_out_text(o, key, text);
}
