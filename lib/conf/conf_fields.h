/* SPDX-License-Identifier: Apache-2.0 */
/* A table's rows as fields of a struct. Included before each .def, which takes the names back. */
#define OPEN(name) struct {
#define CLOSE(name) \
	}           \
	name;
#define LIST(type, name, most, help) \
	struct type {                \
		uint32_t line; /* of the file */
#define LIST_END(name, most) \
	}                    \
	name[most];          \
	uint32_t name##_n;
#define BOOL(sec, name, ...)     bool name;
#define U32(sec, name, ...)      uint32_t name;
#define I32(sec, name, ...)      int32_t name;
#define REAL(sec, name, ...)     double name;
#define DURATION(sec, name, ...) uint64_t name;
#define STRING(sec, name, ...)   const char *name;
#define ENUM(sec, name, ...)     uint32_t name;
#define SET(sec, name, ...)      uint64_t name;
#define INTS(sec, name, ...)     struct weir_conf_ints name;
#define NAMES(sec, name, ...)    struct weir_conf_names name;
#define PORTS(sec, name, ...)    const uint8_t *name;
#define ANY(sec, name, ...)
#define OLD(name, ...)
