/* SPDX-License-Identifier: Apache-2.0 */
/* A shell command, and what it prints. */
#ifndef COMMAND_TEST_H
#define COMMAND_TEST_H

#include <stdio.h>

/* All it prints, as far as there is room, ended by a NUL; "" where it cannot be run. Returns `text`. */
static inline const char *command_says(const char *command, char *text, size_t size)
{
	FILE *p = popen(command, "r");
	size_t n = p != NULL ? fread(text, 1, size - 1, p) : 0;

	if (p != NULL)
		pclose(p);
	text[n] = '\0';
	return text;
}

#endif
