/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every room uses: errors for people, the log, memory for tables, byte order, small helpers.
 * libc only; nothing here knows of packets.
 */
#ifndef WEIR_BASE_H
#define WEIR_BASE_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* The compiler is not to know where this value comes from, and so makes no branches of that. */
#define weir_opaque(x)     __asm__("" : "+r"(x))
#define weir_likely(x)     __builtin_expect(!!(x), 1)
#define weir_unlikely(x)   __builtin_expect(!!(x), 0)
#define WEIR_ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define WEIR_CACHE_LINE    64
#define WEIR_NS_PER_S      UINT64_C(1000000000)
#define WEIR_NS_PER_MS     UINT64_C(1000000)
#define WEIR_NS_PER_US     UINT64_C(1000)

/* One line for a person: the object, the value, what is allowed. */
struct weir_err {
	int code;      /* positive errno value; 0 = nothing recorded */
	char msg[480]; /* one line, no newline */
};

/* Record an error; `err` may be NULL. Returns -code, so that a failing branch is one line. */
int weir_err_set(struct weir_err *err, int code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

enum weir_log_level { WEIR_LOG_ERR, WEIR_LOG_WARN, WEIR_LOG_INFO, WEIR_LOG_DEBUG };
enum weir_log_format {
	WEIR_LOG_AUTO, /* the journal where standard error is one ($JOURNAL_STREAM), else text */
	WEIR_LOG_TEXT,
	WEIR_LOG_LOGFMT,
	WEIR_LOG_JSON,
	WEIR_LOG_JOURNAL, /* journald's socket, with a field for each part of a message */
};

/* Messages above this level are dropped. Any thread, at any time. Default: info. */
void weir_log_level_set(enum weir_log_level level);

/*
 * Form of messages from now on; default: text. All but the journal's go to standard error, and the
 * journal's too while it cannot be reached.
 *
 * Returns 0, or -errno when there is no journal and WEIR_LOG_JOURNAL was asked for: it is text then.
 * Control thread, at any time.
 */
int weir_log_format_set(enum weir_log_format format);

/*
 * One message, one line, whatever it holds. Any thread but a worker after boot; errno is kept. Never
 * waits for the journal; a full pipe at standard error blocks.
 */
void weir_log(enum weir_log_level level, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/*
 * A message about an object, which becomes a field of it: `kind` is a lower-case word ("port", "tap",
 * "sink", "store"; static memory), `name` the object's. The text says it too, so the message does not:
 * "weir: warning: port eth1: link down".
 */
void weir_log_about(enum weir_log_level level, const char *kind, const char *name, const char *fmt,
		    ...) __attribute__((format(printf, 4, 5)));

/*
 * A place in the code may say `burst` messages, of each object, in `window_ns`; how many more there
 * were is said afterwards: with the next message of any place, or by weir_log_flush(). burst 0 = no
 * limit. Default: 10 in 10 s. Any thread, at any time.
 */
void weir_log_limit_set(unsigned int burst, uint64_t window_ns);

/* Say now what was left out in windows that are over (`all`: and in those that are not). Any thread. */
void weir_log_flush(bool all);

/* A list that grows, of elements of one size; zeroed at first, `room` elements are there. free(items). */
struct weir_list {
	void *items;
	size_t count, room;
};

/* One more, zeroed; NULL without memory, and the list is as it was. */
void *weir_list_add(struct weir_list *l, size_t item_bytes);

/*
 * Map `bytes` of zeroed memory for a table: huge pages where reserved, else transparent ones where
 * offered, else plain. Nothing is touched. NULL when the system refuses. Give it back with the same
 * size. Control thread.
 */
void *weir_mem_map(size_t bytes);
void weir_mem_unmap(void *p, size_t bytes);

/*
 * Have pages behind `bytes` at `p` now, huge ones where the system has them, so that who touches them
 * does not wait. What is there keeps its content. Any thread.
 */
void weir_mem_back(void *p, size_t bytes);

/* Nanoseconds: wall clock (epoch), and one that never jumps. Any thread. */
uint64_t weir_clock_wall_ns(void);
uint64_t weir_clock_mono_ns(void);

/* 8 bytes no outsider can guess, for seeds. */
uint64_t weir_random_u64(void);

/*
 * Of the words offered, the one that `word` may have meant: `best` is "" while there is none near
 * enough. Words of up to 63 bytes; '-' and '_' are the same, and so are capitals.
 */
struct weir_nearest {
	const char *word;
	unsigned int distance;
	char best[64];
};
void weir_nearest_offer(struct weir_nearest *near, const char *candidate);

/* Bytes in network order, at any alignment. */
static inline uint16_t weir_be16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static inline uint32_t weir_be24(const uint8_t *p)
{
	return (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2];
}

static inline uint32_t weir_be32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return __builtin_bswap32(v);
}

/* A MAC address as a number. */
static inline uint64_t weir_be48(const uint8_t *p)
{
	return (uint64_t)weir_be16(p) << 32 | weir_be32(p + 2);
}

static inline uint64_t weir_be64(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return __builtin_bswap64(v);
}

/* Bytes in little-endian order, at any alignment. */
static inline uint16_t weir_le16(const uint8_t *p)
{
	return (uint16_t)(p[1] << 8 | p[0]);
}

static inline uint32_t weir_le32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static inline uint64_t weir_le64(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}
static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "loads above assume it");

static inline uint64_t weir_min_u64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static inline uint64_t weir_max_u64(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* Multiply and fold: every bit of the result depends on every bit of both. Not for secrets. */
static inline uint64_t weir_mix(uint64_t a, uint64_t b)
{
	__uint128_t m = (__uint128_t)a * b;

	return (uint64_t)m ^ (uint64_t)(m >> 64);
}

static inline void weir_prefetch(const void *p)
{
	__builtin_prefetch(p, 0, 3);
}

static inline void weir_prefetch_w(const void *p)
{
	__builtin_prefetch(p, 1, 3);
}

#endif
