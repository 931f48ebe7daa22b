/* SPDX-License-Identifier: Apache-2.0 */
/* Flows whose two directions met different workers; the collector's thread. */
#ifndef EXPORT_SPLIT_H
#define EXPORT_SPLIT_H

#include "export_priv.h"

struct weir_splits;

/* NULL without memory. */
struct weir_splits *weir_splits_create(void);
void weir_splits_destroy(struct weir_splits *s);

/* A record of this worker; only half TCP connections matter. */
void weir_splits_look(struct weir_splits *s, uint32_t worker, const struct weir_flow_rec *rec);
uint64_t weir_splits_found(const struct weir_splits *s);

#endif
