/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SCHEMA_H
#define SCHEMA_H

#include <weir_db.h>

#define SITE_FILE "controller.sqlite" /* below the state's directory */

extern const struct weir_db_schema site_schema;

#endif
