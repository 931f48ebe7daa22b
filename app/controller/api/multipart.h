/* SPDX-License-Identifier: Apache-2.0 */
/* A form with a file, read as it comes: RFC 7578 and 2046, 5.1. */
#ifndef MULTIPART_H
#define MULTIPART_H

#include <stdbool.h>
#include <stddef.h>

struct multipart {
	enum {
		MULTIPART_DATA,
		MULTIPART_NEXT,
		MULTIPART_HEAD,
		MULTIPART_OVER,
		MULTIPART_BAD
	} state;
	char delimiter[80]; /* "\r\n--" and the boundary */
	size_t delimiter_len;
	char name[64]; /* of the part; "" = before the first */
	char kept[8192];
	size_t n; /* of `kept` */
	void (*data)(void *ctx, const char *name, const char *bytes, size_t n);
	void *ctx;
};

/* False: `type` is no multipart/form-data with a boundary. */
bool multipart_begin(struct multipart *m, const char *type);
void multipart_take(struct multipart *m, const char *bytes, size_t n);

#endif
