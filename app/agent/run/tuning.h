/* SPDX-License-Identifier: Apache-2.0 */
/* What the group says of this process itself: where its threads run and how much they stand back, and whether its memory may be swapped. */
#ifndef RUN_TUNING_H
#define RUN_TUNING_H

struct run;

/* Have what the configuration in force says; what the kernel refuses is said. Control thread. */
void tuning_follow(struct run *r);

#endif
