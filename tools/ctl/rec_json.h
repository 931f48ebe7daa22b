/* SPDX-License-Identifier: Apache-2.0 */
#ifndef REC_JSON_H
#define REC_JSON_H

#include <weir_rec.h>

#include <jansson.h>

/*
 * A flow record of its JSON, as weir_flow_rec_json() makes it; what JSON leaves out is 0. False when it is
 * none.
 */
bool rec_from_json(struct weir_flow_rec *rec, const json_t *object);

#endif
