/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of the log: a message, its forms, the journal, the limit. */
#ifndef LOG_PRIV_H
#define LOG_PRIV_H

#include <weir_base.h>

#define LOG_TEXT_MAX 1024 /* with the NUL; what is longer ends in "..." */
#define LOG_NAME_MAX 128  /* the same, of an object's name */

struct log_message {
	enum weir_log_level level;
	const char *kind; /* NULL = about no object; static memory */
	char name[LOG_NAME_MAX];
	char text[LOG_TEXT_MAX];
	uint64_t wall_ns;
};

/* Room for any message in any form: a byte takes at most 6. */
#define LOG_LINE_MAX (6 * (LOG_TEXT_MAX + LOG_NAME_MAX) + 256)

/* Write a message to `out`, LOG_LINE_MAX bytes of the caller; all but the journal's end in a newline. Returns bytes. */
size_t weir_log_text(const struct log_message *m, char *out);
size_t weir_log_logfmt(const struct log_message *m, char *out);
size_t weir_log_json(const struct log_message *m, char *out);
size_t weir_log_journal(const struct log_message *m, char *out);

/* Is standard error the journal's stream that `stream`, of the environment, names? NULL: it is not. */
bool weir_log_is_journal(const char *stream);
/* Use journald's socket at `path`. Returns 0 or -errno. */
int weir_log_journal_open(const char *path);
/* False: it was not taken. */
bool weir_log_journal_send(const char *fields, size_t n);

/* Messages of one place that were left out. */
struct log_left {
	uint64_t n;
	uint64_t ns;             /* in this time */
	struct log_message last; /* the last of them */
};

/*
 * May this message of `place` (not 0) be said at `now_ns`? When its window is over, or another's had to
 * go to make room, `left` tells what that left out (n = 0: nothing). Any thread.
 */
bool weir_log_limit_take(uint64_t place, const struct log_message *m, uint64_t now_ns,
			 struct log_left *left);
/* End a window that left something out and is over at `now_ns`, or any; false = there is none. Any thread. */
bool weir_log_limit_over(uint64_t now_ns, bool all, struct log_left *left);

#endif
