/* SPDX-License-Identifier: Apache-2.0 */
/* flow-YYYYMMDDHH-NNNNN.sqlite: UTC hour of the period's begin, number within it. Names sort by time. */
#include "store_priv.h"

#include <errno.h>
#include <time.h>

void store_name(char name[STORE_NAME_BYTES], int64_t start_s, uint32_t seq)
{
	time_t t = (time_t)start_s;
	struct tm tm = { 0 };

	gmtime_r(&t, &tm);
	snprintf(name, STORE_NAME_BYTES, "flow-%04u%02u%02u%02u-%05u.sqlite",
		 (unsigned int)(tm.tm_year + 1900) % 10000, (unsigned int)(tm.tm_mon + 1) % 100,
		 (unsigned int)tm.tm_mday % 100, (unsigned int)tm.tm_hour % 100, seq % 100000);
}

static bool digits(const char **p, int n, uint32_t *v)
{
	*v = 0;
	for (int i = 0; i < n; i++, (*p)++) {
		if (**p < '0' || **p > '9')
			return false;
		*v = *v * 10 + (uint32_t)(**p - '0');
	}
	return true;
}

static bool literal(const char **p, const char *text)
{
	size_t n = strlen(text);

	if (strncmp(*p, text, n) != 0)
		return false;
	*p += n;
	return true;
}

bool store_name_parse(const char *name, int64_t *start_s, uint32_t *seq)
{
	uint32_t year, month, day, hour;
	struct tm tm = { 0 };

	if (!literal(&name, "flow-") || !digits(&name, 4, &year) || !digits(&name, 2, &month) ||
	    !digits(&name, 2, &day) || !digits(&name, 2, &hour) || !literal(&name, "-") ||
	    !digits(&name, 5, seq) || strcmp(name, ".sqlite") != 0)
		return false;
	tm.tm_year = (int)year - 1900;
	tm.tm_mon = (int)month - 1;
	tm.tm_mday = (int)day;
	tm.tm_hour = (int)hour;
	*start_s = timegm(&tm);
	return true;
}

int store_path(char path[STORE_PATH_BYTES], const char *dir, const char *name, struct weir_err *err)
{
	if (snprintf(path, STORE_PATH_BYTES, "%s/%s", dir, name) < STORE_PATH_BYTES)
		return 0;
	return weir_err_set(err, ENAMETOOLONG, "%s: the path is too long", dir);
}
