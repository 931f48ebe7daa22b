/* SPDX-License-Identifier: Apache-2.0 */
/* Sink: JSON lines. RFC 8259, one object a line, fields of lib/rec/flow_fields.def. */
#include "export_priv.h"
#include "put.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#define BUF_BYTES (64 * 1024)

struct jsonl {
	struct weir_sink base;
	int fd;
	char *label;
	uint64_t kept; /* bytes of it that are whole lines */
	bool torn;     /* the last line is a part of one, and stays */
	size_t used;
	char buf[BUF_BYTES];
};

/* The longest values: an IPv6 address in quotes, a list of numbers of 5 digits. */
#define FIELD_MAX(name) (sizeof(#name) + sizeof("\"\":,") + 2 + 6 * WEIR_REC_GIDS_MAX)
enum {
	LONGEST = sizeof("{\n")
#define WEIR_FIELD(name, kind, member, add, show, help) +FIELD_MAX(name)
#define WEIR_DERIVED(name, kind, expr, show, help)      +FIELD_MAX(name)
#include "flow_fields.def"
};
static_assert(LONGEST <= WEIR_JSON_MAX, "no record is longer");

/* A value of each kind of flow_fields.def. */
#define put_U8(p, r, v)   put_u64(p, v)
#define put_U16(p, r, v)  put_u64(p, v)
#define put_U32(p, r, v)  put_u64(p, v)
#define put_U64(p, r, v)  put_u64(p, v)
#define put_I32(p, r, v)  put_i64(p, v)
#define put_TIME(p, r, v) put_u64(p, (v) / WEIR_NS_PER_US)
#define put_SPAN(p, r, v) put_u64(p, (v) / WEIR_NS_PER_US)

static inline char *quote(char *p)
{
	*p = '"';
	return p + 1;
}

static inline char *put_ID(char *p, const struct weir_flow_rec *r, uint64_t v)
{
	(void)r;
	return quote(put_u64(quote(p), v));
}

static inline char *put_IP(char *p, const struct weir_flow_rec *r, union weir_ip ip)
{
	p = quote(p);
	p = r->is_ipv6 ? weir_put_ipv6(p, ip.b) : put_ipv4(p, ip.b[0], ip.b[1], ip.b[2], ip.b[3]);
	return quote(p);
}

static inline char *put_IP4(char *p, const struct weir_flow_rec *r, uint32_t v)
{
	(void)r;
	if (v == 0)
		return PUT_LITERAL(p, "\"0.0.0.0\"");
	return quote(put_ipv4(quote(p), v >> 24 & 255, v >> 16 & 255, v >> 8 & 255, v & 255));
}

static inline char *put_MAC(char *p, const struct weir_flow_rec *r, const uint8_t mac[6])
{
	(void)r;
	return quote(put_mac(quote(p), mac));
}

static inline char *put_POINT(char *p, const struct weir_flow_rec *r, uint8_t v)
{
	(void)r;
	return quote(stpcpy(quote(p), weir_observation_point_text(v)));
}

static inline char *put_GIDS(char *p, const struct weir_flow_rec *r, const uint16_t *gids)
{
	const unsigned int n = weir_rec_gids(r);

	*p++ = '[';
	for (unsigned int i = 0; i < n; i++) {
		p = put_u64(p, gids[i]);
		*p++ = ',';
	}
	p[n > 0 ? -1 : 0] = ']'; /* in place of the last comma */
	return n > 0 ? p : p + 1;
}

/* Is a value of the kind set? */
#define has_U8(v)   ((v) != 0)
#define has_U16     has_U8
#define has_U32     has_U8
#define has_U64     has_U8
#define has_I32     has_U8
#define has_IP4     has_U8
#define has_GIDS(v) has_U8((v)[0])

