/* SPDX-License-Identifier: Apache-2.0 */
/* "Did you mean": the edit distance of Damerau and Levenshtein (optimal string alignment). */
#include <weir_base.h>

#include <ctype.h>
#include <stdio.h>

#define WORD_MAX 63

static unsigned int min3(unsigned int a, unsigned int b, unsigned int c)
{
	unsigned int m = a < b ? a : b;

	return m < c ? m : c;
}

/* '-' and '_' are the same, and so are capitals. */
static int fold(char c)
{
	return c == '-' ? '_' : tolower((unsigned char)c);
}

static unsigned int distance(const char *a, size_t na, const char *b, size_t nb)
{
	unsigned int d[3][WORD_MAX + 1] = { { 0 } };

	for (size_t j = 0; j <= nb; j++)
		d[0][j] = (unsigned int)j;
	for (size_t i = 1; i <= na; i++) {
		unsigned int *row = d[i % 3], *up = d[(i + 2) % 3], *up2 = d[(i + 1) % 3];

		row[0] = (unsigned int)i;
		for (size_t j = 1; j <= nb; j++) {
			int x = fold(a[i - 1]), y = fold(b[j - 1]);

			row[j] = min3(row[j - 1] + 1, up[j] + 1, up[j - 1] + (x != y));
			if (i > 1 && j > 1 && x == fold(b[j - 2]) && y == fold(a[i - 2]))
				row[j] = min3(row[j], up2[j - 2] + 1, row[j]);
		}
	}
	return d[na % 3][nb];
}

void weir_nearest_offer(struct weir_nearest *near, const char *candidate)
{
	size_t na = strlen(near->word), nb = strlen(candidate);
	unsigned int d, most = na < 4 ? 1 : (unsigned int)(na / 4 + 1);

	if (na > WORD_MAX || nb > WORD_MAX || na + most < nb || nb + most < na)
		return;
	d = distance(near->word, na, candidate, nb);
	if (d <= most && (near->best[0] == '\0' || d < near->distance)) {
		snprintf(near->best, sizeof(near->best), "%s", candidate);
		near->distance = d;
	}
}
