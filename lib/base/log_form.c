/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The forms of a message. Text: for a terminal, which gets printable characters only. logfmt: key=value,
 * values quoted as JSON does where they must be. JSON: RFC 8259. Journal: systemd's native protocol
 * (systemd.io/JOURNAL_NATIVE_PROTOCOL).
 */
#include "log_priv.h"

#include <errno.h>
#include <stdio.h>
#include <time.h>

static const char *const level_names[] = { "error", "warning", "info", "debug" };

static char *put_n(char *p, const char *s, size_t n)
{
	memcpy(p, s, n);
	return p + n;
}

static char *put(char *p, const char *s)
{
	return put_n(p, s, strlen(s));
}

/* Bytes of a character that begins with `first`; 0 = none does. */
static size_t utf8_len_of(unsigned char first)
{
	if (first < 0x80)
		return 1;
	if (first < 0xc2 || first > 0xf4)
		return 0;
	return first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
}

/* Bytes of the character at `s`, a NUL-terminated text; 0 = none of UTF-8 (RFC 3629, section 4). */
static size_t utf8_len(const unsigned char *s)
{
	const unsigned char lo = s[0] == 0xe0 ? 0xa0 : s[0] == 0xf0 ? 0x90 : 0x80;
	const unsigned char hi = s[0] == 0xed ? 0x9f : s[0] == 0xf4 ? 0x8f : 0xbf;
	const size_t n = utf8_len_of(s[0]);

	if (n > 1 && (s[1] < lo || s[1] > hi))
		return 0;
	for (size_t i = 2; i < n; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	return n;
}

/* Control characters, those of a terminal's upper half too. */
static bool is_control(const unsigned char *s)
{
	return s[0] < 0x20 || s[0] == 0x7f || (s[0] == 0xc2 && s[1] < 0xa0);
}

static char *printable(char *p, const char *text)
{
	for (const unsigned char *s = (const unsigned char *)text; *s != '\0';) {
		size_t n = utf8_len(s);

		if (n > 0 && !is_control(s))
			p = put_n(p, (const char *)s, n);
		else if (*s == '\n')
			p = put(p, "\\n");
		else
			p += sprintf(p, "\\x%02x", *s);
		s += n > 0 && !is_control(s) ? n : 1;
	}
	return p;
}

size_t weir_log_text(const struct log_message *m, char *out)
{
	char *p = put(put(put(out, "weir: "), level_names[m->level]), ": ");

	if (m->kind != NULL) {
		p = put(put(p, m->kind), " ");
		p = put(printable(p, m->name), ": ");
	}
	p = put(printable(p, m->text), "\n");
	return (size_t)(p - out);
}

/* As in a string of JSON, without its quotes. What is no UTF-8 becomes U+FFFD. */
static char *escaped(char *p, const char *text)
{
	for (const unsigned char *s = (const unsigned char *)text; *s != '\0';) {
		size_t n = utf8_len(s);

		if (n == 0)
			p = put(p, "\xef\xbf\xbd");
		else if (*s == '"' || *s == '\\')
			p += sprintf(p, "\\%c", *s);
		else if (*s == '\n')
			p = put(p, "\\n");
		else if (is_control(s))
			p += sprintf(p, "\\u%04x",
				     n == 1 ? s[0]
					    : s[1]); /* U+0080 to U+009F are c2 80 to c2 9f */
		else
			p = put_n(p, (const char *)s, n);
		s += n > 0 ? n : 1;
	}
	return p;
}

static char *quoted(char *p, const char *text)
{
	return put(escaped(put(p, "\""), text), "\"");
}

/* RFC 3339, to the microsecond. */
static char *put_time(char *p, uint64_t wall_ns)
{
	const time_t s = (time_t)(wall_ns / WEIR_NS_PER_S);
	struct tm tm;

	if (gmtime_r(&s, &tm) == NULL)
		return put(p, "1970-01-01T00:00:00.000000Z");
	p += strftime(p, 32, "%Y-%m-%dT%H:%M:%S", &tm);
	return p + sprintf(p, ".%06uZ", (unsigned int)(wall_ns % WEIR_NS_PER_S / 1000));
}

size_t weir_log_json(const struct log_message *m, char *out)
{
	char *p = put(put_time(put(out, "{\"time\":\""), m->wall_ns), "\",\"level\":\"");

	p = put(put(p, level_names[m->level]), "\"");
	if (m->kind != NULL)
		p = quoted(put(put(put(p, ",\""), m->kind), "\":"), m->name);
	p = put(quoted(put(p, ",\"msg\":"), m->text), "}\n");
	return (size_t)(p - out);
}

/* A value of logfmt stands bare where it holds nothing that a reader could take for its end. */
static bool is_bare(const char *text)
{
	const unsigned char *s = (const unsigned char *)text;

	for (size_t n; *s != '\0'; s += n) {
		n = utf8_len(s);
		if (n == 0 || is_control(s) || strchr(" =\"\\", *s) != NULL)
			return false;
	}
	return text[0] != '\0';
}

static char *logfmt_value(char *p, const char *text)
{
	return is_bare(text) ? put(p, text) : quoted(p, text);
}

size_t weir_log_logfmt(const struct log_message *m, char *out)
{
	char *p = put(put_time(put(out, "time="), m->wall_ns), " level=");

	p = put(p, level_names[m->level]);
	if (m->kind != NULL)
		p = logfmt_value(put(put(put(p, " "), m->kind), "="), m->name);
	p = put(logfmt_value(put(p, " msg="), m->text), "\n");
	return (size_t)(p - out);
}

/* A value with a newline has its length before it: 64 bits, little-endian. */
static char *journal_field(char *p, const char *name, const char *value)
{
	const uint64_t len = strlen(value);

	for (; *name != '\0'; name++)
		*p++ = (char)(*name >= 'a' && *name <= 'z' ? *name - 'a' + 'A' : *name);
	if (strchr(value, '\n') == NULL)
		p = put(p, "=");
	else
		p = put_n(put(p, "\n"), (const char *)&len, sizeof(len));
	return put(put(p, value), "\n");
}

/* What a person reads is printable, else journalctl shows "blob data"; an object's field is its very name. */
size_t weir_log_journal(const struct log_message *m, char *out)
{
	static const char *const priorities[] = { "3", "4", "6", "7" }; /* syslog(3) */
	char *p = journal_field(out, "PRIORITY", priorities[m->level]);

	p = journal_field(p, "SYSLOG_IDENTIFIER", program_invocation_short_name);
	if (m->kind != NULL)
		p = journal_field(p, m->kind, m->name);
	p = put(p, "MESSAGE=");
	if (m->kind != NULL)
		p = put(printable(put(put(p, m->kind), " "), m->name), ": ");
	p = put(printable(p, m->text), "\n");
	return (size_t)(p - out);
}
