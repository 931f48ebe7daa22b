/* SPDX-License-Identifier: Apache-2.0 */
/* What to capture where the configuration names no tap. */
#ifndef RUN_APPLIANCE_H
#define RUN_APPLIANCE_H

#include <weir_conf.h>

struct appliance;

/* Look at the interfaces of this host and choose, one tap each. Logs what and why. NULL without memory. */
struct appliance *appliance_choose(void);
/* Its taps, borrowed; 0 where there is nothing to capture. */
uint32_t appliance_taps(const struct appliance *a, const struct weir_box_tap **taps);
void appliance_free(struct appliance *a); /* NULL is fine */

#endif
