/* SPDX-License-Identifier: Apache-2.0 */
/* The log: a message is written at once, with one call, so that those of threads do not mix. */
#include "log_priv.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define JOURNAL "/run/systemd/journal/socket"

static atomic_int max_level = WEIR_LOG_INFO;
static atomic_int form = WEIR_LOG_TEXT; /* never AUTO */

void weir_log_level_set(enum weir_log_level level)
{
	atomic_store_explicit(&max_level, level, memory_order_relaxed);
}

int weir_log_format_set(enum weir_log_format format)
{
	int rc = 0;

	if (format == WEIR_LOG_AUTO)
		format = weir_log_is_journal(getenv("JOURNAL_STREAM")) &&
					 weir_log_journal_open(JOURNAL) == 0
				 ? WEIR_LOG_JOURNAL
				 : WEIR_LOG_TEXT;
	else if (format == WEIR_LOG_JOURNAL)
		rc = weir_log_journal_open(JOURNAL);
	atomic_store_explicit(&form, rc < 0 ? (int)WEIR_LOG_TEXT : (int)format,
			      memory_order_release);
	return rc;
}

/* Standard error may be a pipe that takes less than all of it. */
static void write_all(const char *p, size_t n)
{
	while (n > 0) {
		ssize_t done = write(STDERR_FILENO, p, n);

		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return;
		p += done;
		n -= (size_t)done;
	}
}

static void say(const struct log_message *m)
{
	size_t (*to_line)(const struct log_message *m, char *out) = weir_log_text;
	char line[LOG_LINE_MAX];

	switch (atomic_load_explicit(&form,
				     memory_order_acquire)) { /* the journal's socket is open */
	case WEIR_LOG_JOURNAL:
		if (weir_log_journal_send(line, weir_log_journal(m, line)))
			return;
		break;
	case WEIR_LOG_LOGFMT:
		to_line = weir_log_logfmt;
		break;
	case WEIR_LOG_JSON:
		to_line = weir_log_json;
		break;
	default:
		break;
	}
	write_all(line, to_line(m, line));
}

/* What was left out, as a message of its place: about the same object, at the same level. */
static void say_left(struct log_left *left)
{
	struct log_message *m = &left->last;
	char last[LOG_TEXT_MAX - 128];

	snprintf(last, sizeof(last), "%.*s", (int)sizeof(last) - 1, m->text);
	snprintf(m->text, sizeof(m->text), "%" PRIu64 " more in %" PRIu64 " s, the last: %s",
		 left->n, (left->ns + WEIR_NS_PER_S - 1) / WEIR_NS_PER_S, last);
	m->wall_ns = weir_clock_wall_ns();
	say(m);
}

void weir_log_flush(bool all)
{
	struct log_left left;

	while (weir_log_limit_over(weir_clock_mono_ns(), all, &left))
		say_left(&left);
}

/* A place in the code is what called, with its text; each object is limited by itself. Never 0. */
static uint64_t place_of(const void *caller, const char *fmt, const struct log_message *m)
{
	uint64_t h = weir_mix((uintptr_t)caller, (uintptr_t)fmt);

	for (const char *s = m->name; *s != '\0'; s++)
		h = weir_mix(h ^ (unsigned char)*s, UINT64_C(0x9e3779b97f4a7c15));
	return h | 1;
}

static void cut_mark(char *text, size_t size, size_t len)
{
	if (len >= size)
		memcpy(text + size - 4, "...", 4);
}

static void log_message(const void *caller, struct log_message *m, const char *fmt, va_list ap)
{
	const int before = errno;
	struct log_left left;
	bool may;

	cut_mark(m->text, sizeof(m->text), (size_t)vsnprintf(m->text, sizeof(m->text), fmt, ap));
	m->wall_ns = weir_clock_wall_ns();
	may = weir_log_limit_take(place_of(caller, fmt, m), m, weir_clock_mono_ns(), &left);
	if (left.n > 0)
		say_left(&left);
	weir_log_flush(false);
	if (may)
		say(m);
	errno = before;
}

static bool is_wanted(enum weir_log_level level)
{
	return (int)level <= atomic_load_explicit(&max_level, memory_order_relaxed);
}

void weir_log(enum weir_log_level level, const char *fmt, ...)
{
	struct log_message m = { .level = level };
	va_list ap;

	if (!is_wanted(level))
		return;
	va_start(ap, fmt);
	log_message(__builtin_return_address(0), &m, fmt, ap);
	va_end(ap);
}

void weir_log_about(enum weir_log_level level, const char *kind, const char *name, const char *fmt,
		    ...)
{
	struct log_message m = { .level = level, .kind = kind };
	va_list ap;

	if (!is_wanted(level))
		return;
	cut_mark(m.name, sizeof(m.name), (size_t)snprintf(m.name, sizeof(m.name), "%s", name));
	va_start(ap, fmt);
	log_message(__builtin_return_address(0), &m, fmt, ap);
	va_end(ap);
}
