/* SPDX-License-Identifier: Apache-2.0 */
/* One line of explanation that travels beside a negative errno. */
#include <weir_base.h>

#include <stdarg.h>
#include <stdio.h>

int weir_err_set(struct weir_err *err, int code, const char *fmt, ...)
{
	va_list ap;

	if (err != NULL) {
		err->code = code;
		va_start(ap, fmt);
		vsnprintf(err->msg, sizeof(err->msg), fmt, ap);
		va_end(ap);
	}
	return -code;
}
