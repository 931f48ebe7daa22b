/* SPDX-License-Identifier: Apache-2.0 */
/* Records of any content. */
#ifndef WEIR_REC_TEST_H
#define WEIR_REC_TEST_H

#include <weir_rec.h>

#include <stdlib.h>

/* Each field is zeroes, ones or noise. */
static inline void rec_fill(struct weir_flow_rec *r, unsigned int *seed)
{
	for (int f = 0; f < WEIR_FIELDS; f++) {
		uint8_t *at = (uint8_t *)r + weir_fields[f].offset;
		int what = rand_r(seed) % 3;

		for (int b = 0; b < weir_fields[f].bytes; b++)
			at[b] = what == 0 ? 0 : what == 1 ? 0xff : (uint8_t)(rand_r(seed) >> 3);
	}
}

#endif
