/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What has come and is not used yet is kept, 8 KiB at most: a delimiter may lie on the seam of two pieces, and the head of
 * a part has to be whole.
 */
#include "multipart.h"

#include <stdio.h>
#include <string.h>

#define BOUNDARY_MAX 70 /* RFC 2046, 5.1.1 */

bool multipart_begin(struct multipart *m, const char *type)
{
	const char *boundary = type != NULL ? strcasestr(type, "boundary=") : NULL;
	size_t n;

	m->state = MULTIPART_DATA;
	m->name[0] = '\0';
	if (boundary == NULL || strncasecmp(type, "multipart/form-data", 19) != 0)
		return false;
	boundary += strlen("boundary=");
	boundary += *boundary == '"';
	n = strcspn(boundary, "\"; \t");
	if (n == 0 || n > BOUNDARY_MAX)
		return false;
	m->delimiter_len = (size_t)snprintf(m->delimiter, sizeof(m->delimiter), "\r\n--%.*s",
					    (int)n, boundary);
	memcpy(m->kept, "\r\n", 2); /* the first delimiter has no line before it */
	m->n = 2;
	return true;
}

static void use(struct multipart *m, size_t n)
{
	m->n -= n;
	memmove(m->kept, m->kept + n, m->n);
}

static void give(struct multipart *m, size_t n)
{
	if (m->name[0] != '\0' && n > 0)
		m->data(m->ctx, m->name, m->kept, n);
	use(m, n);
}

/* False: more has to come. */
static bool take_data(struct multipart *m)
{
	const char *end = memmem(m->kept, m->n, m->delimiter, m->delimiter_len);

	if (end == NULL) {
		if (m->n >= m->delimiter_len)
			give(m, m->n - m->delimiter_len + 1);
		return false;
	}
	give(m, (size_t)(end - m->kept));
	use(m, m->delimiter_len);
	m->state = MULTIPART_NEXT;
	return true;
}

static bool take_next(struct multipart *m)
{
	if (m->n < 2)
		return false;
	if (memcmp(m->kept, "--", 2) == 0)
		m->state = MULTIPART_OVER;
	else if (memcmp(m->kept, "\r\n", 2) == 0)
		m->state =
			MULTIPART_HEAD; /* which ends with the empty line: its line's end is kept */
	else
		m->state = MULTIPART_BAD;
	return m->state == MULTIPART_HEAD;
}

/* Of: Content-Disposition: form-data; name="IMAGE"; filename="..." */
static bool take_name(struct multipart *m, const char *head)
{
	const char *line = strcasestr(head, "\r\ncontent-disposition:");
	const char *name = line != NULL ? strcasestr(line, " name=\"") : NULL;
	size_t n;

	if (name == NULL)
		return false;
	name += strlen(" name=\"");
	n = strcspn(name, "\"\r\n");
	if (n == 0 || n >= sizeof(m->name) || name[n] != '"')
		return false;
	memcpy(m->name, name, n);
	m->name[n] = '\0';
	return true;
}

static bool take_head(struct multipart *m)
{
	char *end = memmem(m->kept, m->n, "\r\n\r\n", 4);

	if (end == NULL) {
		if (m->n == sizeof(m->kept))
			m->state = MULTIPART_BAD;
		return false;
	}
	*end = '\0';
	if (!take_name(m, m->kept)) {
		m->state = MULTIPART_BAD;
		return false;
	}
	use(m, (size_t)(end - m->kept) + 4);
	m->state = MULTIPART_DATA;
	return true;
}

static bool step(struct multipart *m)
{
	switch (m->state) {
	case MULTIPART_DATA:
		return take_data(m);
	case MULTIPART_NEXT:
		return take_next(m);
	case MULTIPART_HEAD:
		return take_head(m);
	default:
		m->n = 0; /* what comes behind the end is nobody's */
		return false;
	}
}

void multipart_take(struct multipart *m, const char *bytes, size_t n)
{
	while (n > 0) {
		const size_t room = sizeof(m->kept) - m->n, piece = n < room ? n : room;

		memcpy(m->kept + m->n, bytes, piece);
		m->n += piece;
		bytes += piece;
		n -= piece;
		while (step(m))
			;
	}
}
