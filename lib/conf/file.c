/* SPDX-License-Identifier: Apache-2.0 */
/* A configuration file: read as one text, then parsed. */
#include "conf_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

static const struct weir_conf_rules no_rules;
const struct weir_conf_rules *weir_conf_rules = &no_rules;

void weir_conf_rules_set(const struct weir_conf_rules *rules)
{
	weir_conf_rules = rules != NULL ? rules : &no_rules;
}

/* Read to the end, or one byte more than is allowed. Returns bytes or -errno. */
static ssize_t read_all(int fd, char *text, size_t size)
{
	size_t n = 0;

	while (n < size) {
		ssize_t got = read(fd, text + n, size - n);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (got == 0)
			break;
		n += (size_t)got;
	}
	return (ssize_t)n;
}

/* Whole file, NUL-terminated, free(). NULL: a mistake was added to `errs`. */
static char *file_read(const char *path, size_t *len, struct weir_err_list *errs)
{
	char *text = malloc(WEIR_CONF_BYTES_MAX + 2);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -errno : -ENOMEM;

	if (fd >= 0 && text != NULL)
		n = read_all(fd, text, WEIR_CONF_BYTES_MAX + 1);
	if (fd >= 0)
		close(fd);
	if (n < 0)
		weir_err_list_add(errs, false, path, 0, 0, "cannot be read: %s", strerror((int)-n));
	else if (n > WEIR_CONF_BYTES_MAX)
		weir_err_list_add(errs, false, path, 0, 0, "is too long; allowed are %d bytes",
				  WEIR_CONF_BYTES_MAX);
	if (n < 0 || n > WEIR_CONF_BYTES_MAX) {
		free(text);
		return NULL;
	}
	text[n] = '\0';
	*len = (size_t)n;
	return text;
}

int weir_conf_file_load(const char *path, conf_parse_fn parse, void *out, size_t out_bytes,
			struct weir_err_list *errs)
{
	size_t len;
	char *text = file_read(path, &len, errs);
	int rc;

	memset(out, 0, out_bytes);
	if (text == NULL)
		return -EINVAL;
	rc = parse(text, len, path, out, errs);
	free(text);
	return rc;
}
