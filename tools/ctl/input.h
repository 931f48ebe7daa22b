/* SPDX-License-Identifier: Apache-2.0 */
/* What a command is given to send: a file, or standard input. */
#ifndef INPUT_H
#define INPUT_H

#include "ctl.h"

#include <jansson.h>

#define INPUT_MAX ((size_t)16 << 20) /* of a file */

/* The whole of --file ("-" is standard input), ended by a NUL besides; free(). NULL with `err` set. */
char *input_read(const struct ctl *ctl, size_t *len, struct weir_err *err);

/* What messages call it. */
const char *input_name(const struct ctl *ctl);

/* --file as an object, its keys as they are; given. NULL with `err` set. */
json_t *input_object(const struct ctl *ctl, struct weir_err *err);
json_t *input_list(const struct ctl *ctl, struct weir_err *err); /* likewise, as a list */

/* The exit code where that was NULL: a mistake of the file is one of a configuration. */
enum ctl_exit input_exit(const struct ctl *ctl, const struct weir_err *err);

#endif
