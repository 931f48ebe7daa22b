/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A table's rows as initialisers of struct weir_conf_row, for a struct that is called CONF. Included
 * before each .def, which takes the names back.
 */
#define ROW(sec, name, was, lo, hi, set, value, u, class, bits, text, kind) \
	{ .path = #sec "." #name,                                           \
	  .old = was,                                                       \
	  .dflt = value,                                                    \
	  .unit = u,                                                        \
	  .help = text,                                                     \
	  .names = set,                                                     \
	  .min = lo,                                                        \
	  .max = hi,                                                        \
	  .offset = offsetof(struct CONF, sec.name),                        \
	  .type = kind,                                                     \
	  .cls = WEIR_CONF_##class,                                         \
	  .flags = bits },
#define OPEN(name)
#define CLOSE(name)
#define LIST(type, name, most, help)
#define LIST_END(name, most)
#define BOOL(s, n, was, d, u, c, f, h) ROW(s, n, was, 0, 1, NULL, d, u, c, f, h, WEIR_CONF_BOOL)
#define U32(s, n, was, lo, hi, d, u, c, f, h) \
	ROW(s, n, was, lo, hi, NULL, d, u, c, f, h, WEIR_CONF_U32)
#define I32(s, n, was, lo, hi, d, u, c, f, h) \
	ROW(s, n, was, lo, hi, NULL, d, u, c, f, h, WEIR_CONF_I32)
#define REAL(s, n, was, lo, hi, d, u, c, f, h) \
	ROW(s, n, was, lo, hi, NULL, d, u, c, f, h, WEIR_CONF_REAL)
#define DURATION(s, n, was, lo, hi, d, u, c, f, h) \
	ROW(s, n, was, lo, hi, NULL, d, u, c, f, h, WEIR_CONF_DURATION)
#define STRING(s, n, was, hi, d, u, c, f, h) \
	ROW(s, n, was, 0, hi, NULL, d, u, c, f, h, WEIR_CONF_STRING)
#define ENUM(s, n, was, set, d, u, c, f, h) ROW(s, n, was, 0, 0, set, d, u, c, f, h, WEIR_CONF_ENUM)
#define SET(s, n, was, set, d, u, c, f, h)  ROW(s, n, was, 0, 0, set, d, u, c, f, h, WEIR_CONF_SET)
#define INTS(s, n, was, lo, hi, d, u, c, f, h) \
	ROW(s, n, was, lo, hi, NULL, d, u, c, f, h, WEIR_CONF_INTS)
#define NAMES(s, n, was, d, u, c, f, h) ROW(s, n, was, 0, 255, NULL, d, u, c, f, h, WEIR_CONF_NAMES)
#define PORTS(s, n, was, d, u, c, f, h) \
	ROW(s, n, was, 1, 65535, NULL, d, u, c, f, h, WEIR_CONF_PORTS)
#define ANY(s, n, was, d, u, c, f, h) \
	{ .path = #s "." #n,          \
	  .old = was,                 \
	  .dflt = d,                  \
	  .unit = u,                  \
	  .help = h,                  \
	  .type = WEIR_CONF_ANY,      \
	  .cls = WEIR_CONF_##c,       \
	  .flags = f },
#define OLD(name, f, h)          \
	{ .path = "",            \
	  .old = name,           \
	  .dflt = "",            \
	  .unit = "",            \
	  .help = h,             \
	  .type = WEIR_CONF_ANY, \
	  .flags = f },
