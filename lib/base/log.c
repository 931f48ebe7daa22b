/* SPDX-License-Identifier: Apache-2.0 */
/* The log: one line a message, written at once, so that lines of threads do not mix. */
#include <weir_base.h>

#include <stdarg.h>
#include <stdio.h>

static enum weir_log_level max_level = WEIR_LOG_INFO;

void weir_log_level_set(enum weir_log_level level)
{
	max_level = level;
}

void weir_log(enum weir_log_level level, const char *fmt, ...)
{
	static const char *const names[] = { "error", "warning", "info", "debug" };
	char line[1024];
	va_list ap;

	if (level > max_level)
		return;
	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	fprintf(stderr, "weir: %s: %s\n", names[level], line);
}
