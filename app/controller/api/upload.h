/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UPLOAD_H
#define UPLOAD_H

#include "api_priv.h"
#include "multipart.h"

#define UPLOAD_FIELD_MAX 256 /* with the NUL */

enum upload_field {
#define UPLOAD_FIELD(field, name) UPLOAD_##field,
#include "upload.def"
	UPLOAD_FIELDS,
};

struct upload {
	char path[512];
	int fd;
	int failed; /* errno */
	bool is_form;
	uint64_t bytes;
	struct multipart form;
	char fields[UPLOAD_FIELDS][UPLOAD_FIELD_MAX];
};

/* False: the call has failed. `u` may be NULL. */
bool upload_is_whole(struct call *c, const struct upload *u);

#endif