#define ALWAYS(name, kind, v)                 \
	p = PUT_LITERAL(p, "\"" #name "\":"); \
	p = put_##kind(p, r, v);              \
	*p++ = ',';
#define SET(name, kind, v)            \
	if (has_##kind(v)) {          \
		ALWAYS(name, kind, v) \
	}
#define NEVER(name, kind, v)

/* A step for each row of the table. NOLINTNEXTLINE(readability-function-cognitive-complexity) */
size_t weir_flow_rec_json(char *dst, const struct weir_flow_rec *r)
{
	char *p = dst;

	*p++ = '{';
#define WEIR_FIELD(name, kind, member, add, show, help) show(name, kind, r->member)
#define WEIR_DERIVED(name, kind, expr, show, help)      show(name, kind, (expr))
#include "flow_fields.def"
	p[-1] = '}'; /* in place of the last comma */
	*p++ = '\n';
	return (size_t)(p - dst);
}

static int write_all(struct jsonl *j, const char *text, size_t bytes, struct weir_err *err)
{
	while (bytes > 0) {
		const ssize_t n = write(j->fd, text, bytes);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return weir_err_set(err, errno, "%s: %s", j->label, strerror(errno));
		text += n;
		bytes -= (size_t)n;
	}
	return 0;
}

/* What was written of a buffer that failed. What we did not open ourselves may not be ours alone. */
static void take_back(struct jsonl *j)
{
	j->torn = j->fd == STDOUT_FILENO || ftruncate(j->fd, (off_t)j->kept) != 0 ||
		  lseek(j->fd, (off_t)j->kept, SEEK_SET) < 0;
}

static int jsonl_flush(struct weir_sink *s, struct weir_err *err)
{
	struct jsonl *j = (struct jsonl *)s;
	const size_t used = j->used;
	int rc = 0;

	j->used = 0;
	if (used > 0 && j->torn)
		rc = write_all(j, "\n", 1, err);
	if (rc == 0)
		rc = write_all(j, j->buf, used, err);
	if (rc != 0) {
		take_back(j);
		return rc;
	}
	j->torn &= used == 0;
	j->kept += used;
	s->buffered = 0;
	return 0;
}

static int jsonl_write(struct weir_sink *s, const struct weir_flow_rec *recs, uint32_t n,
		       struct weir_err *err)
{
	struct jsonl *j = (struct jsonl *)s;
	int rc = 0;

	for (uint32_t i = 0; i < n; i++) {
		j->used += weir_flow_rec_json(j->buf + j->used, &recs[i]);
		s->buffered++;
		if (j->used > BUF_BYTES - WEIR_JSON_MAX)
			rc = jsonl_flush(s, err);
		if (rc != 0) {
			s->buffered += n - 1 - i;
			return rc;
		}
	}
	return 0;
}

static int jsonl_close(struct weir_sink *s, struct weir_err *err)
{
	struct jsonl *j = (struct jsonl *)s;
	int rc = 0;

	if (j->fd != STDOUT_FILENO && close(j->fd) != 0)
		rc = weir_err_set(err, errno, "%s: %s", j->label, strerror(errno));
	free(j->label);
	free(j);
	return rc;
}

static const struct weir_sink_ops jsonl_ops = { jsonl_write, jsonl_flush, jsonl_close };

struct weir_sink *weir_sink_jsonl_open(const char *target, struct weir_err *err)
{
	bool is_stdout = strcmp(target, "-") == 0;
	struct jsonl *j = calloc(1, sizeof(*j));

	if (j == NULL)
		goto err_memory;
	j->base.ops = &jsonl_ops;
	j->label = strdup(is_stdout ? "standard output" : target);
	if (j->label == NULL)
		goto err_memory;
	j->fd = is_stdout ? STDOUT_FILENO
			  : open(target, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (j->fd < 0) {
		weir_err_set(err, errno, "%s: %s", target, strerror(errno));
		goto err_free;
	}
	return &j->base;

err_memory:
	weir_err_set(err, ENOMEM, "%s: no memory for the write buffer", target);
err_free:
	if (j != NULL)
		free(j->label);
	free(j);
	return NULL;
}
